package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sluice/cmd/sluice/internal/replay"
)

// firehoseFake takes PutRecordBatch; of the first call it refuses every third
// record, and after some calls it breaks off.
type firehoseFake struct {
	records  []string
	calls    int
	breakAt  int
	atATime  int
	problems []string
}

func (f *firehoseFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		DeliveryStreamName string
		Records            []struct{ Data []byte }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.DeliveryStreamName != "lake" ||
		r.Header.Get("X-Amz-Target") != "Firehose_20150804.PutRecordBatch" || r.Header.Get("Authorization") == "" {
		f.problems = append(f.problems, fmt.Sprint(err, in.DeliveryStreamName, r.Header))
	}
	f.calls++
	f.atATime = max(f.atATime, len(in.Records))
	if f.calls == f.breakAt {
		http.Error(w, `{"__type":"ServiceUnavailableException"}`, http.StatusServiceUnavailable)
		return
	}
	var answers []map[string]string
	for i, record := range in.Records {
		if f.calls == 1 && i%3 == 2 {
			answers = append(answers, map[string]string{"ErrorCode": "ServiceUnavailableException"})
			continue
		}
		f.records = append(f.records, string(record.Data))
		answers = append(answers, map[string]string{"RecordId": "1"})
	}
	json.NewEncoder(w).Encode(map[string]any{"RequestResponses": answers})
}

func TestReplayCommand(t *testing.T) {
	fake := &firehoseFake{breakAt: 4}
	server := httptest.NewServer(fake)
	defer server.Close()
	dir := t.TempDir()
	errorsAt := filepath.Join(dir, "lake/errors/processing-failed")
	if err := os.MkdirAll(errorsAt, 0o755); err != nil {
		t.Fatal(err)
	}
	var want []string
	for object, n := range []int{600, 700} {
		var text []byte
		for i := range n {
			record := fmt.Sprintf("%d/%d", object, i)
			want = append(want, record)
			text = fmt.Appendf(text, `{"attemptsMade":1,"arrivalTimestamp":"%d","errorCode":"A.%d","rawData":"%s"}`+"\n", 1767600000000+i, i%2, base64.StdEncoding.EncodeToString([]byte(record)))
		}
		text = append(text, "{}\nno record\n"...)
		if err := os.WriteFile(filepath.Join(errorsAt, fmt.Sprint(object)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(code int, want replay.Report, args ...string) {
		t.Helper()
		args = append([]string{"replay", "lake/errors/", "--stream", "lake", "--s3", "folder:" + dir, "--endpoint-url", server.URL,
			"--notes", filepath.Join(dir, "notes"), "-o", "json"}, args...)
		var out, errs bytes.Buffer
		if got := run(args, &process{stdout: &out, stderr: &errs}); got != code {
			t.Errorf("%v: exit code %d: %s", args, got, errs.String())
		}
		var got replay.Report
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != want {
			t.Errorf("%v: %+v, want %+v (%v)", args, got, want, err)
		}
	}
	f(0, replay.Report{Objects: 2, Records: 1300, Bad: 4}, "--dry-run")
	if fake.calls > 0 {
		t.Error("a dry run called")
	}
	f(1, replay.Report{Objects: 1, Records: 600, Bad: 2}) // broken off in the second object
	f(0, replay.Report{Objects: 1, Before: 1, Records: 700, Bad: 2})
	f(0, replay.Report{Before: 2})
	slices.Sort(fake.records)
	slices.Sort(want)
	if !slices.Equal(fake.records, want) {
		t.Errorf("%d records, want %d", len(fake.records), len(want))
	}
	f(0, replay.Report{Objects: 2, Records: 1300, Bad: 4}, "--again", "--dry-run")
	f(0, replay.Report{Objects: 2, Records: 20, Filtered: 1280, Bad: 4}, "--code", "A.1", "--until", "2026-01-05T08:00:00.020Z")
	if fake.atATime != 500 || len(fake.problems) > 0 {
		t.Errorf("%d records in one call; %v", fake.atATime, fake.problems)
	}
}
