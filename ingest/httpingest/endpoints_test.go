package httpingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"sluice/ingest/httpingest"
	"sluice/ingest/otlp"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/store"
)

func TestBodies(t *testing.T) {
	f := func(path, contentType, body, answer, stored string) {
		t.Helper()
		r := receive(t, nil)
		w := r.post(path, body, "Content-Type", contentType)
		if w.Code != http.StatusOK || w.Body.String() != answer {
			t.Errorf("%s %q: %d %s, want %s", path, body, w.Code, w.Body, answer)
		}
		if w.Header().Get("Content-Type") != asJSON || w.Header()["x-amzn-RequestId"] == nil {
			t.Errorf("%s: header %v", path, w.Header())
		}
		if got := r.stored(); got != stored {
			t.Errorf("%s %q: stored %s, want %s", path, body, got, stored)
		}
		r.balanced()
	}
	// Lines. Order is that of the body, whatever the times say.
	f("/ingest/bulk", ndjson, "", "{}", "")
	f("/ingest/bulk", ndjson, `{"timestamp":`+at(5)+`}`+"\n"+`{"timestamp":`+at(-5)+`}`+"\n", "{}",
		`5:{"timestamp":`+at(5)+`} -5:{"timestamp":`+at(-5)+`}`)
	f("/ingest/bulk", asJSON, "\"text\"\n42\n[1,[]]\nnull", "{}", "0:text 0:42 0:1 0:[] 0:null")
	f("/ingest/bulk", "", "1", "{}", "0:1")
	f("/ingest/bulk", ndjson+"; charset=utf-8", "1\nnope\n", partial(1, 0, 0, 0, `, \"invalidLogEventCount\": 1`), "0:1")
	f("/ingest/bulk", ndjson, `""`+"\n1", partial(1, 0, 0, 0, `, \"invalidLogEventCount\": 1`), "0:1") // an empty message
	f("/ingest/bulk?logGroup=&x=1", ndjson, "1", "{}", "0:1")

	// A document.
	f("/ingest/json", asJSON, `{"timestamp":`+at(7)+`}`, "{}", `7:{"timestamp":`+at(7)+`}`)
	f("/ingest/json", asJSON, `[{"a":1},"no",{"b":2},3]`, partial(2, 0, 0, 0, `, \"invalidLogEventCount\": 2`), `0:{"a":1} 0:{"b":2}`)
	f("/ingest/json", asJSON, `[]`, "{}", "")
	f("/ingest/json", asJSON, `{"a":1}{"b":2}`, "{}", `0:{"a":1}`)

	// The collector format.
	f("/services/collector/event", asJSON, `{"event":"a","time":`+at(0)[:10]+`.5}{"event":{"x":1}}{"no":1}`,
		partial(1, 0, 0, 0, `, \"invalidLogEventCount\": 1`), `500:a 0:{"x":1}`)

	// OTLP in JSON.
	record := func(r string) string { return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + r + `]}]}]}` }
	f("/v1/logs", asJSON, `{}`, "{}", "")
	f("/v1/logs", asJSON, record(`{"timeUnixNano":"`+at(3)+`000000","body":{"stringValue":"a"}},{"observedTimeUnixNano":"`+at(4)+`999999","body":{"intValue":5}},{"body":{"stringValue":"c"}}`),
		"{}", "3:a 4:5 0:c")
	f("/v1/logs", asJSON, record(`{"severityText":"INFO"}`), "{}", `0:{"severityText":"INFO"}`)
	f("/v1/logs", asJSON, record(`{"timeUnixNano":"1","body":{"stringValue":"old"}},{"body":{"stringValue":"b"}}`), partial(1, 1, 0, 0, ""), "0:b")
}

// TestAges puts events to AWS's rules, one millisecond to either side.
func TestAges(t *testing.T) {
	f := func(group string, ms int64, answer string, rejected store.Rejected) {
		t.Helper()
		r := receive(t, nil)
		w := r.post("/ingest/bulk", `{"timestamp":`+at(ms)+`}`, "x-aws-log-group", group)
		if w.Code != http.StatusOK || w.Body.String() != answer {
			t.Errorf("%s at %d: %d %s, want %s", group, ms, w.Code, w.Body, answer)
		}
		if got := r.store.Totals().Rejected; got != rejected {
			t.Errorf("%s at %d: rejected %+v, want %+v", group, ms, got, rejected)
		}
		r.balanced()
	}
	f("/ever", -14*day, "{}", store.Rejected{})
	f("/ever", -14*day-1, partial(1, 1, 0, 0, ""), store.Rejected{TooOld: 1})
	f("/ever", 2*hour, "{}", store.Rejected{})
	f("/ever", 2*hour+1, partial(1, 0, 1, 0, ""), store.Rejected{TooNew: 1})
	f("/g", -7*day, "{}", store.Rejected{})
	f("/g", -7*day-1, partial(1, 0, 0, 1, ""), store.Rejected{Expired: 1})
	f("/g", -14*day-1, partial(1, 1, 0, 0, ""), store.Rejected{TooOld: 1})
}

func TestMessageSize(t *testing.T) {
	r := receive(t, nil)
	line := func(n int) string { return `"` + strings.Repeat("x", n) + `"` + "\n" }
	w := r.post("/ingest/bulk", line(1_048_550)+line(1_048_551)+line(1))
	if want := partial(1, 0, 0, 0, `, \"tooLargeLogEventCount\": 1`); w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d %s, want %s", w.Code, w.Body, want)
	}
	if got := r.store.Totals(); got.Events != 2 || got.Bytes != 1_048_551 || got.Rejected != (store.Rejected{TooLarge: 1}) {
		t.Errorf("%+v", got)
	}
	r.balanced()
}

// TestRefusals lists every status. Nothing is stored of a request that is
// refused.
func TestRefusals(t *testing.T) {
	r := receive(t, nil)
	f := func(url, body string, header []string, status int, code, text string) {
		t.Helper()
		w := r.post(url, body, header...)
		if w.Code != status || w.Header()["x-amzn-ErrorType"] == nil || w.Header()["x-amzn-ErrorType"][0] != code || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: %d %v %s, want %d %s %s", url, w.Code, w.Header()["x-amzn-ErrorType"], w.Body, status, code, text)
		}
		if (w.Code == http.StatusUnauthorized) != (w.Header().Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s: header %v", url, w.Header())
		}
	}
	h := func(header ...string) []string { return header }
	const bulk, doc, collector, otlpPath = "/ingest/bulk", "/ingest/json", "/services/collector/event", "/v1/logs"

	// Who asks.
	for _, url := range []string{bulk, doc, collector, otlpPath} {
		f(url, "1", h("Authorization", ""), 401, awsapi.CodeMissingAuthenticationToken, "Missing Authentication Token")
		f(url, "1", h("Authorization", "Bearer wrong"), 401, awsapi.CodeUnrecognizedClient, "The security token included in the request is invalid.")
		f(url, "1", h("Authorization", "Bearer "), 401, awsapi.CodeUnrecognizedClient, "")
		f(url, "1", h("Authorization", "Basic YTpi"), 401, awsapi.CodeIncompleteSignature, "")
		f(url, "1", h("Content-Type", "text/plain"), 415, awsapi.CodeUnsupportedMediaType, "is not supported by "+url)
		f(url, "1", h("Content-Type", "; nonsense"), 415, awsapi.CodeUnsupportedMediaType, "")
		f(url, "1", h("Content-Encoding", "br"), 415, awsapi.CodeUnsupportedMediaType, "use gzip, zstd or none")
	}
	f(doc, "{}", h("Content-Type", ndjson), 415, awsapi.CodeUnsupportedMediaType, "use application/json")

	// Where to.
	f(bulk, "1", h("x-aws-log-group", ""), 400, awsapi.CodeInvalidParameter, "The header x-aws-log-group or the query parameter logGroup is required.")
	f(bulk, "1", h("x-aws-log-stream", ""), 400, awsapi.CodeInvalidParameter, "The header x-aws-log-stream or the query parameter logStream is required.")
	f(bulk+"?logGroup=/ever", "1", nil, 400, awsapi.CodeInvalidParameter, "The query parameter logGroup and the header x-aws-log-group are mutually exclusive.")
	f(bulk+"?logStream=s", "1", nil, 400, awsapi.CodeInvalidParameter, "mutually exclusive")
	f(bulk+"?logStream=%zz", "1", nil, 400, awsapi.CodeInvalidParameter, "cannot be read")
	f(bulk, "1", h("x-aws-log-group", "/no"), 400, awsapi.CodeResourceNotFound, "The specified log group does not exist.")
	f(bulk, "1", h("x-aws-log-stream", "no"), 400, awsapi.CodeResourceNotFound, "The specified log stream does not exist.")
	f(bulk, "1", h("x-aws-log-group", "a b"), 400, awsapi.CodeInvalidParameter, "failed to satisfy constraint")
	f(bulk, "1", h("x-aws-log-stream", "a:b"), 400, awsapi.CodeInvalidParameter, "failed to satisfy constraint")
	f(bulk+"?logStream=%ff", "1", h("x-aws-log-stream", ""), 400, awsapi.CodeInvalidParameter, "failed to satisfy constraint")
	f(bulk, "1", h("x-aws-log-group", strings.Repeat("x", 513)), 400, awsapi.CodeInvalidParameter, "less than or equal to 512")
	f(otlpPath+"?logGroup=/ever&logStream=s", "{}", h("Content-Type", asJSON, "x-aws-log-group", ""), 400, awsapi.CodeInvalidParameter, "The header x-aws-log-group is required.")

	// What.
	f(doc, `[{"a":1},`, h("Content-Type", asJSON), 400, awsapi.CodeSerialization, "syntax error at byte 9")
	f(doc, "", h("Content-Type", asJSON), 400, awsapi.CodeSerialization, "syntax error at byte 0")
	f(collector, `{"event":1},`, h("Content-Type", asJSON), 400, awsapi.CodeSerialization, "syntax error at byte 11")
	f(otlpPath, `{"resourceLogs":1}`, h("Content-Type", asJSON), 400, awsapi.CodeSerialization, `"code":3`)
	f(otlpPath, "\x0a\x05", nil, 400, awsapi.CodeSerialization, "ExportLogsServiceRequest")
	f(bulk, strings.Repeat("1\n", 4<<20)+"1", nil, 413, awsapi.CodeRequestEntityTooLarge, "larger than 8388608 bytes sent")
	f(bulk, "not gzip", h("Content-Encoding", "gzip"), 400, awsapi.CodeSerialization, "Could not decompress")
	f(bulk, "not zstd", h("Content-Encoding", "zstd"), 400, awsapi.CodeSerialization, "Could not decompress")

	if total := r.store.Totals(); total != (store.Totals{}) {
		t.Errorf("stored %+v: %s", total, r.stored())
	}
	r.balanced()

	req := httptest.NewRequest(http.MethodGet, bulk, nil)
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", w.Code, w.Header())
	}
}

func TestTargetInTheQuery(t *testing.T) {
	for _, url := range []string{"/ingest/bulk", "/ingest/json", "/services/collector/event"} {
		r := receive(t, nil)
		w := r.post(url+"?logGroup=%2Fever&logStream=s", `{"event":1}`, "x-aws-log-group", "", "x-aws-log-stream", "", "Content-Type", asJSON)
		if w.Code != http.StatusOK || r.store.Totals().Events != 1 {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
}

func TestCompressedBodies(t *testing.T) {
	body := strings.Repeat(`{"message":"hello"}`+"\n", 1000)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(body))
	z.Close()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for encoding, sent := range map[string]string{"gzip": zipped.String(), "x-gzip": zipped.String(), "zstd": string(encoder.EncodeAll([]byte(body), nil)), "identity": body} {
		r := receive(t, nil)
		if w := r.post("/ingest/bulk", sent, "Content-Encoding", encoding); w.Code != http.StatusOK || r.store.Totals().Events != 1000 {
			t.Errorf("%s: %d %s, %d events", encoding, w.Code, w.Body, r.store.Totals().Events)
		}
	}
}

func TestReplacedBytesAreCounted(t *testing.T) {
	r := receive(t, nil)
	r.post("/ingest/bulk", "{\"a\":\"\xff\xfe\"}\n\"\xc3\"")
	r.post("/v1/logs", "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":{\"stringValue\":\"x\xff\"}}]}]}]}", "Content-Type", asJSON)
	if got, want := r.stored(), "0:{\"a\":\"\uFFFD\uFFFD\"} 0:\uFFFD | 0:x\uFFFD"; got != want || r.replaced != 4 {
		t.Errorf("%s, %d replaced", got, r.replaced)
	}
}

func body(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func export(t testing.TB, records ...*logs.LogRecord) string {
	t.Helper()
	b, err := proto.Marshal(&logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{ScopeLogs: []*logs.ScopeLogs{{LogRecords: records}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOTLPProtobuf: answers are protobuf, empty for a full success.
func TestOTLPProtobuf(t *testing.T) {
	r := receive(t, nil)
	w := r.post("/v1/logs", export(t, &logs.LogRecord{Body: body("a"), Attributes: []*common.KeyValue{{Key: "k", Value: body("v")}}}), "Content-Type", protobuf)
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") != protobuf {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	w = r.post("/v1/logs", export(t, &logs.LogRecord{Body: body("old"), TimeUnixNano: 1}, &logs.LogRecord{Body: body("b")}))
	want := otlp.AppendResponse(nil, 1, []byte(`{"tooOldLogEventCount": 1, "tooNewLogEventCount": 0, "expiredLogEventCount": 0}`))
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("%d %q, want %q", w.Code, w.Body, want)
	}
	w = r.post("/v1/logs", "\xff", "Content-Type", protobuf)
	if number, _, _ := protowire.ConsumeTag(w.Body.Bytes()); w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != protobuf || number != 1 {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
	if got := r.stored(); got != "0:a | 0:b" {
		t.Error(got)
	}
	r.balanced()
}

func TestOTLPRecordsWhole(t *testing.T) {
	r := receive(t, func(c *httpingest.Config) { c.OTLPMessage = otlp.Record })
	rec := &logs.LogRecord{Body: body("a"), SeverityNumber: 9, Attributes: []*common.KeyValue{{Key: "k", Value: body("v")}}}
	r.post("/v1/logs", export(t, rec))
	if got := r.stored(); got != `0:{"severityNumber":9,"body":"a","attributes":{"k":"v"}}` {
		t.Error(got)
	}
}

// TestOTLPResourceInManyRecords: a small body does not become any number of bytes.
func TestOTLPResourceInManyRecords(t *testing.T) {
	r := receive(t, func(c *httpingest.Config) { c.OTLPBytes = 1 << 20 })
	all := &logs.LogsData{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: []*common.KeyValue{{Key: "k", Value: body(strings.Repeat("v", 100_000))}}},
		ScopeLogs: []*logs.ScopeLogs{{LogRecords: make([]*logs.LogRecord, 1000)}},
	}}}
	records := all.ResourceLogs[0].ScopeLogs[0].LogRecords
	for i := range records { // without a body, so that they are stored whole
		records[i] = &logs.LogRecord{}
	}
	records[999].Body = body("last")
	b, err := proto.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if w := r.post("/v1/logs", string(b)); w.Code != http.StatusOK {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if total := r.store.Totals(); total.Events != 12 || total.Rejected != (store.Rejected{TooLarge: 988}) || !strings.HasSuffix(r.stored(), "0:last") {
		t.Errorf("%d events, %+v", total.Events, total.Rejected)
	}
	r.balanced()
}

// TestOneRecordTooDeep: it is refused, the others are stored.
func TestOneRecordTooDeep(t *testing.T) {
	deep := body("x")
	for range 100 {
		deep = &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{deep}}}}
	}
	r := receive(t, nil)
	r.post("/v1/logs", export(t, &logs.LogRecord{Body: deep}, &logs.LogRecord{Body: body("b")}))
	if got := r.store.Totals().Rejected; got != (store.Rejected{Invalid: 1}) || r.stored() != "0:b" {
		t.Errorf("%+v %s", got, r.stored())
	}
	r.balanced()
}

// TestManyBatches: bodies larger than a batch are split, in order, and nothing is
// lost or stored twice.
func TestManyBatches(t *testing.T) {
	var lines strings.Builder
	n := 0
	for ; lines.Len() < 7<<20; n++ { // of text, more than one arena
		fmt.Fprintf(&lines, "{\"n\":%d,\"pad\":%q}\n", n, strings.Repeat("x", n%2000))
	}
	short := 200_000 // events, more than one batch can have
	for _, c := range []struct {
		body   string
		events int
	}{{lines.String(), n}, {strings.Repeat("7\n", short), short}} {
		r := receive(t, nil)
		if w := r.post("/ingest/bulk", c.body); w.Code != http.StatusOK || w.Body.String() != "{}" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		g, _ := r.catalog.Group(catalog.Scope{Account: "000000000000", Region: "us-east-1"}, "/ever")
		var got strings.Builder
		batches := 0
		ids := map[uint64]bool{}
		err := r.store.Scan(t.Context(), store.Query{Group: g.UID, To: 1 << 62}, func(b event.Batch) error {
			batches++
			ids[b.Request()] = true
			got.Write(b.Lines(0, b.Len()))
			return nil
		})
		if err != nil || got.String() != c.body || batches < 2 || len(ids) != batches {
			t.Errorf("%d batches with %d ids, %d bytes of %d, %v", batches, len(ids), got.Len(), len(c.body), err)
		}
		if total := r.store.Totals(); total.Events != uint64(c.events) {
			t.Errorf("%d events of %d", total.Events, c.events)
		}
		r.balanced()
	}
}

// TestNothingIsStoredOfABodyThatBreaksLate: not even the batches before.
func TestNothingIsStoredOfABodyThatBreaksLate(t *testing.T) {
	element := `{"pad":"` + strings.Repeat("x", 1000) + `"},`
	long := "[" + strings.Repeat(element, 7000)
	f := func(url, body string) {
		t.Helper()
		r := receive(t, nil)
		w := r.post(url, body, "Content-Type", asJSON)
		if total := r.store.Totals(); w.Code != http.StatusBadRequest || total.Events != 0 || r.received != 0 {
			t.Errorf("%s: %d %.80s, %+v, %d received", url, w.Code, w.Body, total, r.received)
		}
	}
	f("/ingest/json", long)
	f("/services/collector/event", strings.Repeat(`{"event":"`+strings.Repeat("x", 1000)+`"}`, 7000)+"!")
	r := receive(t, nil)
	var records []*logs.LogRecord
	for range 7000 {
		records = append(records, &logs.LogRecord{Body: body(strings.Repeat("x", 1000))})
	}
	whole := export(t, records...)
	w := r.post("/v1/logs", whole+"\x0a\x02\x12")
	if total := r.store.Totals(); w.Code != http.StatusBadRequest || total.Events != 0 {
		t.Errorf("OTLP: %d, %+v", w.Code, total)
	}
	if w := r.post("/v1/logs", whole); w.Code != http.StatusOK || r.store.Totals().Events != 7000 {
		t.Errorf("OTLP, whole: %d, %+v", w.Code, r.store.Totals())
	}
	r.balanced()
}

// broken takes some batches, then none.
type broken struct {
	*store.Store
	left int
	err  error
}

func (b *broken) Append(ctx context.Context, batch event.Batch) (event.Position, error) {
	if b.left--; b.left < 0 {
		return event.Position{}, b.err
	}
	return b.Store.Append(ctx, batch)
}

func (b *broken) Reject(context.Context, uint64, store.Rejected) error { return b.err }

// TestALogThatTakesNothing: the sender is told to come again, and what the log
// took counts as received.
func TestALogThatTakesNothing(t *testing.T) {
	f := func(path, body string, batches int, err error, status int, retry string, stored int) {
		t.Helper()
		var log *broken
		r := receive(t, func(c *httpingest.Config) {
			log = &broken{c.Appender.(*store.Store), batches, err}
			c.Appender = log
		})
		w := r.post(path, body)
		if w.Code != status || w.Header().Get("Retry-After") != retry || r.store.Totals().Events != uint64(stored) {
			t.Errorf("%s: %d %v %s, %d stored", path, w.Code, w.Header(), w.Body, r.store.Totals().Events)
		}
		r.balanced()
	}
	full := errors.New("disk full")
	f("/ingest/bulk", "1\n2\n", 0, full, http.StatusServiceUnavailable, "1", 0)
	f("/ingest/bulk", "1\n2\n", 0, awsapi.ErrThrottled, http.StatusTooManyRequests, "1", 0)
	f("/v1/logs", export(t, &logs.LogRecord{Body: body("a")}), 0, full, http.StatusServiceUnavailable, "1", 0)
	f("/ingest/bulk", strings.Repeat("7\n", 70_000), 1, full, http.StatusServiceUnavailable, "1", 65_535)
}

// TestUncountedRejections: events that are stored must not be sent again for the
// sake of a counter.
func TestUncountedRejections(t *testing.T) {
	f := func(body string, status int) {
		t.Helper()
		r := receive(t, func(c *httpingest.Config) {
			c.Rejections, c.Logger = &broken{err: errors.New("disk full")}, slog.New(slog.DiscardHandler)
		})
		if w := r.post("/ingest/bulk", body); w.Code != status {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	f("nope\n", http.StatusServiceUnavailable)
	f("nope\n1\n", http.StatusOK)
}

func TestCreateOnDemand(t *testing.T) {
	var r *receiver
	var calls []string
	r = receive(t, func(c *httpingest.Config) {
		c.Create = func(_ context.Context, c awsapi.Caller, group, stream string) error {
			calls = append(calls, group+" "+stream)
			if group == "/forbidden" {
				return awsapi.AccessDenied("no")
			}
			g, err := r.catalog.CreateLogGroup(catalog.LogGroup{Scope: catalog.Scope{Account: c.Account, Region: c.Region}, Name: group})
			if err != nil {
				return err
			}
			_, err = r.catalog.CreateLogStream(g.UID, stream, 1)
			return err
		}
	})
	for _, group := range []string{"/ever", "/new", "/new"} {
		if w := r.post("/ingest/bulk", "1", "x-aws-log-group", group); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", group, w.Code, w.Body)
		}
	}
	if w := r.post("/ingest/bulk", "1", "x-aws-log-group", "/forbidden"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), awsapi.CodeAccessDenied) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := r.post("/ingest/bulk", "1", "x-aws-log-group", "a b"); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := strings.Join(calls, ", "); got != "/new s, /forbidden s" || r.stored() != "0:1 | 0:1 | 0:1" {
		t.Errorf("created %s, stored %s", got, r.stored())
	}
}

func TestConfigNeedsItsParts(t *testing.T) {
	if _, err := httpingest.New(httpingest.Config{}); err == nil {
		t.Error("made of nothing")
	}
}
