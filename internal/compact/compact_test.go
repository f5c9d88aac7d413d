package compact_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

const path = "/store/0/1-9.slc"

// numbered is a batch with its position.
type numbered struct {
	number uint64
	event.Batch
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newDisk(t testing.TB) *vfs.Mem {
	m := vfs.NewMem()
	must(t, vfs.MkdirAllSync(m, "/store/0"))
	return m
}

// sealed makes a batch of messages a millisecond apart.
func sealed(t testing.TB, group, stream uint64, start int64, messages ...string) event.Batch {
	t.Helper()
	size := 0
	for _, m := range messages {
		size += len(m) + 16
	}
	b := event.GetBuilder(size)
	defer b.Release()
	for i, m := range messages {
		must(t, b.Append(start+int64(i), []byte(m)))
	}
	return seal(t, b, group, stream)
}

func seal(t testing.TB, b *event.Builder, group, stream uint64) event.Batch {
	t.Helper()
	batch, err := b.Seal(event.Header{Ingested: 1_767_600_000_000, Request: group<<32 | stream, GroupUID: group, StreamUID: stream},
		event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: fmt.Sprint("/group/", group), LogStream: fmt.Sprint("stream-", stream)})
	must(t, err)
	batch, err = event.Open(bytes.Clone(batch.Record()))
	must(t, err)
	return batch
}

// corpusBatches makes batches of about size bytes of a kind's lines.
func corpusBatches(t testing.TB, kind corpus.Kind, group uint64, total, size int) []event.Batch {
	t.Helper()
	g := corpus.New(kind, 1, corpus.Epoch)
	var all []event.Batch
	var line []byte
	for made := 0; made < total; {
		b := event.GetBuilder(size + 64<<10)
		for b.TextBytes() < size {
			var at int64
			line, at = g.AppendEvent(line[:0])
			must(t, b.Append(at, line))
		}
		made += b.TextBytes()
		all = append(all, seal(t, b, group, 1+uint64(len(all))%4))
		b.Release()
	}
	return all
}

// mixed are batches of all shapes, in the order of the log.
func mixed(t testing.TB, r *rand.Rand, n int) []numbered {
	t.Helper()
	var all []numbered
	for i := range n {
		group, stream := 1+r.Uint64N(5), 1+r.Uint64N(9)
		messages := make([]string, 1+r.IntN(40))
		for j := range messages {
			messages[j] = []string{
				"", "line\nfeed", "\n", fmt.Sprintf("request %016x took %d ms", r.Uint64(), r.IntN(5000)),
				"ERROR no route to 10.0." + fmt.Sprint(r.IntN(256), ".", r.IntN(256)), string(make([]byte, r.IntN(2000))),
			}[r.IntN(6)]
		}
		b := sealed(t, group, stream, 1_767_600_000_000+r.Int64N(1_000_000), messages...)
		if r.IntN(4) == 0 && b.Len() > 2 {
			selected, err := event.AppendSelected(nil, b, event.Selection{0, uint32(b.Len()) - 1})
			must(t, err)
			b, err = event.Open(selected)
			must(t, err)
		}
		all = append(all, numbered{10 + 2*uint64(i), b})
	}
	return all
}

func sorted(batches []numbered) []numbered {
	s := slices.Clone(batches)
	slices.SortFunc(s, func(a, b numbered) int {
		return compact.KeyOf(a.number, a.Batch).Compare(compact.KeyOf(b.number, b.Batch))
	})
	return s
}

func someFrames(n int) []wal.Frame {
	var all []wal.Frame
	for i := range n {
		all = append(all, wal.Frame{Type: wal.TypeMatches + wal.Type(i%2), Key: uint64(i % 3), Seq: 11 + 2*uint64(i),
			Payload: bytes.Repeat([]byte{byte(i), 'x'}, i*7%500)})
	}
	return all
}

// write makes a file of batches and frames.
func write(t testing.TB, fsys vfs.FS, o compact.Options, batches []numbered, frames []wal.Frame) compact.Stats {
	t.Helper()
	w, err := compact.Create(fsys, path, 3, o)
	must(t, err)
	last := uint64(1)
	for _, b := range sorted(batches) {
		must(t, w.Batch(b.number, b.Batch))
		last = max(last, b.number)
	}
	for _, f := range frames {
		must(t, w.Frame(f))
		last = max(last, f.Seq)
	}
	stats, err := w.Finish(1, last)
	must(t, err)
	return stats
}

// verified fails the test for any damage.
func verified(t testing.TB, f *compact.File) {
	t.Helper()
	must(t, f.Verify(func(d compact.Damage) { t.Errorf("sound file is damaged: %+v", d) }))
}

func open(t testing.TB, fsys vfs.FS, cache int64) *compact.File {
	t.Helper()
	f, err := compact.Open(fsys, path, compact.NewCache(cache))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

var small = compact.Options{BlockBytes: 8 << 10, NGrams: true}

func TestBatchesComeBackByteForByte(t *testing.T) {
	disk, batches, frames := newDisk(t), mixed(t, rand.New(rand.NewPCG(1, 2)), 500), someFrames(300)
	stats := write(t, disk, small, batches, frames)
	f := open(t, disk, 1<<20)
	if got := f.Stats(); got != stats || got.Batches != 500 || got.Frames != 300 {
		t.Errorf("stats %+v, want %+v", got, stats)
	}
	if first, last := f.Range(); first != 1 || last != 1008 || f.Shard() != 3 {
		t.Errorf("range [%d, %d] of shard %d", first, last, f.Shard())
	}
	for _, b := range batches {
		got, err := f.Batch(b.number)
		must(t, err)
		if !bytes.Equal(got.Record(), b.Record()) {
			t.Fatalf("batch %d differs", b.number)
		}
		if _, err := f.Batch(b.number + 1); !errors.Is(err, compact.ErrNotHere) {
			t.Fatalf("batch %d: %v, want ErrNotHere", b.number+1, err)
		}
	}
	for _, want := range frames {
		got, err := f.Frame(want.Seq)
		must(t, err)
		equalFrame(t, got, want)
	}
	verified(t, f)
	if _, err := f.Frame(12); !errors.Is(err, compact.ErrNotHere) {
		t.Errorf("frame 12: %v, want ErrNotHere", err)
	}
}

func equalFrame(t *testing.T, got, want wal.Frame) {
	t.Helper()
	if got.Seq != want.Seq || got.Type != want.Type || got.Key != want.Key || !bytes.Equal(got.Payload, want.Payload) {
		t.Fatalf("frame %d differs", want.Seq)
	}
}

func TestFramesOfARange(t *testing.T) {
	disk, frames := newDisk(t), someFrames(400)
	write(t, disk, small, nil, frames)
	f := open(t, disk, 1<<20)
	check := func(first, end uint64) {
		t.Helper()
		var got []wal.Frame
		must(t, f.Frames(first, end, func(fr wal.Frame) error { got = append(got, fr); return nil }))
		for _, want := range frames {
			if want.Seq < first || want.Seq >= end {
				continue
			}
			if len(got) == 0 {
				t.Fatalf("frame %d of [%d, %d) is missing", want.Seq, first, end)
			}
			equalFrame(t, got[0], want)
			got = got[1:]
		}
		if len(got) > 0 {
			t.Errorf("[%d, %d) also has frame %d", first, end, got[0].Seq)
		}
	}
	check(0, 1<<40)
	check(11, 12)
	check(12, 13)
	check(100, 500)
	check(500, 500)
	stop := errors.New("stop")
	if err := f.Frames(0, 1<<40, func(wal.Frame) error { return stop }); err != stop {
		t.Errorf("visit's error became %v", err)
	}
}

func TestPlaces(t *testing.T) {
	disk, batches := newDisk(t), mixed(t, rand.New(rand.NewPCG(3, 4)), 400)
	write(t, disk, small, batches, nil)
	f := open(t, disk, 1<<20)
	check := func(group, stream uint64, from, to int64) {
		t.Helper()
		var want, got []compact.Place
		for _, b := range sorted(batches) {
			least, greatest := b.Span()
			if b.GroupUID() == group && (stream == 0 || b.StreamUID() == stream) && least < to && greatest >= from {
				want = append(want, compact.Place{Number: b.number, Stream: b.StreamUID(), Least: least, Greatest: greatest, Count: b.Len(), Bytes: len(b.Text())})
			}
		}
		must(t, f.Places(group, stream, from, to, nil, func(p compact.Place) { p.Block = 0; got = append(got, p) }))
		if !slices.Equal(got, want) {
			t.Errorf("group %d, stream %d, [%d, %d): %d places, want %d", group, stream, from, to, len(got), len(want))
		}
	}
	const start = 1_767_600_000_000
	for group := range uint64(7) {
		for stream := range uint64(11) {
			check(group, stream, 0, 1<<62)
			check(group, stream, start+300_000, start+600_000)
			check(group, stream, start+500_000, start+500_001)
			check(group, stream, start+500_000, start+500_000)
		}
	}
}

func TestGroups(t *testing.T) {
	disk, batches := newDisk(t), mixed(t, rand.New(rand.NewPCG(5, 6)), 300)
	write(t, disk, small, batches, nil)
	want := map[uint64]compact.Group{}
	for _, b := range batches {
		g, known := want[b.GroupUID()]
		least, greatest := b.Span()
		if !known {
			g = compact.Group{UID: b.GroupUID(), Least: least, Greatest: greatest}
		}
		g.Events, g.Bytes = g.Events+uint64(b.Len()), g.Bytes+int64(len(b.Text()))
		g.Least, g.Greatest = min(g.Least, least), max(g.Greatest, greatest)
		want[g.UID] = g
	}
	before := uint64(0)
	open(t, disk, 0).Groups(func(g compact.Group) {
		if g.UID <= before || g.Blocks < 1 {
			t.Errorf("group %d with %d blocks after %d", g.UID, g.Blocks, before)
		}
		before, g.Blocks = g.UID, 0
		if g != want[g.UID] {
			t.Errorf("group %+v, want %+v", g, want[g.UID])
		}
		delete(want, g.UID)
	})
	if len(want) > 0 {
		t.Errorf("groups %v are missing", want)
	}
}

func TestWriterRefusesDisorder(t *testing.T) {
	f := func(what string, steps func(w *compact.Writer) error) {
		t.Helper()
		disk := newDisk(t)
		w, err := compact.Create(disk, path, 0, compact.Options{})
		must(t, err)
		if err := steps(w); !errors.Is(err, compact.ErrOrder) {
			t.Errorf("%s: %v, want ErrOrder", what, err)
		}
		w.Discard()
		w.Discard()
		if names, err := disk.ReadDir("/store/0"); err != nil || len(names) > 0 || disk.OpenFiles() > 0 {
			t.Errorf("%s: %v left, %d files open (%v)", what, names, disk.OpenFiles(), err)
		}
	}
	early, late := sealed(t, 1, 1, 100, "a"), sealed(t, 1, 1, 200, "b")
	f("time falls", func(w *compact.Writer) error { must(t, w.Batch(1, late)); return w.Batch(2, early) })
	f("number falls", func(w *compact.Writer) error { must(t, w.Batch(2, early)); return w.Batch(1, early) })
	f("twice", func(w *compact.Writer) error {
		must(t, w.Batch(2, early))
		must(t, w.Batch(2, late))
		_, err := w.Finish(1, 9)
		return err
	})
	f("batch behind frame", func(w *compact.Writer) error { must(t, w.Frame(wal.Frame{Seq: 1})); return w.Batch(2, early) })
	f("frame falls", func(w *compact.Writer) error { must(t, w.Frame(wal.Frame{Seq: 2})); return w.Frame(wal.Frame{Seq: 2}) })
	f("out of range", func(w *compact.Writer) error { must(t, w.Batch(2, early)); _, err := w.Finish(3, 4); return err })
}

func TestEmptyFile(t *testing.T) {
	disk := newDisk(t)
	write(t, disk, small, nil, nil)
	f := open(t, disk, 0)
	if _, err := f.Batch(1); !errors.Is(err, compact.ErrNotHere) {
		t.Errorf("batch of an empty file: %v", err)
	}
	if _, err := f.Frame(1); !errors.Is(err, compact.ErrNotHere) {
		t.Errorf("frame of an empty file: %v", err)
	}
}

// TestLargeBatches has texts far beyond the size of a block.
func TestLargeBatches(t *testing.T) {
	disk := newDisk(t)
	line := string(bytes.Repeat([]byte("0123456789abcde "), 1000))
	var messages []string
	for range 900 {
		messages = append(messages, line)
	}
	b := sealed(t, 1, 1, 1_767_600_000_000, messages...)
	write(t, disk, small, []numbered{{1, b}}, nil)
	got, err := open(t, disk, 0).Batch(1)
	must(t, err)
	if !bytes.Equal(got.Record(), b.Record()) {
		t.Error("large batch differs")
	}
}
