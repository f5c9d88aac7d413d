package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

const bearer = "0123456789abcdef-token"

// post sends a body to an HTTP ingestion endpoint, through the handler.
func (p *process) post(path, body string, header ...string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("x-aws-log-group", group)
	r.Header.Set("x-aws-log-stream", "s0")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.app.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestHTTPIngestGoesTheWholePath: what comes in is filtered and delivered, and
// the counters add up, also in the next process.
func TestHTTPIngestGoesTheWholePath(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	configure := func(c *app.Config) { c.BearerTokens = []app.BearerToken{{Token: bearer}} }
	p := begin(t, fsys, defs, configure)
	f := func(path, contentType, body string) {
		t.Helper()
		if code, text := p.post(path, body, "Content-Type", contentType); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	f("/ingest/bulk", "application/x-ndjson", "\"ERROR one\"\n\"fine\"\nnonsense\n{\"timestamp\":1,\"m\":\"ERROR too old\"}\n\"\xff\"\n")
	f("/ingest/json", "application/json", `[{"m":"ERROR two"},5]`)
	f("/services/collector/event", "application/json", `{"event":"ERROR three"}{"no":1}`)
	f("/v1/logs", "application/json", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"ERROR four"}}]}]}]}`)
	check := func() {
		t.Helper()
		p.await()
		p.identities()
		for metric, want := range map[string]float64{
			"sluice_ingest_received_events_total": 10, "sluice_ingest_stored_events_total": 6, "sluice_ingest_rejected_events_total": 4,
		} {
			if got := p.metric(metric); got != want {
				t.Errorf("%s is %v, want %v", metric, got, want)
			}
		}
	}
	check()
	if n := p.metric("sluice_ingest_replaced_bytes_total"); n != 1 {
		t.Errorf("%v bytes replaced", n)
	}
	if got, want := strings.Join(p.delivered(), "|"), `ERROR one|{"m":"ERROR two"}|ERROR three|ERROR four`; got != want {
		t.Errorf("delivered %s, want %s", got, want)
	}
	if code, text := p.post("/ingest/bulk", "1", "x-aws-log-group", "/new"); code != http.StatusBadRequest || !strings.Contains(text, "does not exist") {
		t.Errorf("an unknown group: %d %s", code, text)
	}
	if code, _ := p.post("/ingest/bulk", "1", "Authorization", "Bearer another"); code != http.StatusUnauthorized {
		t.Errorf("another token: %d", code)
	}
	if code, _ := p.call("Logs_20140328.DescribeLogGroups", map[string]any{}); code != http.StatusBadRequest {
		t.Errorf("no credentials: %d", code)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	p = begin(t, fsys, defs, configure)
	check()
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestHTTPIngestCreatesOnDemand(t *testing.T) {
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		c.HTTPIngest = app.HTTPIngest{AutoCreate: true, OTLPMessage: "record"}
	})
	f := func(group, stream string, status int) {
		t.Helper()
		code, text := p.post("/v1/logs", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"x"}}]}]}]}`,
			"Content-Type", "application/json", "x-aws-log-group", group, "x-aws-log-stream", stream)
		if code != status {
			t.Errorf("%s %s: %d %s", group, stream, code, text)
		}
	}
	f("/new", "s", http.StatusOK)
	f("/new", "s", http.StatusOK)
	f("/new", "t", http.StatusOK)
	f(group, "new", http.StatusOK)
	f("aws/reserved", "s", http.StatusBadRequest)
	_, text := p.call("Logs_20140328.FilterLogEvents", map[string]any{"logGroupName": "/new"})
	if n := strings.Count(text, `"message":"{\"severityNumber\":9,\"body\":\"x\"}"`); n != 3 {
		t.Errorf("%d records of 3: %s", n, text)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

func TestHTTPIngestConfiguration(t *testing.T) {
	f := func(c app.Config, want string) {
		t.Helper()
		c.DataDir, c.FS, c.Catalog = "/data", vfs.NewMem(), catalog.NewMemory()
		a, err := app.New(c)
		if err == nil {
			err = a.Close()
		}
		switch {
		case (err == nil) != (want == ""):
			t.Errorf("%v, want %q", err, want)
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(app.Config{HTTPIngest: app.HTTPIngest{OTLPMessage: "all"}}, "neither body nor record")
	f(app.Config{BearerTokens: []app.BearerToken{{Token: "short"}}}, "at least 16")
	f(app.Config{BearerTokens: []app.BearerToken{{Token: bearer, Expires: "soon"}}}, "number 1: expires")
	f(app.Config{BearerTokens: []app.BearerToken{{Token: bearer, Expires: "2030-01-02T03:04:05Z"}}}, "")
	f(app.Config{Listen: "0.0.0.0:0", Admin: "127.0.0.1:0"}, "configure credentials")
	f(app.Config{Listen: "0.0.0.0:0", Admin: "127.0.0.1:0", BearerTokens: []app.BearerToken{{Token: bearer}}}, "")
}
