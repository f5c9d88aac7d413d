package pattern

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vector is one recorded or derived answer of the filter language.
type vector struct {
	ID, Kind, Pattern string
	Message           *string
	Match             bool
	Extracted         map[string]string
	Valid             bool
	Error             *string
	Ambiguous         bool
	Note              string
}

// sharedPath finds a file of the reference material beside the project, or
// skips the test.
func sharedPath(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("SLUICE_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Skip("no go.mod above the test's folder")
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(filepath.Dir(dir), "shared")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference material missing: %s", path)
	}
	return path
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open(sharedPath(t, "oracles/filter-vectors.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []vector
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			defer func() {
				if t.Failed() && v.Ambiguous {
					t.Logf("ambiguous: %s", v.Note)
				}
			}()
			if problem := v.check(); problem != "" {
				if v.Ambiguous {
					t.Skipf("ambiguous (%s): %s", v.Note, problem)
				}
				t.Errorf("pattern %q: %s", v.Pattern, problem)
			}
		})
	}
}

// sameText compares error texts; the vectors abbreviate a long value to its
// first letter and an ellipsis, which the live answer did not.
func sameText(got, want string) bool {
	before, after, abbreviated := strings.Cut(want, "…")
	if !abbreviated {
		return got == want
	}
	return strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}

// check returns what is wrong, or "".
func (v *vector) check() string {
	p, err := Compile(v.Pattern)
	switch {
	case !v.Valid && err == nil:
		return "compiled, want an error"
	case !v.Valid && v.Error != nil && !sameText(err.Error(), *v.Error):
		return "error " + err.Error() + ", want " + *v.Error
	case !v.Valid:
		return ""
	case err != nil:
		return "error " + err.Error()
	}
	if got := p.Match([]byte(*v.Message)); got != v.Match {
		return "message " + *v.Message + ": wrong answer"
	}
	if got := p.Fields([]byte(*v.Message)); v.Extracted != nil && !maps.Equal(got, v.Extracted) {
		text, _ := json.Marshal(got)
		return "message " + *v.Message + ": extracted " + string(text)
	}
	return ""
}
