package putlogevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/ingest/putlogevents"
)

// oracle reads a body by means of encoding/json: through maps, which know cases
// apart and keep the last of several members.
func oracle(body string) (want decoded, err error) {
	want = decoded{Group: "absent", Stream: "absent"}
	var req map[string]json.RawMessage
	if err := into(body, &req); err != nil || req == nil {
		return want, errors.Join(err, errors.New("no structure"))
	}
	for _, name := range []struct {
		member string
		to     *string
	}{{"logGroupName", &want.Group}, {"logStreamName", &want.Stream}} {
		var text *string
		if err := into(member(req, name.member), &text); err != nil {
			return want, err
		}
		if text != nil {
			*name.to = *text
		}
	}
	var events []json.RawMessage
	if err := into(member(req, "logEvents"), &events); err != nil {
		return want, err
	}
	want.HasEvents = events != nil
	for i, e := range events {
		if err := want.add(i, string(e)); err != nil {
			return want, err
		}
	}
	return want, nil
}

func into(text string, to any) error { return json.Unmarshal([]byte(text), to) }

func member(object map[string]json.RawMessage, name string) string {
	if raw, ok := object[name]; ok {
		return string(raw)
	}
	return "null"
}

// add reads one event.
func (d *decoded) add(index int, text string) error {
	var object map[string]json.RawMessage
	if err := into(text, &object); err != nil {
		return err
	}
	var message *string
	var at *int64
	if err := errors.Join(into(member(object, "message"), &message), into(member(object, "timestamp"), &at)); err != nil {
		return err
	}
	d.Events++
	var rules []putlogevents.Rule
	switch {
	case object == nil:
		rules = append(rules, putlogevents.EventNotNull)
	case at == nil:
		rules = append(rules, putlogevents.TimestampNotNull)
	case *at < 0:
		rules = append(rules, putlogevents.TimestampNotNegative)
	}
	switch {
	case object == nil:
	case message == nil:
		rules = append(rules, putlogevents.MessageNotNull)
	case *message == "":
		rules = append(rules, putlogevents.MessageNotEmpty)
	}
	if message != nil {
		d.Bytes += len(*message)
	}
	for _, rule := range rules {
		p := putlogevents.Problem{Event: index, Rule: rule}
		if rule == putlogevents.TimestampNotNegative {
			p.Timestamp = *at
		}
		d.Problems = append(d.Problems, p)
		d.ProblemCount++
	}
	if rules == nil {
		d.Messages, d.Timestamps = append(d.Messages, *message), append(d.Timestamps, *at)
	}
	return nil
}

// agree compares the scanner, the careful decoder and encoding/json. It tells
// whether the scanner read the body.
func agree(t *testing.T, body string) bool {
	t.Helper()
	fast, declined := decode(body, scanned)
	got, err := decode(body, putlogevents.DecodeCarefully)
	if declined == nil {
		if d := cmp.Diff(got, fast, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Errorf("%q: the scanner took it: %v %s", body, err, d)
		}
	}
	want, wrong := oracle(body)
	if err != nil {
		var e *putlogevents.SerializationError
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(body)) {
			t.Errorf("%q: %#v", body, err)
		}
		// encoding/json takes invalid text, and does not look at what a
		// repeated member said before.
		if wrong == nil && jsontext.Value(body).IsValid() {
			t.Errorf("%q: %v, encoding/json takes it", body, err)
		}
		return false
	}
	if len(got.Messages) != len(got.Timestamps) { // could not be sealed
		want.Messages = nil
	}
	if got.ProblemCount > len(got.Problems) {
		want.Problems = want.Problems[:len(got.Problems)]
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" || wrong != nil {
		t.Errorf("%q: %v %s", body, wrong, d)
	}
	return declined == nil
}

// seeds are bodies from which others are made by changing them.
var seeds = []string{
	`{"logEvents":[{"message":"one","timestamp":1767600000000},{"message":"tw\"o","timestamp":1767600000001}],"logGroupName":"/shop/web","logStreamName":"i-1"}`,
	`{"logGroupName": "\/g", "logStreamName": "s", "logEvents": [{"timestamp": 1767600000000, "message": "\u00e9\u20ac \ud83d\ude00\t\"q\"\\\n\/\b\f\r"}]}`,
	"{\n\t\"logEvents\" : [\r\n { \"message\" : \"h\u00e9 \U0001F600 and a text of more than sixteen bytes\" , \"timestamp\" : 12345678 } ] ,\n \"logGroupName\" : null}\n",
	`{"entity":{"keyAttributes":{"Type":"S\\"},"attributes":{"a":[1,20,true,false,null,{},[],-1.5e3,0]}},"logEvents":[{"message":"","timestamp":1},{},null],"logEvents":[]}`,
}

func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) { agree(t, body) })
}

// TestEveryCutAndEveryByte cuts the seeds anywhere and puts any telling byte
// anywhere.
func TestEveryCutAndEveryByte(t *testing.T) {
	const bytes = "\x00\x1f\n \"\\/{}[],:-.019eunmt\x7f\x80\xc3\xff"
	for _, s := range seeds {
		for i := range len(s) {
			agree(t, s[:i])
			agree(t, s[i:])
			for _, c := range []byte(bytes) {
				agree(t, s[:i]+string([]byte{c})+s[i+1:])
				agree(t, s[:i]+string([]byte{c})+s[i:])
			}
		}
	}
}

// TestRandomBodies makes right bodies of all shapes; the scanner must take most.
func TestRandomBodies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	taken := 0
	const total = 3000
	for range total {
		if agree(t, randomBody(r)) {
			taken++
		}
	}
	if taken < total*8/10 {
		t.Errorf("the scanner took %d of %d", taken, total)
	}
}

func randomBody(r *rand.Rand) string {
	space := func() string { return []string{"", "", "", "", " ", "\n\t", "\r\n  "}[r.IntN(7)] }
	join := func(open, end string, parts []string) string {
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return open + space() + strings.Join(parts, space()+","+space()) + space() + end
	}
	named := func(name, value string) string { return `"` + name + `"` + space() + ":" + space() + value }
	var events []string
	for range r.IntN(5) {
		at := strconv.Itoa(1767600000000 + r.IntN(1000))
		if r.IntN(20) == 0 {
			at = strconv.FormatUint(r.Uint64()>>r.IntN(64), 10)
		}
		parts := []string{named("message", randomString(r)), named("timestamp", at)}
		if r.IntN(10) == 0 {
			parts = append(parts, named("m", `"`+strings.Repeat("x", r.IntN(20))+`"`))
		}
		events = append(events, join("{", "}", parts))
	}
	parts := []string{named("logGroupName", randomString(r)), named("logStreamName", randomString(r)), named("logEvents", join("[", "]", events))}
	return space() + join("{", "}", parts) + space()
}

// randomString is a JSON string that uses every escape, in gaps of any length.
func randomString(r *rand.Rand) string {
	s := []byte{'"'}
	for range r.IntN(8) {
		s = append(s, strings.Repeat("y", r.IntN(40)>>r.IntN(5))...)
		s = append(s, []string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00E9`, `\u20ac`, `\uD83D\uDE00`, "é", "€", "😀", "'", "\x7f"}[r.IntN(17)]...)
	}
	return string(append(s, '"'))
}

func TestMillisIsParseInt(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		digits := strconv.FormatUint(1+r.Uint64()>>r.IntN(64), 10)
		after := string([]byte{byte(r.UintN(256))}) + "}]}456789012345678"
		want, err := strconv.ParseInt(digits, 10, 64)
		got, end := putlogevents.Millis([]byte("x"+digits+after), 1)
		if after[0] >= '0' && after[0] <= '9' {
			continue
		}
		if known := len(digits) >= 8 && len(digits) <= 15; known != (end > 0) {
			t.Fatalf("%s: %d, %d", digits, got, end)
		} else if known && (got != want || err != nil || end != 1+len(digits)) {
			t.Fatalf("%s%s: %d, %d", digits, after, got, end)
		}
	}
}

// TestUnescapeStaysInItsRoom tries every size of the room and of the text.
func TestUnescapeStaysInItsRoom(t *testing.T) {
	for _, escape := range []string{`\n`, `\u20ac`, `\ud83d\ude00`} {
		var char string
		if err := json.Unmarshal([]byte(`"`+escape+`"`), &char); err != nil {
			t.Fatal(err)
		}
		for before := range 20 {
			for after := range 20 {
				want := strings.Repeat("a", before) + char + strings.Repeat("b", after)
				text := strings.Repeat("a", before) + escape + strings.Repeat("b", after) + `"`
				for room := range len(want) + 20 {
					dst := bytes.Repeat([]byte{'-'}, room+1)
					n, end := putlogevents.Unescape(dst[:room:room], []byte(text), 0)
					if dst[room] != '-' {
						t.Fatal("wrote outside its room")
					}
					if end > 0 && (end != len(text) || string(dst[:n]) != want) {
						t.Fatalf("%s in %d: %d %d %q", text, room, n, end, dst)
					}
					if end < 0 && room > len(want)+utf8.UTFMax {
						t.Fatalf("%s in %d: declined", text, room)
					}
				}
				for cut := range len(text) {
					if _, end := putlogevents.Unescape(make([]byte, 100), []byte(text[:cut]), 0); end > 0 {
						t.Fatalf("%s: took a string without its end", text[:cut])
					}
				}
			}
		}
	}
}
