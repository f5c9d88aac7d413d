package otlp_test

import (
	"syscall"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"sluice/bench/corpus"
	"sluice/ingest/otlp"
)

// exported is a request of about a mebibyte of application logs, as an SDK's
// exporter sends it.
func exported(t testing.TB) (d *logs.LogsData, messages int) {
	g := corpus.New(corpus.App, 1, time.Unix(1771007942, 0))
	scope := &logs.ScopeLogs{Scope: &common.InstrumentationScope{Name: "app"}}
	for messages < 1<<20 {
		line, at := g.AppendEvent(nil)
		messages += len(line)
		scope.LogRecords = append(scope.LogRecords, &logs.LogRecord{
			TimeUnixNano: uint64(at) * 1e6, ObservedTimeUnixNano: uint64(at) * 1e6, SeverityNumber: 9, SeverityText: "INFO", Body: text(string(line)),
			Attributes: []*common.KeyValue{pair("thread", text("main")), pair("line", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 42}})},
			Flags:      1, TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"),
		})
	}
	return &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{pair("service.name", text("shop"))}}, ScopeLogs: []*logs.ScopeLogs{scope},
	}}}, messages
}

// inJSON is a request as OTLP's JSON has it, without ids, which protobuf's JSON
// writes otherwise.
func inJSON(t testing.TB, d *logs.LogsData) []byte {
	d = proto.Clone(d).(*logs.LogsData)
	for _, rec := range d.ResourceLogs[0].ScopeLogs[0].LogRecords {
		rec.TraceId, rec.SpanId = nil, nil
	}
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func readAll(t testing.TB, r *otlp.Reader, body, buf []byte, form otlp.Form) {
	r.Reset(body)
	for r.Next() {
		if _, ok := r.Text(); ok && form == otlp.Body {
			continue
		}
		if _, ok := r.AppendMessage(buf[:0], form); !ok {
			t.Fatal("a record was refused")
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	d, _ := exported(t)
	body := marshal(t, d)
	text := inJSON(t, d)
	var r otlp.Reader
	buf, raw := make([]byte, 0, 1<<16), make([]byte, 0, 4<<20)
	f := func(name string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(20, run); n > 0 {
			t.Errorf("%v allocations: %s", n, name)
		}
	}
	f("bodies", func() { readAll(t, &r, body, buf, otlp.Body) })
	f("records", func() { readAll(t, &r, body, buf, otlp.Record) })
	f("JSON", func() {
		if _, _, err := otlp.AppendProtobuf(raw, text); err != nil {
			t.Fatal(err)
		}
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReader reads application logs, by message bytes; beside it the
// generated types decode the same request.
func BenchmarkReader(b *testing.B) {
	d, messages := exported(b)
	body := marshal(b, d)
	text := inJSON(b, d)
	measure := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(messages))
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(messages)*float64(b.N)/1e6/(cpu()-start).Seconds(), "MB/cpu-s")
		})
	}
	var r otlp.Reader
	buf, raw := make([]byte, 0, 1<<16), make([]byte, 0, 4<<20)
	measure("bodies", func() { readAll(b, &r, body, buf, otlp.Body) })
	measure("records", func() { readAll(b, &r, body, buf, otlp.Record) })
	measure("json-to-protobuf", func() {
		if _, _, err := otlp.AppendProtobuf(raw, text); err != nil {
			b.Fatal(err)
		}
	})
	measure("proto-unmarshal", func() {
		var into logs.LogsData
		if err := proto.Unmarshal(body, &into); err != nil {
			b.Fatal(err)
		}
	})
}
