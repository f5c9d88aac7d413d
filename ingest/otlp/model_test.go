package otlp_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"sluice/ingest/otlp"
)

// The model says by OTLP's generated types what a Reader should say.

const maxDepth = 64

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// textOf is a value in JSON; false if it nests too deep.
func textOf(v *common.AnyValue, depth int) (string, bool) {
	if depth > maxDepth {
		return "", false
	}
	switch x := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return quoted(x.StringValue), true
	case *common.AnyValue_BoolValue:
		return fmt.Sprint(x.BoolValue), true
	case *common.AnyValue_IntValue:
		return fmt.Sprint(x.IntValue), true
	case *common.AnyValue_DoubleValue:
		switch f := x.DoubleValue; {
		case math.IsNaN(f):
			return `"NaN"`, true
		case math.IsInf(f, 1):
			return `"Infinity"`, true
		case math.IsInf(f, -1):
			return `"-Infinity"`, true
		default:
			return fmt.Sprint(f), true
		}
	case *common.AnyValue_BytesValue:
		return quoted(base64.StdEncoding.EncodeToString(x.BytesValue)), true
	case *common.AnyValue_ArrayValue:
		var parts []string
		for _, e := range x.ArrayValue.GetValues() {
			text, ok := textOf(e, depth+1)
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return "[" + strings.Join(parts, ",") + "]", true
	case *common.AnyValue_KvlistValue:
		return pairsOf(x.KvlistValue.GetValues(), depth)
	}
	return "null", true
}

func pairsOf(pairs []*common.KeyValue, depth int) (string, bool) {
	var parts []string
	for _, p := range pairs {
		text, ok := textOf(p.GetValue(), depth+1)
		if !ok {
			return "", false
		}
		parts = append(parts, quoted(p.GetKey())+":"+text)
	}
	return "{" + strings.Join(parts, ",") + "}", true
}

// object joins members, those without text left out.
func object(members ...string) string {
	var parts []string
	for i := 0; i < len(members); i += 2 {
		if text := members[i+1]; text != "" && text != `""` && text != "0" && text != "{}" {
			parts = append(parts, quoted(members[i])+":"+text)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func bodyOf(rec *logs.LogRecord) (text string, ok bool) {
	switch x := rec.GetBody().GetValue().(type) {
	case nil, *common.AnyValue_StringValueStrindex:
		return "", true
	case *common.AnyValue_StringValue:
		return x.StringValue, true
	case *common.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(x.BytesValue), true
	}
	return textOf(rec.GetBody(), 0)
}

func recordOf(r *logs.ResourceLogs, s *logs.ScopeLogs, rec *logs.LogRecord) (string, bool) {
	resource, a := pairsOf(r.GetResource().GetAttributes(), 0)
	scope, b := pairsOf(s.GetScope().GetAttributes(), 0)
	attributes, c := pairsOf(rec.GetAttributes(), 0)
	body := ""
	d := true
	if rec.Body != nil {
		body, d = textOf(rec.Body, 0)
		if body == `""` || body == "0" || body == "{}" {
			body += " " // it is there all the same
		}
	}
	return object(
		"resource", object("attributes", resource, "schemaUrl", quoted(r.GetSchemaUrl())),
		"scope", object("name", quoted(s.GetScope().GetName()), "version", quoted(s.GetScope().GetVersion()), "attributes", scope, "schemaUrl", quoted(s.GetSchemaUrl())),
		"timeUnixNano", fmt.Sprint(rec.GetTimeUnixNano()),
		"observedTimeUnixNano", fmt.Sprint(rec.GetObservedTimeUnixNano()),
		"severityNumber", fmt.Sprint(int32(rec.GetSeverityNumber())),
		"severityText", quoted(rec.GetSeverityText()),
		"eventName", quoted(rec.GetEventName()),
		"body", body,
		"attributes", attributes,
		"droppedAttributesCount", fmt.Sprint(rec.GetDroppedAttributesCount()),
		"flags", fmt.Sprint(rec.GetFlags()),
		"traceId", quoted(hex.EncodeToString(rec.GetTraceId())),
		"spanId", quoted(hex.EncodeToString(rec.GetSpanId())),
	), a && b && c && d
}

// sameJSON compares two texts by what they mean.
func sameJSON(a, b string) bool {
	decode := func(text string) (v any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return err.Error()
		}
		return v
	}
	return json.Valid([]byte(a)) && reflect.DeepEqual(decode(a), decode(b))
}

// compare reads a request by a Reader and by the model.
func compare(t *testing.T, request []byte, want *logs.LogsData) {
	t.Helper()
	var r otlp.Reader
	r.Reset(request)
	if err := r.Check(); err != nil {
		t.Fatalf("Check: %v", err)
	}
	n := 0
	for _, resource := range want.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, rec := range scope.LogRecords {
				if !r.Next() {
					t.Fatalf("no record %d: %v", n, r.Err())
				}
				compareRecord(t, &r, resource, scope, rec)
				n++
			}
		}
	}
	if r.Next() || r.Err() != nil {
		t.Fatalf("after %d records: %v", n, r.Err())
	}
	if r.Replaced != 0 {
		t.Errorf("%d bytes replaced in valid text", r.Replaced)
	}
}

func compareRecord(t *testing.T, r *otlp.Reader, resource *logs.ResourceLogs, scope *logs.ScopeLogs, rec *logs.LogRecord) {
	t.Helper()
	nanos := rec.GetTimeUnixNano()
	if nanos == 0 {
		nanos = rec.GetObservedTimeUnixNano()
	}
	if ms, ok := r.Timestamp(); ms != int64(nanos/1e6) || ok != (nanos != 0) {
		t.Fatalf("time %d %v, want %d ns", ms, ok, nanos)
	}
	wantRecord, recordOK := recordOf(resource, scope, rec)
	got, ok := r.AppendMessage([]byte("before"), otlp.Record)
	if ok != recordOK || ok && !sameJSON(strings.TrimPrefix(string(got), "before"), wantRecord) {
		t.Fatalf("record %v: %s\nwant %v: %s", ok, got, recordOK, wantRecord)
	}
	wantBody, bodyOK := bodyOf(rec)
	if text, ok := r.Text(); ok && string(text) != wantBody {
		t.Fatalf("text %q, want %q", text, wantBody)
	} else if _, isString := rec.GetBody().GetValue().(*common.AnyValue_StringValue); ok != (isString && wantBody != "") {
		t.Fatalf("text %v of %v", ok, rec.GetBody())
	}
	got, ok = r.AppendMessage(nil, otlp.Body)
	switch {
	case bodyOK && wantBody == "":
		if ok != recordOK || ok && !sameJSON(string(got), wantRecord) {
			t.Fatalf("no body: %v %s, want %v %s", ok, got, recordOK, wantRecord)
		}
	case ok != bodyOK, ok && string(got) != wantBody && !sameJSON(string(got), wantBody):
		t.Fatalf("body %v: %s, want %v: %s", ok, got, bodyOK, wantBody)
	}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func list(values ...*common.AnyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: values}}}
}

func pairs(kv ...*common.KeyValue) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: &common.KeyValueList{Values: kv}}}
}

func pair(key string, v *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: v}
}

// request holds records of one scope.
func request(records ...*logs.LogRecord) *logs.LogsData {
	return &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}}}}}
}
