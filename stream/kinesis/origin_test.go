package kinesis

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"sluice/internal/event"
)

func TestFresh(t *testing.T) {
	var m Marks
	f := func(stream uint64, shard uint32, key string, first uint64, part uint32, want bool) {
		t.Helper()
		if got := m.Fresh(Origin{Stream: stream, Shard: shard, First: first, Part: part}, key); got != want {
			t.Errorf("%d/%d/%s/%d/%d is fresh: %t, want %t", stream, shard, key, first, part, got, want)
		}
	}
	f(1, 0, "a", 5, 0, true)
	f(1, 0, "a", 5, 0, false)
	f(1, 0, "a", 5, 1, true)
	f(1, 0, "a", 5, 0, false)
	f(1, 0, "a", 4, 9, false)
	f(1, 0, "b", 4, 9, true) // another lane
	f(1, 1, "a", 4, 9, true) // another shard of the log
	f(2, 0, "a", 1, 0, true) // another stream
	f(1, 0, "a", 6, 0, true)
}

func TestMarks(t *testing.T) {
	var m Marks
	for i := range uint64(maxMarks + 100) {
		m.Fresh(Origin{Stream: i, Shard: 1, First: 1 << 60, Part: 3}, "k")
	}
	b := m.AppendTo(nil)
	again, err := ParseMarks(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.seen) != maxMarks || again.Fresh(Origin{Stream: maxMarks + 99, Shard: 1, First: 1 << 60, Part: 3}, "k") {
		t.Errorf("%d marks came back", len(again.seen))
	}
	if !bytes.Equal(again.AppendTo(nil), b) {
		t.Error("marks differ when they are written again")
	}
	if !again.Fresh(Origin{Stream: 0, Shard: 1, First: 1 << 60, Part: 3}, "k") {
		t.Error("the source that was silent for longest is still there")
	}
	clone := again.Clone()
	clone.Fresh(Origin{Stream: 1 << 40}, "k")
	if !again.Fresh(Origin{Stream: 1 << 40}, "k") {
		t.Error("a clone is the same")
	}
	for _, bad := range [][]byte{{2}, {1, 0}, make([]byte, 2*markSize), append(bytes.Clone(b), b[1:]...)} {
		if _, err := ParseMarks(bad); err == nil {
			t.Errorf("%d bytes were read", len(bad))
		}
	}
	if got := mergeMarks(b, []byte("x")); got != nil {
		t.Error("marks that cannot be read were merged")
	}
}

func TestDecode(t *testing.T) {
	record := parcel(t, 7, "s", 2, 10).Deliveries[0].Batch.Record()
	o := Origin{Stream: 1, Shard: 2, First: 3, Part: 4}
	good := appendBatch(nil, o, "errors", record)
	d, err := Decode(good)
	if err != nil || d.Payload != Batch || d.Origin != o || d.Filter != "errors" || d.Batch.Len() != 2 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, other := range []string{"", "x", "SLK", "SLB1", "\x1f\x8b\x08"} {
		if d, err := Decode([]byte(other)); err != nil || d.Payload != Raw {
			t.Errorf("%q is %v, %v", other, d.Payload, err)
		}
	}
	for i := len(batchMagic); i < len(good); i++ { // whatever is damaged is noticed
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := Decode(bad); err == nil {
			t.Errorf("a batch with byte %d damaged was read", i)
		}
		if _, err := Decode(good[:i]); err == nil {
			t.Errorf("%d bytes of %d were read", i, len(good))
		}
	}
}

func TestPositions(t *testing.T) {
	f := func(p Position, valid bool, sequence string) {
		t.Helper()
		if p.Valid() != valid || p.Sequence() != sequence {
			t.Errorf("%q: valid %t, sequence %q", p, p.Valid(), p.Sequence())
		}
	}
	f(TrimHorizon, true, "")
	f(End, true, "")
	f(AtTime(time.UnixMilli(5)), true, "")
	f(After("49590338271490256608559692538361571095921575989136588898"), true, "49590338271490256608559692538361571095921575989136588898")
	f("0", true, "0")
	f(Latest, false, "")
	f("01", false, "")
	f("-1", false, "")
	f("@", false, "")
	f("@5x", false, "")

	before := func(p, q Position, want bool) {
		t.Helper()
		if got := p.Before(q); got != want {
			t.Errorf("%q before %q: %t", p, q, got)
		}
	}
	before("9", "10", true)
	before("10", "9", false)
	before("10", "10", false)
	before("10", End, true)
	before(TrimHorizon, End, true)
	before(End, End, false)
	before(End, "10", false)
	before(TrimHorizon, "10", false)
}

func FuzzDecode(f *testing.F) {
	b := event.GetBuilder(1000)
	defer b.Release()
	if err := b.Append(5, []byte("message")); err != nil {
		f.Fatal(err)
	}
	batch, err := b.Seal(event.Header{}, event.Source{LogGroup: "g"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendBatch(nil, Origin{1, 2, 3, 4}, "errors", batch.Record()))
	f.Add([]byte("SLK1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(data)
		if err != nil || d.Payload == Raw {
			return
		}
		if again := appendBatch(nil, d.Origin, d.Filter, d.Batch.Record()); !bytes.Equal(again, data) {
			t.Errorf("%d bytes come back as %d", len(data), len(again))
		}
	})
}

func FuzzMarks(f *testing.F) {
	f.Add(Marks{seen: map[source]mark{{1, 2, 3}: {4, 5, 6}}}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMarks(b)
		if err != nil {
			return
		}
		again, err := ParseMarks(m.AppendTo(nil))
		if err != nil || fmt.Sprint(again.seen) != fmt.Sprint(m.seen) {
			t.Errorf("marks do not come back: %v", err)
		}
	})
}

func FuzzRow(f *testing.F) {
	f.Add([]byte(`{"shard":"shardId-000000000003","parents":["shardId-000000000001"],"start":"@5","owner":"a","epoch":4,"counter":118,"position":"4959","until":17,"intent":"x","marks":"AQ=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRow(text)
		if err != nil {
			return
		}
		if !r.Position.Valid() || r.Shard == "" || !r.same(r) {
			t.Errorf("row %+v was read", r)
		}
	})
}
