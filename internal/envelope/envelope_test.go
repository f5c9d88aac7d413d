package envelope_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"sluice/internal/envelope"
	"sluice/internal/event"
)

var (
	header = event.Header{Ingested: 1_767_600_000_123, Request: 1<<63 | 7, GroupUID: 11, StreamUID: 12}
	source = event.Source{Account: "111122223333", Region: "eu-west-1", LogGroup: `/shop/"web"`, LogStream: "i-1\\é"}
)

func seal(t testing.TB, messages ...string) event.Batch {
	t.Helper()
	size := 0
	for _, m := range messages {
		size += len(m) + 9
	}
	b := event.GetBuilder(size)
	defer b.Release()
	for i, m := range messages {
		if err := b.Append(1_767_600_000_000+int64(i), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(header, source)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := event.Open(bytes.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// document is the payload as a consumer decodes it.
type document struct {
	MessageType, Owner, LogGroup, LogStream string
	SubscriptionFilters                     []string
	LogEvents                               []logEvent
}

type logEvent struct {
	ID        string
	Timestamp int64
	Message   string
}

func parse(t testing.TB, b []byte) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v in %.200q", err, b)
	}
	return d
}

func TestAppend(t *testing.T) {
	b := seal(t, "GET / 200", "a\tb\x00\x1b\x7f\"\\/<&>\u2028é日𝒳", "")
	f := func(sel event.Selection, part envelope.Part, want string) {
		t.Helper()
		got := string(envelope.Append([]byte("x"), event.Delivery{Batch: b, Selection: sel, Filter: "all"}, part))
		if d := cmp.Diff("x"+want, got); d != "" {
			t.Error(d)
		}
	}
	id := func(i int) string { return b.ID(i).String() }
	head := `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/shop/\"web\"","logStream":"i-1\\é","subscriptionFilters":["all"],"logEvents":[`
	first := `{"id":"` + id(0) + `","timestamp":1767600000000,"message":"GET / 200"}`
	second := `{"id":"` + id(1) + `","timestamp":1767600000001,"message":"a\tb\u0000\u001B` + "\x7f" + `\"\\/<&>` + "\u2028é日𝒳" + `"}`
	third := `{"id":"` + id(2) + `","timestamp":1767600000002,"message":""}`
	f(nil, envelope.Part{From: 0, To: 3}, head+first+","+second+","+third+`]}`)
	f(nil, envelope.Part{From: 1, To: 2}, head+second+`]}`)
	f(event.Selection{0, 2}, envelope.Part{From: 0, To: 2}, head+first+","+third+`]}`)
	f(event.Selection{0, 2}, envelope.Part{From: 1, To: 2}, head+third+`]}`)
}

func TestAppendTraits(t *testing.T) {
	b := seal(t, "a", "b")
	f := func(traits event.Traits, event1, end string) {
		t.Helper()
		d := event.Delivery{Batch: b, Filter: "all", Traits: traits}
		got := string(envelope.Append(nil, d, envelope.Part{From: 0, To: 2}))
		_, got, _ = strings.Cut(got, `"logEvents":[`)
		want := fmt.Sprintf(`{"id":"%s","timestamp":1767600000000,"message":"a"%s},{"id":"%s","timestamp":1767600000001,"message":"b"%s}]%s}`, b.ID(0), event1, b.ID(1), event1, end)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	f(0, "", "")
	f(event.TraitRandom, "", "")
	f(event.TraitAccountLevel, "", `,"policyLevel":"ACCOUNT_LEVEL_POLICY"`)
	f(event.TraitAccount, `,"extractedFields":{"@aws.account":"111122223333"}`, "")
	f(event.TraitRegion|event.TraitSourceLog, `,"extractedFields":{"@aws.region":"eu-west-1","@source.log":"/shop/\"web\""}`, "")
}

func TestAppendControl(t *testing.T) {
	f := func(destination, want string) {
		t.Helper()
		if d := cmp.Diff(want, string(envelope.AppendControl(nil, destination, 1767600000000))); d != "" {
			t.Error(d)
		}
	}
	f("Firehose", `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1767600000000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`)
	f("Kinesis stream", `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1767600000000,"message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}`)
}

// noise does not compress.
func noise(n int) string {
	r := rand.New(rand.NewPCG(5, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = ' ' + byte(r.IntN(95))
	}
	return string(b)
}

func TestParts(t *testing.T) {
	f := func(name string, parts int, messages ...string) {
		t.Helper()
		d := event.Delivery{Batch: seal(t, messages...), Filter: "f"}
		p := envelope.GetPacker()
		defer p.Release()
		var got []string
		n := 0
		for part := range envelope.Parts(d) {
			n++
			doc := p.Document(d, part)
			if len(doc) >= envelope.MaxPayload && part.To-part.From > 1 {
				t.Errorf("%s: a document of %d bytes", name, len(doc))
			}
			for _, e := range parse(t, doc).LogEvents {
				got = append(got, e.Message)
			}
			if m := p.Member(d, part); len(m) >= envelope.MaxPayload && part.To-part.From > 1 {
				t.Errorf("%s: a member of %d bytes", name, len(m))
			}
		}
		if n != parts {
			t.Errorf("%s: %d parts, want %d", name, n, parts)
		}
		if d := cmp.Diff(messages, got); d != "" {
			t.Errorf("%s: %.300s", name, d)
		}
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprint("line ", i, noise(200))
	}
	f("one", 1, "a")
	f("small", 1, many[:100]...)
	f("a MiB of short lines", 2, many[:4500]...)
	f("large events", 3, noise(600<<10), noise(600<<10), noise(300<<10), noise(200<<10), noise(500<<10))
	f("escapes count", 2, strings.Repeat("\x01", 120<<10), strings.Repeat("\x02", 120<<10))
	f("an event over the limit stands alone", 3, "a", noise(1<<20), "b")
}

func TestPartsOfNothing(t *testing.T) {
	for p := range envelope.Parts(event.Delivery{Batch: seal(t, "a"), Selection: event.Selection{}}) {
		t.Error(p)
	}
}

func TestMemberIsOneGzipStream(t *testing.T) {
	d := event.Delivery{Batch: seal(t, "a", "b"), Filter: "f"}
	p := envelope.GetPacker()
	defer p.Release()
	part := envelope.Part{From: 0, To: 2}
	member := bytes.Clone(p.Member(d, part))
	if !bytes.Equal(member, p.Member(d, part)) {
		t.Error("two members of one document differ")
	}
	r, err := gzip.NewReader(bytes.NewReader(append(member, member...)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	doc := p.Document(d, part)
	if want := string(doc) + string(doc); string(got) != want {
		t.Errorf("got %q want %q", got, want)
	}
}

// TestMemberOfPieces compares a member that is compressed piece by piece with its
// document.
func TestMemberOfPieces(t *testing.T) {
	messages := make([]string, 3000)
	for i := range messages {
		messages[i] = strings.Repeat(fmt.Sprintf(`"%d" é`, i), i%9)
	}
	p := envelope.GetPacker()
	defer p.Release()
	for _, traits := range []event.Traits{0, event.TraitSystemFields | event.TraitAccountLevel} {
		d := event.Delivery{Batch: seal(t, messages...), Filter: "f", Traits: traits}
		for _, part := range []envelope.Part{{From: 0, To: len(messages)}, {From: 7, To: 8}, {From: 100, To: 2999}} {
			r, err := gzip.NewReader(bytes.NewReader(bytes.Clone(p.Member(d, part))))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if want := p.Document(d, part); !bytes.Equal(got, want) {
				t.Errorf("part %v: %d bytes, want the document's %d", part, len(got), len(want))
			}
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("GET /", "a\"b\\\x00\x1f", "\xff\xfe日", "i-1")
	f.Add(`{`+strings.Repeat(`"key":"vä\n",`, 30)+"\x01\xff\"", `[`+strings.Repeat(`"`, 200), strings.Repeat("日", 90)+"\xff", "f")
	f.Add("\xe2\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3")
	f.Fuzz(func(t *testing.T, a, b, c, filter string) {
		messages := []string{a, b, c}
		if len(a)+len(b)+len(c) > 1<<20 {
			return
		}
		d := event.Delivery{Batch: seal(t, messages...), Filter: filter}
		doc := parse(t, envelope.Append(nil, d, envelope.Part{From: 0, To: 3}))
		want := document{
			MessageType: "DATA_MESSAGE", Owner: source.Account, LogGroup: source.LogGroup, LogStream: source.LogStream,
			SubscriptionFilters: []string{valid(filter)},
		}
		for i, m := range messages {
			want.LogEvents = append(want.LogEvents, logEvent{d.Batch.ID(i).String(), d.Batch.Timestamp(i), valid(m)})
		}
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Error(diff)
		}
	})
}

// valid replaces every invalid byte by U+FFFD, as encoding/json does when it
// writes a string.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s { // ranging yields U+FFFD for each bad byte
		b.WriteRune(r)
	}
	return b.String()
}

func TestNothingIsAllocatedPerEvent(t *testing.T) {
	messages := make([]string, 1000)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"level":"info","n":%d,"text":"é"}`, i)
	}
	few := event.Delivery{Batch: seal(t, messages[:1]...), Filter: "f"}
	many := event.Delivery{Batch: seal(t, messages...), Filter: "f"}
	dst := make([]byte, 0, 1<<20)
	allocs := func(d event.Delivery) float64 {
		return testing.AllocsPerRun(20, func() { envelope.Append(dst, d, envelope.Part{From: 0, To: d.Events()}) })
	}
	for _, traits := range []event.Traits{0, event.TraitSystemFields} {
		few.Traits, many.Traits = traits, traits
		if a, b := allocs(few), allocs(many); a != b {
			t.Errorf("traits %d: 1 event: %v allocs, 1000 events: %v", traits, a, b)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	messages := make([]string, 5000)
	for i := range messages {
		messages[i] = fmt.Sprintf(`{"level":"info","request":"%016x","path":"/api/v1/orders/%d","elapsed":%d}`, i*7919, i, i%900)
	}
	d := event.Delivery{Batch: seal(b, messages...), Filter: "f"}
	part := envelope.Part{From: 0, To: d.Events()}
	b.Run("json", func(b *testing.B) {
		dst := make([]byte, 0, 4<<20)
		b.SetBytes(int64(d.Bytes()))
		b.ReportAllocs()
		for b.Loop() {
			envelope.Append(dst, d, part)
		}
	})
	b.Run("member", func(b *testing.B) {
		p := envelope.GetPacker()
		b.SetBytes(int64(d.Bytes()))
		b.ReportAllocs()
		for b.Loop() {
			p.Member(d, part)
		}
	})
}

// TestStrings reads back messages of every length around the steps in which they
// are escaped, sparse and dense of what is escaped, valid and not.
func TestStrings(t *testing.T) {
	alphabets := []string{`plain text `, `"\"\\ab`, "a\"\n\t\x00\x1f\x7f", "é日𝒳\" a", "\xff\xc3\x28\"a", `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`}
	r := rand.New(rand.NewPCG(1, 1))
	var messages []string
	for _, alphabet := range alphabets {
		letters := []rune(alphabet)
		if !utf8.ValidString(alphabet) {
			letters = nil
		}
		for n := range 280 {
			for _, first := range []string{"", "{"} {
				m := []byte(first)
				for len(m) < n {
					if letters == nil {
						m = append(m, alphabet[r.IntN(len(alphabet))])
					} else {
						m = utf8.AppendRune(m, letters[r.IntN(len(letters))])
					}
				}
				messages = append(messages, string(m))
			}
		}
	}
	d := event.Delivery{Batch: seal(t, messages...), Filter: "f"}
	got := parse(t, envelope.Append(nil, d, envelope.Part{From: 0, To: len(messages)}))
	for i, m := range messages {
		if got.LogEvents[i].Message != valid(m) {
			t.Fatalf("%q came back as %q", m, got.LogEvents[i].Message)
		}
	}
}
