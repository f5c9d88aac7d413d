package otlp_test

import (
	"errors"
	"strings"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"sluice/ingest/otlp"
)

// fromJSON rewrites a request and decodes it by the generated types.
func fromJSON(t testing.TB, request string) (*logs.LogsData, error) {
	t.Helper()
	raw, _, err := otlp.AppendProtobuf([]byte("before"), []byte(request))
	if err != nil {
		return nil, err
	}
	var d logs.LogsData
	if err := proto.Unmarshal(raw[len("before"):], &d); err != nil {
		t.Fatalf("%s: wrote what is no protobuf: %v", request, err)
	}
	return &d, nil
}

func TestJSONAgreesWithProtojson(t *testing.T) {
	d := full()
	for _, r := range d.ResourceLogs {
		for _, s := range r.ScopeLogs {
			for _, rec := range s.LogRecords {
				rec.TraceId, rec.SpanId = nil, nil // hexadecimal in OTLP, base64 in protobuf's JSON
			}
		}
	}
	for _, o := range []protojson.MarshalOptions{{UseEnumNumbers: true}, {UseEnumNumbers: true, Multiline: true, EmitUnpopulated: true}} {
		text, err := o.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fromJSON(t, string(text))
		if err != nil || !proto.Equal(got, d) {
			t.Errorf("%v:\n got %v\nwant %v", err, got, d)
		}
	}
}

// TestJSON is about what OTLP's JSON says otherwise than protobuf's, and about
// the example of CloudWatch's documentation.
func TestJSON(t *testing.T) {
	f := func(record, want string) {
		t.Helper()
		got, err := fromJSON(t, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[`+record+`]}]}]}`)
		if err != nil {
			t.Fatalf("%s: %v", record, err)
		}
		var rec logs.LogRecord
		if err := protojson.Unmarshal([]byte(want), &rec); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, request(&rec)) {
			t.Errorf("%s: got %v, want %v", record, got, &rec)
		}
	}
	f(`{"timeUnixNano":"1741900000000000000","severityNumber":9,"severityText":"INFO","body":{"stringValue":"User logged in successfully"},"attributes":[{"key":"user.id","value":{"stringValue":"12345"}}]}`,
		`{"timeUnixNano":"1741900000000000000","severityNumber":9,"severityText":"INFO","body":{"stringValue":"User logged in successfully"},"attributes":[{"key":"user.id","value":{"stringValue":"12345"}}]}`)
	f(`{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174"}`, `{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ="}`)
	f(`{"timeUnixNano":1741900000000000000,"observedTimeUnixNano":1e3,"flags":1.0}`, `{"timeUnixNano":"1741900000000000000","observedTimeUnixNano":"1000","flags":1}`)
	f(`{"body":{"intValue":"-9223372036854775808"}}`, `{"body":{"intValue":"-9223372036854775808"}}`)
	f(`{"body":{"doubleValue":"NaN"}}`, `{"body":{"doubleValue":"NaN"}}`)
	f(`{"body":{"doubleValue":1e5}}`, `{"body":{"doubleValue":100000}}`)
	f(`{"body":{"bytesValue":"-_8"}}`, `{"body":{"bytesValue":"+/8="}}`)
	f(`{"unknown":{"a":[1,{"b":null}]},"body":null,"attributes":null,"severityText":"x","time_unix_nano":"5"}`, `{"severityText":"x"}`)
	f(`{"severityText":"a","severityText":"b"}`, `{"severityText":"b"}`)
}

func TestJSONErrors(t *testing.T) {
	f := func(request, want string) {
		t.Helper()
		_, err := fromJSON(t, request)
		var wrong *otlp.JSONError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", request, err, want)
		}
	}
	f("", "unexpected end at byte 0")
	f("{", "unexpected EOF at byte 1")
	f("[]", "not an object")
	f("null", "not an object")
	f("{} {}", "a value after the request")
	f(`{"resourceLogs":{}}`, "not an array")
	f(`{"resourceLogs":[1]}`, "not an object")
	f(`{"resourceLogs":[null]}`, "not an object")
	f(`{"resourceLogs":[{}`, "unexpected EOF at byte 19")
	f(`{"resourceLogs":nonsense}`, "at byte 1")
	record := func(r string) string { return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{` + r + `}]}]}]}` }
	f(record(`"timeUnixNano":"x"`), "not a number of its kind")
	f(record(`"timeUnixNano":-1`), "not a number of its kind")
	f(record(`"timeUnixNano":"18446744073709551616"`), "not a number of its kind")
	f(record(`"timeUnixNano":1.5`), "not a number of its kind")
	f(record(`"timeUnixNano":"0x10"`), "not a number of its kind")
	f(record(`"timeUnixNano":"+1"`), "not a number of its kind")
	f(record(`"timeUnixNano":true`), "a value of the wrong kind")
	f(record(`"severityNumber":"SEVERITY_NUMBER_INFO"`), "not a number of its kind")
	f(record(`"severityNumber":3000000000`), "not a number of its kind")
	f(record(`"flags":4294967296`), "not a number of its kind")
	f(record(`"severityText":1`), "a value of the wrong kind")
	f(record(`"traceId":"xyz"`), "hexadecimal")
	f(record(`"body":{"bytesValue":"*"}`), "base64")
	f(record(`"body":{"boolValue":"true"}`), "not a boolean")
	f(record(`"body":{"doubleValue":"inf"}`), "not a number of its kind")
	f(record(`"body":"text"`), "not an object")
	deep := strings.Repeat(`{"arrayValue":{"values":[`, 5000) + strings.Repeat(`]}}`, 5000)
	f(record(`"body":`+deep), "nested too deep")
}

func TestJSONReplacesWhatIsNoText(t *testing.T) {
	raw, replaced, err := otlp.AppendProtobuf(nil, []byte("{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"a\xff\"}}]}]}]}"))
	if err != nil || replaced != 1 {
		t.Fatal(replaced, err)
	}
	var r otlp.Reader
	r.Reset(raw)
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if text, ok := r.Text(); !ok || string(text) != "a\uFFFD" {
		t.Errorf("%q %v", text, ok)
	}
}
