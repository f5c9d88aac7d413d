package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/verify"
)

func TestVerifyCommand(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "lake/_sluice/commit/lake/0/00000000000000000001.json")
	if err := os.MkdirAll(filepath.Dir(manifest), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := func(want int, wantOut string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(append([]string{"verify"}, args...), &process{stdout: &out, stderr: &errs}); got != want {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, want, errs.String())
		}
		if !strings.Contains(out.String()+errs.String(), wantOut) {
			t.Errorf("%v: %s%s", args, out.String(), errs.String())
		}
		return out.String()
	}
	const head = `{"version":1,"deliveryStream":"arn:d","shard":0,"cut":1,"start":0,"end":9,"records":0,"objects":`
	const tail = `,"previous":"0000000000000000000000000000000000000000000000000000000000000000"}`
	write(head + `[]` + tail)
	f(0, "complete; 0 objects in flight, 0 foreign", "lake", "--s3", "folder:"+dir)
	f(0, "arn:d", "s3://lake", "--s3", "folder:"+dir)
	f(0, "complete", "folder:"+filepath.Join(dir, "lake"))
	write(head + `[{"key":"gone","size":1}]` + tail)
	f(1, "missing object: gone:", "lake", "--s3", "folder:"+dir)
	var r verify.Report
	if err := json.Unmarshal([]byte(f(1, "findings", "lake", "--s3", "folder:"+dir, "-o", "json")), &r); err != nil || r.Complete || len(r.Findings) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	f(1, "complete: 1 finding;", "lake", "--s3", "folder:"+dir)
	f(2, "there is no bucket no-such-bucket in folder:", "no-such-bucket", "--s3", "folder:"+dir)
	f(2, "for a bucket that is a folder give folder:testdata/script", "testdata/script")
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	f(1, "no manifest: _sluice/: neither", "lake", "--s3", "folder:"+dir)
	f(2, "names no bucket", "/x")
	f(2, "give 1 to 256", "lake", "--parallel", "0")
	f(2, "give folder:DIR", "lake", "--s3", "nowhere")
}
