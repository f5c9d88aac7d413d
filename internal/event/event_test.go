package event_test

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/event"
)

type in struct {
	at  int64
	msg string
}

var (
	header = event.Header{Ingested: 1_767_600_000_123, Request: 1<<63 | 7, GroupUID: 11, StreamUID: 12, Origin: event.Position{Shard: 3, Number: 99}, Hops: 2}
	source = event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/shop/web", LogStream: "i-1"}
)

// seal builds a batch and returns its own copy of the record, as a log would.
func seal(t testing.TB, events []in, keep ...int) event.Batch {
	t.Helper()
	b := event.GetBuilder(1 << 10)
	defer b.Release()
	for _, e := range events {
		if err := b.Append(e.at, []byte(e.msg)); err != nil {
			t.Fatal(err)
		}
	}
	if keep != nil {
		b.Keep(keep[0], keep[1])
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

func events(b event.Batch) (got []in, index []uint16) {
	for i := range b.Len() {
		got = append(got, in{b.Timestamp(i), string(b.Message(i))})
		index = append(index, b.Index(i))
	}
	return got, index
}

var three = []in{{1000, "one"}, {1000, ""}, {5000, "thr\nee"}}

func TestBatchKeepsWhatWasAppended(t *testing.T) {
	b := seal(t, three)
	got, index := events(b)
	if d := cmp.Diff(three, got, cmp.AllowUnexported(in{})); d != "" {
		t.Error(d)
	}
	if !slices.Equal(index, []uint16{0, 1, 2}) {
		t.Error("indexes", index)
	}
	if b.Header() != header || b.Source() != source {
		t.Errorf("header %+v source %+v", b.Header(), b.Source())
	}
	if least, greatest := b.Span(); least != 1000 || greatest != 5000 || b.MessageBytes() != 9 {
		t.Error(least, greatest, b.MessageBytes())
	}
	if got := string(b.Lines(0, 2)); got != "one\n\n" {
		t.Errorf("lines %q", got)
	}
	if got := b.AppendEnds(nil); !slices.Equal(got, []uint32{3, 4, 11}) {
		t.Error("ends", got)
	}
}

func TestKeepDropsTheEndsAndNotTheIndexes(t *testing.T) {
	f := func(lo, hi int, want []in, wantIndex []uint16) {
		t.Helper()
		got, index := events(seal(t, three, lo, hi))
		if d := cmp.Diff(want, got, cmp.AllowUnexported(in{})); d != "" || !slices.Equal(index, wantIndex) {
			t.Error(lo, hi, d, index)
		}
	}
	f(0, 3, three, []uint16{0, 1, 2})
	f(1, 3, three[1:], []uint16{1, 2})
	f(0, 2, three[:2], []uint16{0, 1})
	f(2, 3, three[2:], []uint16{2})
}

func TestAppendSelectedKeepsIds(t *testing.T) {
	src := seal(t, []in{{50, "a"}, {40, "b"}, {60, "c"}, {70, "d"}}, 1, 4)
	f := func(sel event.Selection, want []in) {
		t.Helper()
		rec, err := event.AppendSelected([]byte("before"), src, sel)
		if err != nil {
			t.Fatal(err)
		}
		got, err := event.Open(rec[len("before"):])
		if err != nil {
			t.Fatal(err)
		}
		all, _ := events(got)
		if d := cmp.Diff(want, all, cmp.AllowUnexported(in{})); d != "" {
			t.Error(d)
		}
		if sel == nil {
			sel = event.Selection{0, 1, 2}
		}
		for i, j := range sel {
			if got.ID(i) != src.ID(int(j)) {
				t.Errorf("id of %d: %v, want %v", i, got.ID(i), src.ID(int(j)))
			}
		}
		if got.Header() != src.Header() || got.Source() != src.Source() {
			t.Error("header or source changed")
		}
		// A copy of a copy must keep them too.
		again, err := event.AppendSelected(nil, got, event.Selection{0})
		if err != nil {
			t.Fatal(err)
		}
		if one, err := event.Open(again); err != nil || one.ID(0) != src.ID(int(sel[0])) {
			t.Error("copy of a copy", err)
		}
	}
	f(nil, []in{{40, "b"}, {60, "c"}, {70, "d"}})
	f(event.Selection{0, 1, 2}, []in{{40, "b"}, {60, "c"}, {70, "d"}})
	f(event.Selection{0, 2}, []in{{40, "b"}, {70, "d"}})
	f(event.Selection{1}, []in{{60, "c"}})
	if _, err := event.AppendSelected(nil, src, event.Selection{}); err == nil {
		t.Error("an empty selection was sealed")
	}
}

func TestBuilderLimits(t *testing.T) {
	b := event.GetBuilder(0)
	n := 0
	for b.Append(int64(n), []byte("x")) == nil {
		n++
	}
	if n == 0 || n > event.MaxEvents {
		t.Error("events in the smallest arena:", n)
	}
	b.Reset()
	if _, err := b.Seal(header, source); err == nil {
		t.Error("an empty batch was sealed")
	}
	if b.Append(0, []byte("x")) != nil || b.Append(event.MaxSpan+1, []byte("y")) != nil {
		t.Fatal("append")
	}
	if _, err := b.Seal(header, source); err == nil {
		t.Error("a span over 2^32 ms was sealed")
	}
	big := event.GetBuilder(2 * event.MaxEvents)
	for range event.MaxEvents {
		if err := big.Append(1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := big.Append(1, nil); !errors.Is(err, event.ErrFull) {
		t.Error("event 65,536:", err)
	}
	if got, err := big.Seal(header, source); err != nil || got.Len() != event.MaxEvents {
		t.Error(got.Len(), err)
	}
}

func TestOpenRefusesEveryFlippedBit(t *testing.T) {
	rec := seal(t, three).Record()
	for i := range rec {
		for bit := range 8 {
			bad := bytes.Clone(rec)
			bad[i] ^= 1 << bit
			if _, err := event.Open(bad); !errors.Is(err, event.ErrCorrupt) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range rec {
		if _, err := event.Open(rec[:n]); !errors.Is(err, event.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

func TestIDMatchesArithmetic(t *testing.T) {
	f := func(id event.ID) {
		t.Helper()
		want := new(big.Int).Lsh(new(big.Int).SetUint64(uint64(id.Timestamp)), 144)
		want.Or(want, new(big.Int).Lsh(new(big.Int).SetUint64(uint64(id.Ingested)), 80))
		want.Or(want, new(big.Int).Lsh(new(big.Int).SetUint64(id.Request), 16))
		want.Or(want, big.NewInt(int64(id.Index)))
		text := want.String()
		for len(text) < 56 {
			text = "0" + text
		}
		if id.String() != text {
			t.Errorf("%+v prints %s, want %s", id, id, text)
		}
		if back, err := event.ParseID(text); err != nil || back != id {
			t.Errorf("%s parses as %+v, %v", text, back, err)
		}
	}
	f(event.ID{})
	f(event.ID{Timestamp: 1767600000000, Ingested: 1767600000999, Request: 1<<64 - 1, Index: 65535})
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		f(event.ID{Timestamp: int64(r.Uint64() >> 1), Ingested: int64(r.Uint64() >> 1), Request: r.Uint64(), Index: uint16(r.Uint32())})
	}
	for _, bad := range []string{"", "x", "-1", "1e3", "9999999999999999999999999999999999999999999999999999999999999999"} {
		if _, err := event.ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) took it", bad)
		}
	}
}

func TestRuns(t *testing.T) {
	b := seal(t, []in{{1, "a"}, {1, "b"}, {1, "c"}, {1, "d"}})
	f := func(sel event.Selection, want ...[2]int) {
		t.Helper()
		var got [][2]int
		for lo, hi := range b.Runs(sel) {
			got = append(got, [2]int{lo, hi})
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", sel, got, want)
		}
	}
	f(nil, [2]int{0, 4})
	f(event.Selection{})
	f(event.Selection{1}, [2]int{1, 2})
	f(event.Selection{0, 1, 3}, [2]int{0, 2}, [2]int{3, 4})
}

func TestNoAllocationsPerEvent(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	msg := bytes.Repeat([]byte("m"), 100)
	fill := func(n int) float64 {
		b := event.GetBuilder(n * 110)
		defer b.Release()
		dst := make([]byte, 0, n*120+1000)
		sel := make(event.Selection, n/2)
		for i := range sel {
			sel[i] = uint32(2 * i)
		}
		return testing.AllocsPerRun(20, func() {
			b.Reset()
			for range n {
				if b.Append(5, msg) != nil {
					t.Fatal("full")
				}
			}
			batch, err := b.Seal(header, source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := event.AppendSelected(dst, batch, sel); err != nil {
				t.Fatal(err)
			}
			if _, err := event.Open(batch.Record()); err != nil {
				t.Fatal(err)
			}
		})
	}
	if n := fill(1000); n != 0 {
		t.Error("allocations for a batch of 1,000 events:", n)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(f, three).Record())
	f.Add(seal(f, three, 1, 2).Record())
	f.Add([]byte("SLB1"))
	f.Fuzz(func(t *testing.T, rec []byte) {
		b, err := event.Open(rec)
		if err != nil {
			if !errors.Is(err, event.ErrCorrupt) {
				t.Error("an error of another kind:", err)
			}
			return
		}
		for i := range b.Len() {
			_, _, _ = b.Message(i), b.Timestamp(i), b.ID(i)
		}
		_, _, _ = b.Source(), b.Lines(0, b.Len()), b.Header()
	})
}

func FuzzParseID(f *testing.F) {
	f.Add("37295942614412345678901234567890123456789012345678901234")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := event.ParseID(text)
		if err != nil {
			return
		}
		if again, err := event.ParseID(id.String()); err != nil || again != id {
			t.Errorf("%q: %+v, then %+v, %v", text, id, again, err)
		}
	})
}
