package agent

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzAppendMessage(f *testing.F) {
	f.Add([]byte("plain text of more than eight bytes"))
	f.Add([]byte("quote \" slash \\ tab \t bell \a é \xff\xfe 日本 \xe6\x97"))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, size, repaired := appendMessage([]byte{'"'}, text)
		want := strings.ToValidUTF8(string(text), "\uFFFD")
		var got string
		if err := json.Unmarshal(append(out, '"'), &got); err != nil || got != want {
			t.Fatalf("%q became %q (%v), want %q", text, got, err, want)
		}
		if size != len(want) || size != repairedSize(text) || repaired != (want != string(text)) {
			t.Fatalf("%q: size %d, repairedSize %d, repaired %t, want %d", text, size, repairedSize(text), repaired, len(want))
		}
	})
}

func cutAll(t *testing.T, s Shape, text string) (messages []string, lines Lines) {
	t.Helper()
	c, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		r := &records{shape: c, text: []byte(text), final: true, lines: &lines}
		var rec record
		for r.next(&rec) {
			messages = append(messages, string(rec.message))
			r.accept(&rec)
		}
		text, more = text[r.pos:], r.stopped
	}
	return messages, lines
}

func TestRecords(t *testing.T) {
	f := func(s Shape, text string, want ...string) {
		t.Helper()
		got, _ := cutAll(t, s, text)
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%+v on %q: %q, want %q", s, text, got, want)
		}
	}
	plain := Shape{}
	f(plain, "one\ntwo\r\n\n\r\nthree", "one", "two", "three")
	f(plain, "")
	f(Shape{MaxEvent: 4}, "123456789\nab\n", "1234", "5678", "9", "ab")
	f(Shape{MaxEvent: 4, Truncate: true}, "123456789\nab\n", "1234", "ab")
	f(Shape{MaxEvent: 4}, "abcé\n", "abc", "é")
	multi := Shape{MultilineStart: `^\d`}
	f(multi, "1 a\n  at\n\n  at\n2 b\n3 c\n", "1 a\n  at\n\n  at", "2 b", "3 c")
	f(multi, "lost\n1 a\n", "lost", "1 a")
	f(Shape{MultilineStart: `^\d`, MaxLines: 2}, "1\na\nb\nc\n2\n", "1\na", "b\nc", "2")
	f(Shape{MultilineStart: `^\d`, MaxEvent: 6}, "1\nab\ncd\nef\n", "1\nab", "cd\nef")
}

// FuzzRecords cuts text in pieces, as reads of a growing file come, and whole, as
// a batch is made again: both must give the same records.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("1 a\n b\r\n\n2 c\n3 \xff\xff d\n4"), uint8(3), uint8(0))
	f.Add([]byte("11111111111111111\n2\n"), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, step, mode uint8) {
		if bytes.Contains(text, []byte("\r\r")) {
			t.Skip("a piece of nothing but CR is not made again: its batch is sent as new events")
		}
		s := Shape{MaxEvent: 8, Truncate: mode&1 != 0, MaxLines: 3}
		if mode&2 != 0 {
			s.MultilineStart = `^\d`
		}
		c, err := s.compile()
		if err != nil {
			t.Fatal(err)
		}
		var lines Lines
		pos, skip := 0, false
		for end := 0; pos < len(text); {
			end = min(len(text), end+1+int(step))
			r := &records{shape: c, text: text[pos:end], final: end == len(text), skip: skip, lines: &lines}
			var rec record
			var grown []string
			for r.next(&rec) {
				grown = append(grown, string(rec.message))
				if len(rec.message) == 0 || repairedSize(rec.message) > s.MaxEvent {
					t.Fatalf("record %q", rec.message)
				}
				r.accept(&rec)
			}
			again := &records{shape: c, text: r.text[:r.pos], final: true, skip: skip, lines: &lines}
			var rebuilt []string
			for again.next(&rec) {
				rebuilt = append(rebuilt, string(rec.message))
				again.accept(&rec)
			}
			if strings.Join(grown, "|") != strings.Join(rebuilt, "|") {
				t.Fatalf("%q: cut %q, again %q", r.text[:r.pos], grown, rebuilt)
			}
			pos, skip = pos+r.pos, r.skip
		}
		if pos != len(text) {
			t.Fatalf("%d bytes are left", len(text)-pos)
		}
	})
}

// FuzzState must not panic on what it reads.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"files":[{"mark":{"offset":-1,"tail":{"bytes":9999}}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decodeState("agent.json", text)
		if err != nil {
			return
		}
		for _, file := range s.Files {
			locate(bytes.NewReader(text), file.Mark)
		}
	})
}

func TestAddDoesNotAllocate(t *testing.T) {
	b := new(batch)
	c, _ := Shape{}.compile()
	text := []byte(strings.Repeat("GET /index.html 200 \"Mozilla/5.0\" 1234\n", 1000))
	var lines Lines
	run := func() {
		b.reset("g", "s")
		r := records{shape: c, text: text, lines: &lines}
		var last int64
		b.cutRange(&r, 1767323045000, &last, testLimits)
	}
	run()
	if n := testing.AllocsPerRun(10, run); n > 0 && !raceEnabled {
		t.Errorf("%v allocations for %d events", n, len(b.events))
	}
}
