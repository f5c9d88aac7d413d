package otlp_test

import (
	"errors"
	"math"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"sluice/ingest/otlp"
)

// full is a request with all that OTLP knows, twice.
func full() *logs.LogsData {
	int1 := &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: -1}}
	double := func(f float64) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: f}}
	}
	rec := &logs.LogRecord{
		TimeUnixNano: 1771007942123456789, ObservedTimeUnixNano: 1771007943000000000,
		SeverityNumber: 17, SeverityText: "ERROR", EventName: "cart.full", Flags: 1, DroppedAttributesCount: 3,
		TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"),
		Body: text("User \"logged\" in\n"),
		Attributes: []*common.KeyValue{
			pair("i", int1), pair("d", double(1.5)), pair("big", double(1e300)), pair("nan", double(math.NaN())), pair("inf", double(math.Inf(-1))),
			pair("b", &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: true}}),
			pair("bytes", &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte{0, 255}}}),
			pair("list", list(text("x"), int1, list(), nil)), pair("map", pairs(pair("k", text("é<&>")), pair("", nil))), pair("none", nil),
		},
	}
	more := []*logs.LogRecord{
		{ObservedTimeUnixNano: 999_999}, {}, {Body: text("")}, {Body: int1}, {Body: list(text("x"))}, {Body: pairs(pair("k", text("v")))},
		{Body: &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte("raw")}}}, {Body: &common.AnyValue{}},
		{TimeUnixNano: math.MaxUint64, Body: double(math.Inf(1))}, {Body: &common.AnyValue{Value: &common.AnyValue_BoolValue{}}},
	}
	one := &logs.ResourceLogs{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{pair("service.name", text("shop"))}}, SchemaUrl: "https://schema/1",
		ScopeLogs: []*logs.ScopeLogs{
			{Scope: &common.InstrumentationScope{Name: "app", Version: "1.0", Attributes: []*common.KeyValue{pair("s", int1)}}, SchemaUrl: "https://schema/2", LogRecords: append(more, rec)},
			{LogRecords: []*logs.LogRecord{rec}},
			{},
		},
	}
	return &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{one, {}, {ScopeLogs: one.ScopeLogs[:1]}}}
}

func TestReaderAgreesWithTheGeneratedTypes(t *testing.T) {
	compare(t, nil, &logs.LogsData{})
	compare(t, marshal(t, full()), full())
}

func TestTheFormRecord(t *testing.T) {
	var r otlp.Reader
	r.Reset(marshal(t, &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{pair("service.name", text("shop"))}},
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "app"}, LogRecords: []*logs.LogRecord{{
			TimeUnixNano: 1767600000000000000, SeverityNumber: 9, SeverityText: "INFO", Body: text("hello"),
			Attributes: []*common.KeyValue{pair("k", &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: 1}})}, Flags: 1, TraceId: []byte{0xab}, SpanId: []byte{1},
		}}}},
	}}}))
	const want = `{"resource":{"attributes":{"service.name":"shop"}},"scope":{"name":"app"},"timeUnixNano":1767600000000000000,` +
		`"severityNumber":9,"severityText":"INFO","body":"hello","attributes":{"k":1},"flags":1,"traceId":"ab","spanId":"01"}`
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if got, ok := r.AppendMessage(nil, otlp.Record); !ok || string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWhatIsNoText: bodies that are not UTF-8 are repaired, and counted once.
func TestWhatIsNoText(t *testing.T) {
	bad := func(b string) []byte { // past the generated types, which refuse it
		value := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), b)
		wrap := func(number protowire.Number, b []byte) []byte {
			return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
		}
		return wrap(1, wrap(2, wrap(2, wrap(5, value))))
	}
	f := func(body string, form otlp.Form, want string, replaced int) {
		t.Helper()
		var r otlp.Reader
		r.Reset(bad(body))
		if !r.Next() {
			t.Fatal(r.Err())
		}
		if text, ok := r.Text(); ok {
			t.Errorf("%q is text", text)
		}
		got, ok := r.AppendMessage(nil, form)
		if !ok || string(got) != want || r.Replaced != replaced {
			t.Errorf("%q: %v %q, %d replaced", body, ok, got, r.Replaced)
		}
	}
	f("a\xffb\xc3", otlp.Body, "a\uFFFDb\uFFFD", 2)
	f("a\xff\xffb", otlp.Record, "{\"body\":\"a\uFFFD\uFFFDb\"}", 2)
}

func TestNesting(t *testing.T) {
	deep := func(n int) *common.AnyValue {
		v := text("x")
		for i := range n {
			if i%2 == 0 {
				v = list(v)
			} else {
				v = pairs(pair("k", v))
			}
		}
		return v
	}
	for n := maxDepth - 1; n <= maxDepth+2; n++ {
		rec := &logs.LogRecord{Body: deep(n)}
		compare(t, marshal(t, request(rec)), request(rec))
		rec = &logs.LogRecord{Body: text("x"), Attributes: []*common.KeyValue{pair("k", deep(n))}}
		compare(t, marshal(t, request(rec)), request(rec))
	}
	// Far beyond what a stack would hold without the limit: each level is put
	// around the next from the inside.
	wrap := func(number protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
	}
	var b []byte
	for range 5_000 {
		b = wrap(5, wrap(1, b))
	}
	var r otlp.Reader
	r.Reset(wrap(1, wrap(2, wrap(2, wrap(5, b)))))
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if _, ok := r.AppendMessage(nil, otlp.Body); ok {
		t.Error("a body 5000 deep was stored")
	}
}

// TestMergedFields: a message that stands twice is merged, a scalar replaced.
func TestMergedFields(t *testing.T) {
	a := request(&logs.LogRecord{Body: list(text("x")), TimeUnixNano: 5e6})
	b := request(&logs.LogRecord{Body: list(text("y")), TimeUnixNano: 7e6})
	strip := func(d *logs.LogsData) []byte { return marshal(t, d.ResourceLogs[0].ScopeLogs[0].LogRecords[0]) }
	merged := append(strip(a), strip(b)...)
	wrap := func(number protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), b)
	}
	raw := wrap(1, wrap(2, wrap(2, merged)))
	var want logs.LogsData
	if err := proto.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	compare(t, raw, &want)
	// The scope stands behind its records, as no encoder writes it.
	scope := marshal(t, &logs.ScopeLogs{Scope: &common.InstrumentationScope{Name: "late"}})
	raw = wrap(1, append(wrap(2, append(wrap(2, strip(a)), scope...)), marshal(t, &logs.ResourceLogs{Resource: full().ResourceLogs[0].Resource})...))
	want.Reset()
	if err := proto.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	compare(t, raw, &want)
}

func TestMalformed(t *testing.T) {
	good := marshal(t, full())
	for _, cut := range []int{1, 2, 10, len(good) / 2, len(good) - 1} {
		var r otlp.Reader
		r.Reset(good[:cut])
		if err := r.Check(); !errors.Is(err, otlp.ErrMalformed) || r.Err() != nil {
			t.Errorf("cut at %d: Check %v, Err %v", cut, err, r.Err())
		}
		for r.Next() {
		}
		if !errors.Is(r.Err(), otlp.ErrMalformed) || r.Next() {
			t.Errorf("cut at %d: %v", cut, r.Err())
		}
	}
	var r otlp.Reader
	r.Reset([]byte(`{"resourceLogs":[]}`))
	if r.Next() || r.Err() == nil {
		t.Error("JSON is protobuf")
	}
}
