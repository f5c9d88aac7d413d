package kinesis

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
)

const someDocument = `{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/shop/web","logStream":"a b","subscriptionFilters":["f"],` +
	`"logEvents":[{"id":"1","timestamp":1700000000000,"message":"one \"two\"\u00e9"},{"timestamp":0,"message":"","id":"2","extractedFields":{"a":[1,{}]}}]}`

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// events prints what a document holds.
func (d *document) printed() (all []string) {
	for i := range d.ends {
		all = append(all, fmt.Sprintf("%d %s", d.times[i], d.message(i)))
	}
	return all
}

func TestDocument(t *testing.T) {
	var d document
	f := func(data []byte, group, stream, owner string, events ...string) {
		t.Helper()
		if err := d.read(data); err != nil {
			t.Errorf("%.100q: %v", data, err)
			return
		}
		if string(d.group) != group || string(d.stream) != stream || string(d.owner) != owner || !slices.Equal(d.printed(), events) {
			t.Errorf("%.100q: %s %s %s %q", data, d.group, d.stream, d.owner, d.printed())
		}
	}
	two := []string{`1700000000000 one "two"é`, "0 "}
	f([]byte(someDocument), "/shop/web", "a b", "123456789012", two...)
	f(packed(t, someDocument), "/shop/web", "a b", "123456789012", two...)
	f([]byte(" {\"logEvents\":[],\"logStream\":\"s\",\"logGroup\":\"g\",\"messageType\":\"DATA_MESSAGE\"}\n"), "g", "s", "")
	f([]byte(`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":5,"message":"\ud800"}]}`), "g", "s", "", "5 \uFFFD")
	f([]byte(`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":5,"message":"x"}],"logEvents":[{"timestamp":6,"message":"y"}]}`), "g", "s", "", "6 y")

	if err := d.read(packed(t, `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL"}]}`)); err != nil || !d.control {
		t.Error("control message:", err)
	}
	g := func(data []byte, want error) {
		t.Helper()
		if err := d.read(data); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%.100q: %v, want %v", data, err, want)
		}
	}
	for _, bad := range []string{
		"", "x", "[]", "{}", `{"messageType":"DATA_MESSAGE"}`, `{"messageType":"OTHER","logGroup":"g","logStream":"s","logEvents":[]}`,
		strings.TrimSuffix(someDocument, "}"), someDocument + "x", someDocument + someDocument,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"","logEvents":[]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":"5","message":"x"}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":-5,"message":"x"}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":5.5,"message":"x"}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":99999999999999999999,"message":"x"}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"timestamp":5}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{"message":"x"}]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":1,"logStream":"s","logEvents":[]}`,
		`{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":{}}`,
	} {
		g([]byte(bad), errNoDocument)
	}
	g(packed(t, someDocument)[:60], nil)
	g(packed(t, strings.Repeat(" ", maxInflated+1)), errTooLarge)
}

// FuzzDocument: what is read is what another reader of JSON reads.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(someDocument))
	f.Add(packed(f, someDocument))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d document
		if d.read(data) != nil || d.control {
			return
		}
		if !utf8.Valid(d.text) {
			t.Errorf("text of %q is no UTF-8", data)
		}
		text := data
		if data[0] == 0x1f {
			text = d.inflated.Bytes()
		}
		var want struct {
			LogGroup  string `json:"logGroup"`
			LogEvents []struct {
				Timestamp int64  `json:"timestamp"`
				Message   string `json:"message"`
			} `json:"logEvents"`
		}
		if json.Unmarshal(text, &want) != nil {
			return // stricter: of names that come twice, say
		}
		if want.LogGroup != string(d.group) || len(want.LogEvents) != len(d.ends) {
			t.Fatalf("%s, %d events; want %s, %d", d.group, len(d.ends), want.LogGroup, len(want.LogEvents))
		}
		for i, e := range want.LogEvents {
			if e.Timestamp != d.times[i] || e.Message != string(d.message(i)) {
				t.Errorf("event %d is %d %q, want %d %q", i, d.times[i], d.message(i), e.Timestamp, e.Message)
			}
		}
	})
}

// large is a document of a thousand events.
func large() string {
	var b strings.Builder
	b.WriteString(`{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/shop/web","logStream":"a","subscriptionFilters":["f"],"logEvents":[`)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%056d","timestamp":1700000000000,"message":"{\"level\":\"INFO\",\"request\":%d,\"took\":%d}"}`, i, i*7919, i%97)
	}
	return b.String() + "]}"
}

func TestDocumentAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	data := packed(t, large())
	var d document
	if n := testing.AllocsPerRun(20, func() {
		if err := d.read(data); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations for a document of 1,000 events", n)
	}
}

func BenchmarkDocument(b *testing.B) {
	text := large()
	data := packed(b, text)
	b.SetBytes(int64(len(text)))
	var d document
	for b.Loop() {
		if err := d.read(data); err != nil {
			b.Fatal(err)
		}
	}
}
