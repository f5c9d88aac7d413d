package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/obs"
)

func get(h http.Handler, method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

func TestAdminRoutes(t *testing.T) {
	ready := &obs.Readiness{}
	ready.Add("log", func(context.Context) error { return nil })
	h := obs.Admin{
		Registry: obs.NewRegistry("1"),
		Ready:    ready,
		More: map[string]http.Handler{"/clock/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "clock "+r.URL.Path)
		})},
	}.Handler()
	f := func(method, path string, status int, body string) {
		t.Helper()
		answer := get(h, method, path)
		if answer.Code != status || !strings.Contains(answer.Body.String(), body) {
			t.Errorf("%s %s: %d %q, want %d and %q", method, path, answer.Code, answer.Body, status, body)
		}
	}
	f("GET", "/healthz", 200, "ok\n")
	f("POST", "/healthz", 405, "")
	f("GET", "/readyz", 200, `"ready":true`)
	f("GET", "/metrics", 200, "sluice_build_info")
	f("GET", "/debug/pprof/", 200, "goroutine")
	f("GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	f("GET", "/debug/pprof/cmdline", 200, "")
	f("POST", "/debug/pprof/symbol", 200, "num_symbols")
	f("POST", "/clock/set", 200, "clock /clock/set")
	f("GET", "/", 200, "/clock\n/debug/pprof/\n/healthz\n/metrics\n/readyz\n")
	f("GET", "/nothing", 404, "")
}

func TestAdminAllowRefusesEveryRoute(t *testing.T) {
	h := obs.Admin{
		Registry: obs.NewRegistry("1"),
		Ready:    &obs.Readiness{},
		Allow: func(r *http.Request) error {
			if r.Host == "evil.example" {
				return errors.New("host evil.example is not served here")
			}
			return nil
		},
	}.Handler()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/none"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "evil.example"
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if answer.Code != 403 || !strings.Contains(answer.Body.String(), "not served here") {
			t.Errorf("%s: %d %q, want 403 with the reason", path, answer.Code, answer.Body)
		}
	}
	if answer := get(h, "GET", "/healthz"); answer.Code != 200 {
		t.Errorf("an allowed host got %d", answer.Code)
	}
}

func TestReadinessNamesReasons(t *testing.T) {
	ready := &obs.Readiness{}
	if answer := get(ready, "GET", "/readyz"); answer.Code != 503 {
		t.Errorf("ready without a check: %d", answer.Code)
	}
	down := errors.New("recovering segment 3 of 9")
	ready.Add("catalog", func(context.Context) error { return nil })
	ready.Add("log", func(context.Context) error { return down })

	answer := get(ready, "GET", "/readyz")
	var got obs.Report
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := obs.Report{Checks: []obs.Result{
		{Name: "catalog", OK: true},
		{Name: "log", Reason: "recovering segment 3 of 9"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || answer.Code != 503 {
		t.Errorf("status %d, report (-want +got):\n%s", answer.Code, diff)
	}
	down = nil
	if answer := get(ready, "GET", "/readyz"); answer.Code != 200 {
		t.Errorf("all checks pass, got %d", answer.Code)
	}
}

func TestReadinessDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := &obs.Readiness{}
		ready.Add("stuck", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		ready.Add("fine", func(context.Context) error { return nil })
		report := ready.Report(t.Context())
		want := obs.Report{Checks: []obs.Result{
			{Name: "stuck", Reason: context.DeadlineExceeded.Error()},
			{Name: "fine", OK: true},
		}}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	})
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log, err := obs.NewLogger(&out, "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("hidden")
	log.Warn("shown", "shard", 3)
	var record struct {
		Level, Msg string
		Shard      int
	}
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("not one JSON line: %v\n%s", err, &out)
	}
	if record.Level != "WARN" || record.Msg != "shown" || record.Shard != 3 {
		t.Errorf("got %+v", record)
	}
}

func TestLoggerRefusesUnknownLevel(t *testing.T) {
	f := func(level, want string) {
		t.Helper()
		_, err := obs.NewLogger(io.Discard, level)
		switch {
		case want == "" && err != nil:
			t.Errorf("level %q: %v", level, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("level %q: error %v, want one with %q", level, err, want)
		}
	}
	f("debug", "")
	f("info", "")
	f("warn", "")
	f("error", "")
	f("", "not one of debug, info, warn, error")
	f("INFO", `"INFO"`)
}

func TestIsTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if obs.IsTerminal(file) || obs.IsTerminal(io.Discard) {
		t.Error("a file or a plain writer was taken for a terminal")
	}
	device, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if !obs.IsTerminal(device) {
		t.Error("a character device was not taken for a terminal")
	}
}
