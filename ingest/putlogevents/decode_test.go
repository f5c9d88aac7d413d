package putlogevents_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
	"sluice/internal/event"
)

// decoded is all that Decode says, comparable.
type decoded struct {
	Group, Stream string // "absent" if it is
	HasEvents     bool
	Events, Bytes int
	Problems      []putlogevents.Problem
	ProblemCount  int
	Messages      []string
	Timestamps    []int64
}

type decoder func([]byte, *event.Builder, *putlogevents.Request) error

func decode(body string, f decoder) (decoded, error) {
	b := event.GetBuilder(len(body))
	defer b.Release()
	var req putlogevents.Request
	if err := f([]byte(body), b, &req); err != nil {
		return decoded{}, err
	}
	name := func(n []byte) string {
		if n == nil {
			return "absent"
		}
		return string(n)
	}
	got := decoded{
		Group: name(req.LogGroupName), Stream: name(req.LogStreamName), HasEvents: req.HasEvents,
		Events: req.Events, Bytes: req.MessageBytes, Problems: req.Problems, ProblemCount: req.ProblemCount,
	}
	if b.Len() == 0 {
		return got, nil
	}
	batch, err := b.Seal(event.Header{}, event.Source{})
	if err != nil { // timestamps too far apart: the caller's matter
		got.Timestamps = append(got.Timestamps, b.Timestamps()...)
		return got, nil
	}
	for i := range batch.Len() {
		got.Messages = append(got.Messages, string(batch.Message(i)))
		got.Timestamps = append(got.Timestamps, batch.Timestamp(i))
	}
	return got, nil
}

// scanned is the scanner as a decoder.
func scanned(body []byte, b *event.Builder, req *putlogevents.Request) error {
	if !putlogevents.Scan(body, b, req) {
		return errDeclined
	}
	return nil
}

var errDeclined = errors.New("declined")

var two = decoded{
	Group: "/shop/web", Stream: "i-1", HasEvents: true, Events: 2, Bytes: 6,
	Messages: []string{"one", "two"}, Timestamps: []int64{1767600000000, 1767600000001},
}

// TestClientsBodiesAreScanned gives the shapes that clients send to the scanner
// alone: it must not decline them.
func TestClientsBodiesAreScanned(t *testing.T) {
	f := func(body string, want decoded) {
		t.Helper()
		for _, with := range []decoder{scanned, putlogevents.DecodeCarefully, putlogevents.Decode} {
			got, err := decode(body, with)
			if err != nil {
				t.Errorf("%s: %v", body, err)
			} else if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: %s", body, d)
			}
		}
	}
	message := func(text string) decoded {
		return decoded{Group: "g", Stream: "s", HasEvents: true, Events: 1, Bytes: len(text), Messages: []string{text}, Timestamps: []int64{1767600000000}}
	}
	// The SDKs for Go and for JavaScript.
	f(`{"logEvents":[{"message":"one","timestamp":1767600000000},{"message":"two","timestamp":1767600000001}],"logGroupName":"/shop/web","logStreamName":"i-1"}`, two)
	f(`{"logGroupName":"/shop/web","logStreamName":"i-1","logEvents":[{"timestamp":1767600000000,"message":"one"},{"timestamp":1767600000001,"message":"two"}]}`, two)
	// boto3.
	f(`{"logGroupName": "/shop/web", "logStreamName": "i-1", "logEvents": [{"timestamp": 1767600000000, "message": "one"}, {"timestamp": 1767600000001, "message": "two"}]}`, two)
	f(`{"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1767600000000, "message": "\u00e9\u20ac \ud83d\ude00\t\"q\"\\\n\/\b\f\r"}]}`, message("é€ 😀\t\"q\"\\\n/\b\f\r"))
	// PHP's json_encode.
	f(`{"logGroupName":"\/shop\/web","logStreamName":"i-1","logEvents":[{"timestamp":1767600000000,"message":"one"},{"timestamp":1767600000001,"message":"two"}]}`, two)
	// Pretty-printed, UTF-8 as it is.
	f("{\n\t\"logEvents\" : [\r\n { \"message\" : \"h\u00e9 \U0001F600\" , \"timestamp\" : 1767600000000 } ] ,\n \"logGroupName\" : \"g\" , \"logStreamName\":\"s\"\n}\n", message("hé 😀"))
	// Agents: a sequence token and an entity between the rest.
	f(`{"entity":{"keyAttributes":{"Type":"Service","Name":"web"},"attributes":{"a":[1,20,true,false,null,{},[]]}},"logEvents":[{"message":"one","timestamp":1767600000000},{"other":"x","message":"two","timestamp":1767600000001}],"sequenceToken":"4961","logGroupName":"/shop/web","logStreamName":"i-1"}`, two)
	f(`{}`, decoded{Group: "absent", Stream: "absent"})
	f(`{"logEvents":[],"logGroupName":""}`, decoded{Stream: "absent", HasEvents: true})
	for _, kind := range corpus.Kinds() {
		body := string(bodyOf(kind, 10_000))
		want, err := decode(body, putlogevents.DecodeCarefully)
		if err != nil || want.Events == 0 {
			t.Fatal(err, want.Events)
		}
		f(body, want)
	}
}

// TestRules is about what JSON leaves open.
func TestRules(t *testing.T) {
	f := func(body string, want decoded) {
		t.Helper()
		for _, with := range []decoder{putlogevents.DecodeCarefully, putlogevents.Decode} {
			if got, err := decode(body, with); err != nil {
				t.Errorf("%s: %v", body, err)
			} else if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: %s", body, d)
			}
		}
	}
	g := func(events string, count, bytes int, problems ...putlogevents.Problem) {
		t.Helper()
		f(`{"logEvents":`+events+`}`, decoded{Group: "absent", Stream: "absent", HasEvents: true, Events: count, Bytes: bytes, Problems: problems, ProblemCount: len(problems)})
	}
	type p = putlogevents.Problem
	g(`[{}]`, 1, 0, p{0, putlogevents.TimestampNotNull, 0}, p{0, putlogevents.MessageNotNull, 0})
	g(`[null]`, 1, 0, p{0, putlogevents.EventNotNull, 0})
	g(`[{"message":"","timestamp":1767600000000}]`, 1, 0, p{0, putlogevents.MessageNotEmpty, 0})
	g(`[{"message":null,"timestamp":1767600000000}]`, 1, 0, p{0, putlogevents.MessageNotNull, 0})
	g(`[{"message":"abc","timestamp":null}]`, 1, 3, p{0, putlogevents.TimestampNotNull, 0})
	g(`[{"message":"abc"},{"timestamp":-1,"message":"d"}]`, 2, 4, p{0, putlogevents.TimestampNotNull, 0}, p{1, putlogevents.TimestampNotNegative, -1})
	g(`[{"Message":"abc","TIMESTAMP":5}]`, 1, 0, p{0, putlogevents.TimestampNotNull, 0}, p{0, putlogevents.MessageNotNull, 0})
	one := func(message string, at int64) decoded {
		return decoded{Group: "absent", Stream: "absent", HasEvents: true, Events: 1, Bytes: len(message), Messages: []string{message}, Timestamps: []int64{at}}
	}
	// The last of several counts.
	f(`{"logEvents":[{"message":"long message","timestamp":3,"timestamp":7,"message":"m"}]}`, one("m", 7))
	f(`{"logEvents":[{"message":"a","timestamp":1},{"message":"b"}],"logEvents":[{"message":"m","timestamp":0}]}`, one("m", 0))
	f(`{"logGroupName":"a","logGroupName":"b","logStreamName":"c","logStreamName":null}`, decoded{Group: "b", Stream: "absent"})
	f(`{"logGroupName":"a\n","logStreamName":"c\t","logGroupName":"\u0041"}`, decoded{Group: "A", Stream: "c\t"})
	f(`{"logEvents":[],"logEvents":null}`, decoded{Group: "absent", Stream: "absent"})
	// Names may be escaped, and timestamps short, long or negative zero.
	f(`{"\u006cogEvents":[{"mess\u0061ge":"m","timestamp":9223372036854775807}]}`, one("m", 1<<63-1))
	f(`{"logEvents":[{"message":"m","timestamp":-0}]}`, one("m", 0))
	f(`{"logEvents":[{"message":"m","timestamp":12345678}]}`, one("m", 12345678))
	f(`{"logEvents":[{"message":"m","timestamp":123456789012345}]}`, one("m", 123456789012345))
	f(`{"logEvents":[{"message":"m","timestamp":1234567890123456}]}`, one("m", 1234567890123456))
	// Unknown members may hold anything.
	f(`{"x":`+strings.Repeat(`[{"y":`, 100)+`-1.5e3`+strings.Repeat(`}]`, 100)+`,"z":0,"logEvents":[{"a\"":"\ud83d\ude00","message":"m","timestamp":1}]}`, one("m", 1))
}

func TestErrorsTellWhere(t *testing.T) {
	f := func(body string, offset int64, reason string) {
		t.Helper()
		_, err := decode(body, putlogevents.Decode)
		var e *putlogevents.SerializationError
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", body, err)
		} else if e.Offset != offset || !strings.Contains(e.Reason, reason) {
			t.Errorf("%q: at %d: %s; want %d: %s", body, e.Offset, e.Reason, offset, reason)
		}
	}
	f(``, 0, "unexpected end")
	f(`null`, 0, "a null where a structure belongs")
	f(`[]`, 0, "a list where a structure belongs")
	f(`{"logGroupName":5}`, 15, "a number where a string belongs")
	f(`{"logEvents":{}}`, 12, "a structure where a list belongs")
	f(`{"logEvents":"x"}`, 12, "a string where a list belongs")
	f(`{"logEvents":[5]}`, 14, "a number where a structure belongs")
	f(`{"logEvents":[{"timestamp":"1767600000000"}]}`, 26, "a string where a long belongs")
	f(`{"logEvents":[{"timestamp":1767600000000.5}]}`, 27, "no long")
	f(`{"logEvents":[{"timestamp":1767600000000.0}]}`, 27, "no long")
	f(`{"logEvents":[{"timestamp":17676e8}]}`, 27, "no long")
	f(`{"logEvents":[{"timestamp":9223372036854775808}]}`, 27, "no long")
	f(`{"logEvents":[{"timestamp":01767600000000}]}`, 28, "invalid character")
	f(`{"logEvents":[{"timestamp":true}]}`, 26, "a boolean where a long belongs")
	f(`{"logEvents":[{"message":["a"]}]}`, 24, "a list where a string belongs")
	f("{\"logEvents\":[{\"message\":\"\xff\",\"timestamp\":1767600000000}]}", 26, "invalid UTF-8")
	f(`{"logEvents":[{"message":"\ud83d","timestamp":1767600000000}]}`, 26, "invalid surrogate pair")
	f(`{"logEvents":[{"message":"\ude00\ud83d","timestamp":1767600000000}]}`, 26, "invalid surrogate pair")
	f("{\"logEvents\":[{\"message\":\"a\nb\",\"timestamp\":1767600000000}]}", 27, "invalid character")
	f(`{"logEvents":[{"message":"a\x","timestamp":1767600000000}]}`, 27, "invalid escape")
	f(`{"logEvents":[{"message":"a"`, 28, "unexpected EOF")
	f(`{"logEvents":[{"message":"a",}]}`, 28, "invalid character")
	f(`{"logEvents":[]}{}`, 17, "a value after the request")
	f(`{"logEvents":[]}x`, 16, "invalid character")
}

// TestManyEventsAreCounted: limits are the caller's, who needs to know by how
// much they are exceeded.
func TestManyEventsAreCounted(t *testing.T) {
	const n = event.MaxEvents + 10
	body := `{"logEvents":[` + strings.Repeat(`{"message":"ab","timestamp":1767600000000},`, n-1) + `{"message":"ab","timestamp":1767600000000}]}`
	for _, with := range []decoder{scanned, putlogevents.DecodeCarefully} {
		got, err := decode(body, with)
		if err != nil || got.Events != n || got.Bytes != 2*n || len(got.Messages) != event.MaxEvents {
			t.Error(got.Events, got.Bytes, len(got.Messages), err)
		}
	}
	body = `{"logEvents":[{}` + strings.Repeat(`,{}`, 99) + `]}`
	if got, err := decode(body, putlogevents.Decode); err != nil || got.Events != 100 || got.ProblemCount != 200 || len(got.Problems) >= 100 {
		t.Error(got.Events, got.ProblemCount, len(got.Problems), err)
	}
}

func TestSmallArenaIsFull(t *testing.T) {
	body := bodyOf(corpus.App, 100_000)
	b := event.GetBuilder(0)
	for _, with := range []decoder{putlogevents.DecodeCarefully, putlogevents.Decode} {
		if err := with(body, b, new(putlogevents.Request)); !errors.Is(err, event.ErrFull) {
			t.Error(err)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	f := func(body []byte, with decoder) {
		t.Helper()
		b, req := event.GetBuilder(len(body)), new(putlogevents.Request)
		if n := testing.AllocsPerRun(20, func() {
			if err := with(body, b, req); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%.0f allocations for %.60s", n, body)
		}
	}
	for _, kind := range corpus.Kinds() {
		f(bodyOf(kind, 100_000), putlogevents.Decode)
	}
	problems := []byte(`{"logGroupName":"\/a\/b","logStreamName":"\/c","logEvents":[{"message":"a"},{}]}`)
	f(problems, putlogevents.Decode)
	f(problems, putlogevents.DecodeCarefully)
	events, body := eventsOf(corpus.App, 100_000), make([]byte, 0, 200_000)
	if n := testing.AllocsPerRun(20, func() { body = putlogevents.AppendRequest(body[:0], "/shop/web", "i-1", events...) }); n != 0 {
		t.Errorf("%.0f allocations for encoding", n)
	}
}
