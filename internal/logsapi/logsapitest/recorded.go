package logsapitest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Recording is one file of answers recorded from AWS, by test and entry.
type Recording struct {
	path  string
	tests map[string]recordedTest
}

type recordedTest struct {
	Content map[string]any `json:"recorded-content"`
}

// Record opens a file of recordings, or skips the test naming where it looked:
// SLUICE_SHARED, or the folder "shared" beside the project.
func Record(t testing.TB, file string) *Recording {
	t.Helper()
	r := &Recording{path: filepath.Join(shared(t), "oracles", "aws-recorded", file)}
	raw, err := os.ReadFile(r.path)
	if err != nil {
		t.Skipf("no recordings: %v", err)
	}
	if err := json.Unmarshal(raw, &r.tests); err != nil {
		t.Fatalf("%s: %v", r.path, err)
	}
	return r
}

func shared(t testing.TB) string {
	if dir := os.Getenv("SLUICE_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
	}
	t.Skip("no go.mod above the test's folder")
	return ""
}

// Same compares an answer with a recorded one. Times, tokens and the names given
// (log group and stream names, by their place in the recording's placeholders)
// are replaced as the recording replaces them.
func (r *Recording) Same(t testing.TB, a Answer, test, entry string, placeholders ...string) {
	t.Helper()
	for name, recorded := range r.tests {
		if strings.HasSuffix(name, "::"+test) {
			want, ok := recorded.Content[entry]
			if !ok {
				t.Errorf("%s: no entry %s of %s", r.path, entry, test)
			}
			if diff := cmp.Diff(want, a.asRecorded(placeholders)); diff != "" {
				t.Errorf("%s, %s: AWS's - ours +\n%s", test, entry, diff)
			}
			return
		}
	}
	t.Errorf("%s: no recording of %s", r.path, test)
}

// asRecorded has the form of a recording.
func (a Answer) asRecorded(placeholders []string) any {
	out := map[string]any{"ResponseMetadata": map[string]any{"HTTPHeaders": map[string]any{}, "HTTPStatusCode": float64(a.Status)}}
	if a.Status != http.StatusOK {
		out["Error"] = map[string]any{"Code": a.Code, "Message": a.Message}
		return out
	}
	replace := strings.NewReplacer(append(placeholders,
		"arn:aws:", "arn:<partition>:", ":"+Region+":", ":<region>:")...)
	body, _ := a.Body.(map[string]any)
	for name, value := range body {
		out[name] = masked(name, value, replace)
	}
	return out
}

// masked replaces what differs from call to call.
func masked(name string, value any, replace *strings.Replacer) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			out[name] = masked(name, value, replace)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = masked("", value, replace)
		}
		return out
	case string:
		switch name {
		case "nextSequenceToken":
			return "<next-sequence-token:1>"
		case "nextToken":
			return "<next_token>"
		}
		return replace.Replace(v)
	case float64:
		switch name {
		case "creationTime":
			return "timestamp"
		case "tooOldLogEventEndIndex":
			return "too-old-log-event-end-index"
		case "tooNewLogEventStartIndex":
			return "too-new-log-event-start-index"
		}
	}
	return value
}
