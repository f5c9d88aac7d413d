package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
	"sluice/stream/embedded"
)

const kinesisStream = 77

// record makes a record of a Kinesis shard; every third has an explicit hash.
func record(shard uint32, i int, data []byte) embedded.Record {
	r := embedded.Record{Shard: shard, Key: fmt.Appendf(nil, "key-%d", i), Data: data}
	if r.Explicit = i%3 == 0; r.Explicit {
		r.Hash = embedded.Hash{byte(i), 15: byte(shard)}
	}
	return r
}

func (s *stream) appendRecords(t testing.TB, shard uint32, arrived int64, records ...embedded.Record) uint64 {
	t.Helper()
	number, err := s.AppendRecords(t.Context(), kinesisStream, shard, arrived, nil, embedded.Mark{}, records)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// readShard returns the data of a Kinesis shard's records from a position on.
func (s *stream) readShard(t testing.TB, from uint64, kinesis uint32) (out []string) {
	t.Helper()
	for {
		next, err := s.ReadRecords(t.Context(), kinesisStream, 0, from, kinesis, func(_ uint64, r embedded.Records) error {
			n, entries := r.Of(kinesis)
			for record, ok := entries.Next(); ok; record, ok = entries.Next() {
				out = append(out, string(record.Data))
				n--
			}
			if n != 0 {
				t.Error("a shard has another number of records than it says, by", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if next >= s.End(0) {
			return out
		}
		from = next
	}
}

// TestRecords appends more frames than the index has entries for, across several
// segments, and reads each Kinesis shard before and after a crash.
func TestRecords(t *testing.T) {
	fs := vfs.NewMem()
	s := openStream(t, fs, 1)
	const shards = 3
	want := make([][]string, shards)
	rnd := rand.New(rand.NewPCG(1, 2))
	var half [shards]int
	var middle uint64
	for i := range 3000 {
		var records []embedded.Record
		for shard := range uint32(shards) {
			for range rnd.IntN(3) {
				data := bytes.Repeat([]byte{byte('a' + i%26)}, rnd.IntN(300))
				records = append(records, record(shard, i, data))
				want[shard] = append(want[shard], string(data))
			}
		}
		if len(records) == 0 {
			continue
		}
		at := s.appendRecords(t, 0, int64(1000+i), records...)
		if i < 1500 {
			middle = at + 1
			for shard := range half {
				half[shard] = len(want[shard])
			}
		}
	}
	check := func() {
		t.Helper()
		for shard := range uint32(shards) {
			if got := s.readShard(t, 0, shard); !slices.Equal(got, want[shard]) {
				t.Errorf("shard %d: %d records, want %d", shard, len(got), len(want[shard]))
			}
			if got := s.readShard(t, middle, shard); !slices.Equal(got, want[shard][half[shard]:]) {
				t.Errorf("shard %d from the middle: %d records, want %d", shard, len(got), len(want[shard])-half[shard])
			}
		}
		if got := s.readShard(t, 0, shards); got != nil {
			t.Errorf("a shard without records has %d", len(got))
		}
		all := len(want[0]) + len(want[1]) + len(want[2])
		if got := s.Totals(kinesisStream); got.Accepted != int64(all) || got.InFlight != int64(all) {
			t.Errorf("%+v, want %d", got, all)
		}
		// As a delivery stream reads it: in order of the log, all shards.
		var n int
		span := s.Span(kinesisStream, 0, 0, math.MaxInt64)
		err := s.Parcels(t.Context(), kinesisStream, span.Range, func(p event.Parcel) error {
			n += len(p.Records)
			return nil
		})
		if err != nil || n != all || span.Count != int64(all) {
			t.Errorf("%d records as parcels, span %+v, want %d: %v", n, span, all, err)
		}
	}
	check()
	s = openStream(t, fs.CrashClone(vfs.CrashOptions{}), 1)
	check()
}

// TestReadRecordsStops: a visitor that has enough goes on behind the frame.
func TestReadRecordsStops(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	for i := range 4 {
		s.appendRecords(t, 0, 1, record(0, i, []byte{byte('0' + i)}))
	}
	var seen []uint64
	visit := func(number uint64, _ embedded.Records) error {
		seen = append(seen, number)
		return embedded.ErrStop
	}
	next := uint64(0)
	for next < s.End(0) {
		var err error
		if next, err = s.ReadRecords(t.Context(), kinesisStream, 0, next, 0, visit); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(seen, []uint64{1, 2, 3, 4}) {
		t.Error(seen)
	}
	failure := errors.New("no more")
	if _, err := s.ReadRecords(t.Context(), kinesisStream, 0, 0, 0, func(uint64, embedded.Records) error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.ReadRecords(ctx, kinesisStream, 0, 0, 0, visit); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRecordsFarApart: whoever reads a long stream with much of others between its
// frames, page by page, from any position, gets each frame once and in order.
func TestRecordsFarApart(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	var numbers []uint64
	for i := range 1200 {
		s.backlog(t, 8, 3, 50_000)
		numbers = append(numbers, s.appendRecords(t, 0, int64(i), record(0, i, []byte("record"))))
	}
	page := func(from uint64, most int) (seen []uint64, next uint64) {
		t.Helper()
		next, err := s.ReadRecords(t.Context(), kinesisStream, 0, from, 0, func(number uint64, _ embedded.Records) error {
			if seen = append(seen, number); len(seen) == most {
				return embedded.ErrStop
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return seen, next
	}
	for _, most := range []int{1, 3, 700} {
		var all []uint64
		for next := uint64(0); next < s.End(0); {
			var seen []uint64
			seen, next = page(next, most)
			all = append(all, seen...)
		}
		if !slices.Equal(all, numbers) {
			t.Fatalf("%d of %d frames in pages of %d", len(all), len(numbers), most)
		}
	}
	for i, number := range numbers[:len(numbers)-2] {
		if seen, _ := page(number, 2); !slices.Equal(seen, numbers[i:i+2]) {
			t.Fatalf("from %d: %v, want %v", number, seen, numbers[i:i+2])
		}
		if seen, _ := page(number+1, 1); !slices.Equal(seen, numbers[i+1:i+2]) {
			t.Fatalf("from %d: %v, want %v", number+1, seen, numbers[i+1:i+2])
		}
	}
}

// TestMarksAreInTheFrame: after any crash the mark says of each record whether it
// is there.
func TestMarksAreInTheFrame(t *testing.T) {
	fs := vfs.NewMem()
	s := openStream(t, fs, 1)
	from := embedded.Origin{Route: 5, Shard: 2}
	for i := range uint64(40) {
		if _, err := s.AppendRecords(t.Context(), kinesisStream, 0, 1, &from, embedded.Mark{Number: 100 + i, Part: uint32(i)},
			[]embedded.Record{record(0, int(i), make([]byte, 20_000))}); err != nil {
			t.Fatal(err)
		}
		s = openStream(t, fs.CrashClone(vfs.CrashOptions{}), 1)
		m, err := s.Marked(kinesisStream, 0, from)
		if err != nil || m != (embedded.Mark{Number: 100 + i, Part: uint32(i)}) {
			t.Fatal(i, m, err)
		}
		if !m.Covers(100+i, uint32(i)) || !m.Covers(99, 9) || m.Covers(100+i, uint32(i)+1) || m.Covers(101+i, 0) {
			t.Error("covers", m)
		}
		fs = fs.CrashClone(vfs.CrashOptions{})
		s = openStream(t, fs, 1)
	}
	if m, err := s.Marked(kinesisStream, 0, embedded.Origin{Route: 5}); err != nil || m != (embedded.Mark{}) {
		t.Error("another origin", m, err)
	}
	// A frame that nobody has waited for yet tells nothing.
	f, err := s.logs[0].Read(s.End(0) - 1)
	if err != nil {
		t.Fatal(err)
	}
	seq, err := s.logs[0].Enqueue(t.Context(), wal.TypeRecords, kinesisStream, f.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Marked(kinesisStream, 0, from); !errors.Is(err, embedded.ErrPending) {
		t.Error("marked before it is durable:", err)
	}
	if err := s.logs[0].WaitDurable(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Marked(kinesisStream, 0, from); err != nil {
		t.Error(err)
	}
}

// TestExpire: what is too old goes, but nothing that somebody reads still.
func TestExpire(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	for i := range 10 {
		s.appendRecords(t, 0, int64(1000*(i+1)), record(0, i, []byte{byte('0' + i)}))
	}
	f := func(before int64, keep uint64, want int) {
		t.Helper()
		s.Expire(kinesisStream, before, func(uint32) uint64 { return keep })
		if got := s.Totals(kinesisStream).InFlight; got != int64(want) {
			t.Errorf("before %d, keep %d: %d are left, want %d", before, keep, got, want)
		}
		for seq := range uint64(10) {
			frame, err := s.logs[0].Read(seq + 1)
			if err != nil {
				t.Fatal(err)
			}
			if wanted := s.indexes[0].Wants(frame); wanted != (seq >= uint64(10-want)) {
				t.Errorf("before %d: frame %d is wanted: %t", before, seq+1, wanted)
			}
		}
	}
	f(3000, math.MaxUint64, 8)
	f(6000, 4, 7)
	f(2000, math.MaxUint64, 7)
	f(6000, math.MaxUint64, 5)
	f(99_000, math.MaxUint64, 0)
	if at := s.Since(kinesisStream, 0, 5000); at != 11 {
		t.Error("since", at)
	}
	s.Drop(kinesisStream)
	if len(s.RecordStreams()) != 0 {
		t.Error("dropped streams are listed")
	}
}

func TestSince(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	for i := range 5 {
		s.appendRecords(t, 0, int64(1000*(i+1)), record(uint32(i%2), i, nil))
	}
	f := func(at int64, want uint64) {
		t.Helper()
		if got := s.Since(kinesisStream, 0, at); got != want {
			t.Errorf("since %d: %d, want %d", at, got, want)
		}
	}
	f(0, 1)
	f(2000, 2)
	f(2001, 3)
	f(5001, 6)
	if at, ok := s.OldestOf(kinesisStream, 0, 2, 0); at != 3000 || !ok {
		t.Error(at, ok)
	}
	if at, ok := s.OldestOf(kinesisStream, 0, 6, 0); ok {
		t.Error(at)
	}
}

// TestSnapshotsOfBefore: an index without records is read from the snapshot that
// the version before wrote.
func TestSnapshotsOfBefore(t *testing.T) {
	var v2 []byte
	words := func(values ...uint64) {
		for _, v := range values {
			v2 = append(v2, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
		}
	}
	words(math.MaxUint64, 2, 9, 4, 30, 300, 10, 0, 100, 0, 0)
	v2 = append(v2, 1, 0, 0, 0)
	words(4, 6, 20, 200, 1234)
	x := embedded.NewIndex()
	if err := x.Restore(v2); err != nil {
		t.Fatal(err)
	}
	if got := x.Totals(9); got.Accepted != 30 || got.InFlight != 20 || x.Committed(9) != 4 {
		t.Errorf("%+v, position %d", got, x.Committed(9))
	}
	again := embedded.NewIndex()
	snapshot := x.AppendSnapshot(nil)
	if err := again.Restore(snapshot); err != nil || !bytes.Equal(again.AppendSnapshot(nil), snapshot) {
		t.Error("the snapshot of a restored index differs", err)
	}
	for n := range snapshot {
		if err := again.Restore(snapshot[:n]); err == nil && n != 0 && n != 16 {
			t.Error("restored from", n, "bytes")
		}
	}
}

// payload is what AppendRecords writes.
func payload(t testing.TB, records ...embedded.Record) []byte {
	t.Helper()
	s := openStream(t, vfs.NewMem(), 1)
	number, err := s.AppendRecords(context.Background(), kinesisStream, 0, 5, &embedded.Origin{Route: 1}, embedded.Mark{Number: 2}, records)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.logs[0].Read(number)
	if err != nil || f.Type != wal.TypeRecords {
		t.Fatal(f, err)
	}
	return f.Payload
}

func FuzzRecords(f *testing.F) {
	valid := payload(f, record(0, 1, []byte("one")), record(0, 3, nil), record(9, 2, []byte("two")))
	f.Add(valid)
	f.Add(valid[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := embedded.OpenRecords(bytes.Clone(b))
		if err != nil {
			if !errors.Is(err, event.ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		for record := range r.All() {
			if n, _ := r.Of(record.Shard); n == 0 {
				t.Error("a record of a shard without records")
			}
		}
	})
}

// TestFollower: a reader with a position of its own begins where it is told, and goes
// on with the stream that has the name now.
func TestFollower(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	s.appendRecords(t, 0, 1, record(0, 1, []byte("before")))
	stream, there := uint64(kinesisStream), true
	const owner, wake = 5, 6
	f := s.Follow(func() (uint64, bool) { return stream, there }, wake, s.Ends())
	more, stop := f.Notify(owner)
	defer stop()
	check := func(from uint64, want ...string) {
		t.Helper()
		span := f.Span(owner, 0, from, math.MaxInt64)
		var got []string
		err := f.Parcels(t.Context(), owner, span.Range, func(p event.Parcel) error {
			for _, r := range p.Records {
				got = append(got, string(r))
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) || span.Count != int64(len(want)) || span.Range.Start != from || span.Range.Empty() != (len(want) == 0) {
			t.Errorf("from %d: %q in %+v, want %q: %v", from, got, span, want, err)
		}
	}
	check(0)
	s.appendRecords(t, 0, 2, record(1, 2, []byte("one")), record(2, 3, []byte("two")))
	s.Published(wake)
	<-more
	check(0, "one", "two")
	check(s.End(0))
	there = false
	check(0)
	stream, there = kinesisStream+1, true
	if _, err := s.AppendRecords(t.Context(), stream, 0, 3, nil, embedded.Mark{}, []embedded.Record{record(0, 4, []byte("another"))}); err != nil {
		t.Fatal(err)
	}
	check(0, "another")
}
