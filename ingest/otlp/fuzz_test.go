package otlp_test

import (
	"bytes"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"sluice/ingest/otlp"
)

// FuzzReader: what the generated types read, a Reader reads, and reads the same.
func FuzzReader(f *testing.F) {
	f.Add(marshal(f, full()))
	f.Add([]byte("\x0a\x06\x12\x04\x12\x02\x2a\x00"))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var want logs.LogsData
		if proto.Unmarshal(body, &want) == nil {
			compare(t, body, &want)
			return
		}
		var r otlp.Reader
		r.Reset(body)
		checked := r.Check()
		for r.Next() {
			r.AppendMessage(nil, otlp.Body)
			r.AppendMessage(nil, otlp.Record)
		}
		if r.Err() != checked {
			t.Fatalf("Check said %v, reading %v", checked, r.Err())
		}
	})
}

// differs tells whether a request says something that OTLP's JSON and protobuf's
// read differently, or that no log has.
func differs(body []byte) bool {
	for _, part := range []string{"_", "\\", "traceId", "spanId", "SEVERITY", "entityRefs", "trindex"} {
		if bytes.Contains(body, []byte(part)) {
			return true
		}
	}
	return false
}

// FuzzJSON: what protobuf's JSON reads, OTLP's reads, and reads the same.
func FuzzJSON(f *testing.F) {
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"intValue":"5"},"flags":1e1}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw, _, err := otlp.AppendProtobuf(nil, body)
		var got, want logs.LogsData
		if err == nil {
			if err := proto.Unmarshal(raw, &got); err != nil {
				t.Fatalf("wrote what is no protobuf: %v", err)
			}
		}
		if differs(body) || (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &want) != nil {
			return
		}
		if err != nil || !proto.Equal(&got, &want) {
			t.Fatalf("%v: got %v, want %v", err, &got, &want)
		}
	})
}
