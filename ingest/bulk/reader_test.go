package bulk_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sluice/ingest/bulk"
)

// read lists the events of a body, each as time:message, with a dash for no
// time, and behind them what was skipped and replaced.
func read(t testing.TB, form bulk.Form, body string) (string, error) {
	var r bulk.Reader
	given := []byte(body)
	r.Reset(given, form)
	var out []string
	for r.Next() {
		stamp := "-"
		if r.Timed {
			stamp = fmt.Sprint(r.Timestamp)
		}
		out = append(out, stamp+":"+string(r.Message))
	}
	if string(given) != body {
		t.Errorf("%q was changed", body)
	}
	if r.Next() {
		t.Errorf("%q: an event after the last", body)
	}
	if r.Skipped > 0 {
		out = append(out, fmt.Sprint("skipped ", r.Skipped))
	}
	if r.Replaced > 0 {
		out = append(out, fmt.Sprint("replaced ", r.Replaced))
	}
	return strings.Join(out, " | "), r.Err()
}

func TestLines(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		got, err := read(t, bulk.Lines, body)
		if got != want || err != nil {
			t.Errorf("%q:\n got %s\nwant %s\n%v", body, got, want, err)
		}
	}
	f("", "")
	f("\n\r\n \t\n", "")
	f(`{"timestamp":1771007942000,"message":"a"}`, `1771007942000:{"timestamp":1771007942000,"message":"a"}`)
	f("{\"a\":1}\n{\"b\":2}\n", `-:{"a":1} | -:{"b":2}`)
	f("{\"a\":1}\r\n{\"b\":2}\r\n", `-:{"a":1} | -:{"b":2}`)
	f("\n\n{\"a\":1}\n\n\n{\"b\":2}", `-:{"a":1} | -:{"b":2}`)
	f("  { \"a\" : 1 }  \n", `-:{ "a" : 1 }`)

	// AWS's table of line contents.
	f("\"a plain string\"\n42\ntrue\nnull\n-1.5e3", "-:a plain string | -:42 | -:true | -:null | -:-1.5e3")
	f(`[{"timestamp":1000,"message":"a"},{"timestamp":2000,"message":"b"}]`,
		`1000:{"timestamp":1000,"message":"a"} | 2000:{"timestamp":2000,"message":"b"}`)
	f("[]\n[ ]", "")
	f(`[1,"x",[2,3],null]`, "-:1 | -:x | -:[2,3] | -:null")
	f("{\"a\":1}\nnot json\n{\"b\":2}", `-:{"a":1} | -:{"b":2} | skipped 1`)
	f("{\"a\":1} {\"b\":2}\n[1,]\n[1] 2\n{\"a\":}\n\"x\n{\"a\":01}", "skipped 6")
	f("[1,2\n3]", "skipped 2")
	f(`{"a":1},`, "skipped 1")

	// Strings say what they say.
	f(`"tab\tquote\"\u00e9\ud83d\ude00"`, "-:tab\tquote\"é😀")
	f(`""`, "-:")
	f(`"\ud800x"`, "-:\uFFFDx | replaced 1")
	f(`"\ufffd\\ufffd �"`, "-:\uFFFD\\ufffd �") // sent as such
	f("\"a\xffb\xc3\"", "-:a\uFFFDb\uFFFD | replaced 2")
	f("{\"a\":\"\xff\"}\n{\"b\":\"é\"}", "-:{\"a\":\"\uFFFD\"} | -:{\"b\":\"é\"} | replaced 1")
	f("{\"a\":\"line\\nfeed\"}", `-:{"a":"line\nfeed"}`)
	f("{\"a\":1,\r\"b\": \"x y\"}", `-:{"a":1,"b":"x y"}`) // a lone CR is white space of JSON

	f(strings.Repeat("[", 9_999)+strings.Repeat("]", 9_999), "-:"+strings.Repeat("[", 9_998)+strings.Repeat("]", 9_998))
	f(strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+"\n1", "-:1 | skipped 1")
}

func TestTimestamps(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		line := `{"timestamp":` + value + `}`
		got, err := read(t, bulk.Lines, line)
		if want += ":" + line; got != want || err != nil {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
	f("0", "0")
	f("1771007942000", "1771007942000")
	f("1771007942000.9", "1771007942000")
	f("1.771007942e12", "1771007942000")
	f("-5", "-5")
	f("-0.5", "-1")
	f("999999999999999999", "999999999999999999")
	f("1e40", fmt.Sprint(int64(math.MaxInt64)))
	f("1e400", fmt.Sprint(int64(math.MaxInt64)))
	f("-1e400", fmt.Sprint(int64(math.MinInt64)))
	f(`"2026-02-13T18:39:02Z"`, "1771007942000")
	f(`"2026-02-13T18:39:02.123456789+00:00"`, "1771007942123")
	f(`"2026-02-13T20:39:02+02:00"`, "1771007942000")

	// The server's time, as AWS says for what is no number.
	for _, value := range []string{`"invalid"`, `"1771007942000"`, `"2026-02-13"`, `"2026-13-13T18:39:02Z"`, `"2026-02-13 18:39:02Z"`, "null", "true", "{}", "[1]", `""`} {
		f(value, "-")
	}
	g := func(line, want string) {
		t.Helper()
		got, _ := read(t, bulk.Lines, line)
		if want += ":" + line; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	g(`{"timestamp":1,"timestamp":2}`, "2")
	g(`{"timestamp":1,"timestamp":"x"}`, "-")
	g(`{"time\u0073tamp":3}`, "3")
	g(`{"Timestamp":1,"time":2,"a":{"timestamp":3}}`, "-")
}

// TestInstants compares every day of some years, and what is no instant, with
// package time.
func TestInstants(t *testing.T) {
	f := func(text string) {
		t.Helper()
		want := "-"
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			want = fmt.Sprint(at.UnixMilli())
		}
		line := `{"timestamp":"` + text + `"}`
		if got, _ := read(t, bulk.Lines, line+"\n"); got != want+":"+line {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		// Behind one of the same second, and with as much text behind it as there is.
		var r bulk.Reader
		r.Reset(fmt.Appendf(nil, "{\"timestamp\":\"%.19sZ\"}\n%s\n%[2]s\n", text, line), bulk.Lines)
		for r.Next() {
			got := "-"
			if r.Timed {
				got = fmt.Sprint(r.Timestamp)
			}
			if string(r.Message) == line && got != want {
				t.Errorf("%s again: %s, want %s", text, got, want)
			}
		}
	}
	for _, year := range []int{0, 1, 1900, 1969, 1970, 1999, 2000, 2023, 2024, 2026, 2100, 9999} {
		for day := range 366 {
			at := time.Date(year, 1, 1+day, day%24, day%60, (day*7)%60, day*1e6, time.UTC)
			f(at.Format("2006-01-02T15:04:05.000Z"))
			f(at.Format("2006-01-02T15:04:05Z"))
		}
	}
	for _, text := range []string{
		"2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.987654Z", "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.1234567891Z", "2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00.12Z", "2026-01-01T00:00:00,123Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00.1x3Z", "202x-01-01T00:00:00Z",
		"2026x01-01T00:00:00Z", "2026-01-01T00x00:00Z", "2026-01-01T00:00x00Z", "2026-1-011T00:00:00Z",
	} {
		f(text)
	}
}

func TestDocument(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		got, err := read(t, bulk.Document, body)
		if got != want || err != nil {
			t.Errorf("%q:\n got %s\nwant %s\n%v", body, got, want, err)
		}
	}
	f(`{"timestamp":1771007942000,"a":1}`, `1771007942000:{"timestamp":1771007942000,"a":1}`)
	f(` [ {"a":1} , {"timestamp":2} ] `, `-:{"a":1} | 2:{"timestamp":2}`)
	f("[]", "")
	f("{}", "-:{}")
	// AWS's example: 2 events, 2 skipped.
	f(`[{"timestamp":1771007942000,"message":"valid object"},"just a string",42,{"timestamp":1771007943000,"message":"another"}]`,
		`1771007942000:{"timestamp":1771007942000,"message":"valid object"} | 1771007943000:{"timestamp":1771007943000,"message":"another"} | skipped 2`)
	f(`"hello"`, "skipped 1")
	f(`42`, "skipped 1")
	f(`[[{"a":1}],null]`, "skipped 2")
	f(`{"a":1}{"b":2}`, `-:{"a":1}`)
	f(`{"a":1} nonsense`, `-:{"a":1}`)
	f("{\n  \"a\": [1,\r\n 2],\n  \"b c\": \"x  y\\n\"\n}\n", `-:{"a":[1,2],"b c":"x  y\n"}`)
}

func TestCollector(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		got, err := read(t, bulk.Collector, body)
		if got != want || err != nil {
			t.Errorf("%q:\n got %s\nwant %s\n%v", body, got, want, err)
		}
	}
	// AWS's examples.
	f(`{"event":"Hello world!","time":1486683865.0}`, "1486683865000:Hello world!")
	f(`[{"event":"msg1","time":1486683865.0},{"event":"msg2","time":1486683866.0}]`, "1486683865000:msg1 | 1486683866000:msg2")
	f(`{"event":"msg1","time":1486683865.0}{"event":"msg2","time":1486683866.0}`, "1486683865000:msg1 | 1486683866000:msg2")
	f(`{"event":{"message":"structured data","severity":"INFO"}} {"event":42}`+"\n"+`{"event":true}`,
		`-:{"message":"structured data","severity":"INFO"} | -:42 | -:true`)
	f(`{"message":"this is skipped"}`, "skipped 1")
	f(`"x" 1 null [1,{"event":null}]`, "-:null | skipped 4")
	f("", "")
	f("[]", "")
	for value, want := range map[string]string{
		"1486683865.500": "1486683865500", "1486683865": "1486683865000", `"1486683865.500"`: "1486683865500", `"1486683865"`: "1486683865000",
		"1486683865.123": "1486683865123", `"invalid"`: "-", `"0x10"`: "-", `"Infinity"`: "-", `"1_0"`: "-", `""`: "-", "null": "-",
		"99999999999999999": fmt.Sprint(int64(math.MaxInt64)), "1486683865.0019": "1486683865001",
	} {
		f(`{"event":"x","time":`+value+`}`, want+":x")
	}
}

func TestSyntaxErrors(t *testing.T) {
	f := func(form bulk.Form, body, want string, offset int) {
		t.Helper()
		got, err := read(t, form, body)
		var syntax *bulk.SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != offset || got != want {
			t.Errorf("%q: got %s, %v, want %s and an error at %d", body, got, err, want, offset)
		}
		var r bulk.Reader
		r.Reset([]byte(body), form)
		if r.Check() == nil || r.Err() != nil {
			t.Errorf("%q: Check says %v, and now Err %v", body, r.Check(), r.Err())
		}
	}
	f(bulk.Document, "", "", 0)
	f(bulk.Document, "  ", "", 2)
	f(bulk.Document, `{"a":1`, "", 6)
	f(bulk.Document, `[{"a":1},{"b"`, `-:{"a":1}`, 13)
	f(bulk.Document, `[{"a":1}`, `-:{"a":1}`, 8)
	f(bulk.Document, `[{"a":1} {"b":2}]`, `-:{"a":1}`, 9)
	f(bulk.Document, `nonsense`, "", 0)
	f(bulk.Collector, `{"event":1}{"event"`, "-:1", 19)
	f(bulk.Collector, `{"event":1},{"event":2}`, "-:1", 11)
	f(bulk.Collector, `[{"event":1},]`, "-:1", 13)
}

// TestCheckLeavesTheEventAlone: messages in the scratch survive a look ahead.
func TestCheckLeavesTheEventAlone(t *testing.T) {
	var r bulk.Reader
	r.Reset([]byte(`{"event":"first\t"}{"event":"second\t"}{"event":"th\u0069rd"}`), bulk.Collector)
	for _, want := range []string{"first\t", "second\t", "third"} {
		if !r.Next() || r.Check() != nil || string(r.Message) != want {
			t.Errorf("got %q, want %q", r.Message, want)
		}
	}
}
