package httpingest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
)

// FuzzEndpoints posts anything anywhere: no answer is a bug's, JSON answers are
// JSON, and what was received is what was stored and rejected.
func FuzzEndpoints(f *testing.F) {
	paths := []string{"/ingest/bulk", "/ingest/json", "/services/collector/event", "/v1/logs"}
	types := []string{ndjson, asJSON, protobuf, ""}
	for i, body := range []string{"1\nnope\n", `[{"timestamp":1},2]`, `{"event":1,"time":"2"}`, export(f, &logs.LogRecord{Body: body("x")})} {
		f.Add(uint8(i), uint8(i), "", body)
	}
	f.Add(uint8(3), uint8(1), "", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`)
	f.Add(uint8(0), uint8(0), "gzip", "\x1f\x8b")
	f.Add(uint8(0), uint8(0), "zstd", "\x28\xb5\x2f\xfd")
	r := receive(f, nil)
	f.Fuzz(func(t *testing.T, path, contentType uint8, encoding, body string) {
		before := r.received
		w := r.post(paths[int(path)%len(paths)], body, "Content-Type", types[int(contentType)%len(types)], "Content-Encoding", encoding)
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Header().Get("Content-Type") == asJSON && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("no JSON: %s", w.Body)
		}
		if w.Code != http.StatusOK && r.received != before {
			t.Fatalf("%d events of a request that was refused", r.received-before)
		}
		if total := r.store.Totals(); uint64(r.received) != total.Events+total.Rejected.Sum() {
			t.Fatalf("received %d, stored %d, rejected %+v", r.received, total.Events, total.Rejected)
		}
	})
}
