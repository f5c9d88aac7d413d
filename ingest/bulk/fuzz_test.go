package bulk_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"testing"

	"sluice/ingest/bulk"
)

type event struct {
	message string
	stamp   json.RawMessage // nil for none
}

// linesOf is what Lines means, by encoding/json.
func linesOf(body []byte) (events []event, skipped int) {
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			skipped++
			continue
		}
		var values []json.RawMessage // its elements must not lie in the body: Unmarshal reuses them
		if line[0] != '[' {
			values = append(values, line)
		} else if json.Unmarshal(line, &values) != nil {
			panic("valid and not decodable")
		}
		for _, v := range values {
			events = append(events, eventOf(v))
		}
	}
	return events, skipped
}

func eventOf(v json.RawMessage) (e event) {
	switch v[0] {
	case '"':
		if json.Unmarshal(v, &e.message) != nil {
			panic("valid and not decodable")
		}
		return e
	case '{':
		var members map[string]json.RawMessage
		if json.Unmarshal(v, &members) != nil {
			panic("valid and not decodable")
		}
		e.stamp = members["timestamp"]
	}
	if bytes.ContainsAny(v, "\r\n") {
		var compact bytes.Buffer
		if json.Compact(&compact, v) != nil {
			panic("valid and not compactable")
		}
		v = compact.Bytes()
	}
	e.message = string([]rune(string(v))) // U+FFFD for each wrong byte
	return e
}

var plainStamp = regexp.MustCompile(`^[0-9]{1,15}$`)

func FuzzLines(f *testing.F) {
	for _, s := range []string{
		"{\"timestamp\":1771007942000,\"message\":\"a\"}\n[1,\"x\"]\nnope\n\r\n", "\"a\xff\\ud800\"\n", "{\"a\":\r1}", "[[],{},\"\"]",
		"{\"timestamp\":\"2026-02-13T18:39:02Z\"}", "{\"\\u0074imestamp\":-1e9}", "[{\"timestamp\":1,\"timestamp\":22}]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want, skipped := linesOf(body)
		var r bulk.Reader
		r.Reset(body, bulk.Lines)
		n := 0
		for ; r.Next(); n++ {
			if n >= len(want) {
				t.Fatalf("an event too much: %q", r.Message)
			}
			if string(r.Message) != want[n].message {
				t.Fatalf("event %d is %q, want %q", n, r.Message, want[n].message)
			}
			switch stamp := want[n].stamp; {
			case stamp == nil && r.Timed:
				t.Fatalf("event %d: time %d from nowhere", n, r.Timestamp)
			case plainStamp.Match(stamp):
				if ms, _ := strconv.ParseInt(string(stamp), 10, 64); !r.Timed || r.Timestamp != ms {
					t.Fatalf("event %d: time %d %v, want %d", n, r.Timestamp, r.Timed, ms)
				}
			}
		}
		if n != len(want) || r.Skipped != skipped || r.Err() != nil {
			t.Fatalf("%d events, %d skipped, %v; want %d and %d", n, r.Skipped, r.Err(), len(want), skipped)
		}
	})
}

// FuzzValues puts the other forms to encoding/json: they accept the same bodies,
// and their messages are JSON or what a string says.
func FuzzValues(f *testing.F) {
	for _, s := range []string{`{"event":1,"time":2}{"event":"x"}`, "[{\"a\":\n1},2]", `"x" 1`, `[{"event":{}}`, `{}{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, form := range []bulk.Form{bulk.Document, bulk.Collector} {
			var r bulk.Reader
			r.Reset(body, form)
			checked := r.Check()
			values := 0
			for r.Next() {
				values++
				if form == bulk.Document && !json.Valid(r.Message) {
					t.Fatalf("no JSON: %q", r.Message)
				}
			}
			values += r.Skipped
			if (r.Err() == nil) != (checked == nil) {
				t.Fatalf("Check said %v, reading %v", checked, r.Err())
			}
			if form == bulk.Document && json.Valid(body) {
				if r.Err() != nil {
					t.Fatalf("%v, and it is JSON", r.Err())
				}
				want := 1
				var elements []json.RawMessage
				if json.Unmarshal(body, &elements) == nil && bytes.TrimLeft(body, " \t\r\n")[0] == '[' {
					want = len(elements)
				}
				if values != want {
					t.Fatalf("%d values, want %d", values, want)
				}
			}
			if form == bulk.Collector {
				if valid := concatenated(body); (r.Err() == nil) != valid {
					t.Fatalf("%v, and encoding/json says %v", r.Err(), valid)
				}
			}
		}
	})
}

// concatenated tells whether a body is JSON values one after the other.
func concatenated(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	for d.More() {
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return false
		}
	}
	rest, _ := d.Token()
	return rest == nil && len(bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")) == 0
}
