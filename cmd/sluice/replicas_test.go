package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReplicas(t *testing.T) {
	f := func(report, output string, code int, want ...string) {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/replicas" {
				t.Errorf("asked for %s", r.URL.Path)
			}
			io.WriteString(w, report)
		}))
		defer server.Close()
		var out, errs bytes.Buffer
		got := run([]string{"replicas", "--admin", server.URL, "-o", output}, &process{stdout: &out, stderr: &errs})
		if got != code {
			t.Errorf("exit code %d, want %d: %s", got, code, errs.String())
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("no %q in\n%s", w, out.String())
			}
		}
	}
	const done = `[{"source":"eu","connected":true,"shards":[{"originId":"0123456789abcdef","shard":0,"start":1,"end":90}]}]`
	f(done, "text", exitDone, "eu", "01234567", "complete", "[1,90)")
	f(done, "json", exitDone, done)
	f(`[]`, "text", exitDone, "no copies are made here")
	f(`[]`, "json", exitDone, `[]`)
	f(`[{"source":"eu","connected":false,"problem":"no route"}]`, "text", exitFailed, "unknown", "no route")
	f(strings.Replace(done, `"end":90`, `"end":90,"gaps":[{"from":5,"to":9}],"backlog":4`, 1), "text", exitFailed, "behind")
	f(strings.Replace(done, `"end":90`, `"end":90,"missing":3`, 1), "text", exitFailed, "incomplete")
	f(strings.Replace(done, `"end":90`, `"end":90,"stopped":true`, 1), "text", exitFailed, "stopped")
	f(`no report`, "text", exitFailed)
}
