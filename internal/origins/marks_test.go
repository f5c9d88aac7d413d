package origins

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func record(t testing.TB, stream uint64, origin event.Position) []byte {
	t.Helper()
	b := event.GetBuilder(100)
	defer b.Release()
	if err := b.Append(1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	batch, err := b.Seal(event.Header{StreamUID: stream, Origin: origin}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(batch.Record())
}

// at is a mark that is known to be durable.
func at(t testing.TB, m interface {
	Mark(context.Context, uint64, uint32) (uint64, error)
}, stream uint64, shard uint32) uint64 {
	t.Helper()
	mark, err := m.Mark(t.Context(), stream, shard)
	if err != nil {
		t.Error(err)
	}
	return mark
}

func TestFold(t *testing.T) {
	m := NewMarks()
	f := func(stream uint64, origin event.Position, shard uint32, want uint64) {
		t.Helper()
		m.Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, stream, origin)})
		if got := at(t, m, stream, shard); got != want {
			t.Errorf("after %v of stream %d the mark of %d is %d, want %d", origin, stream, shard, got, want)
		}
	}
	f(1, event.Position{}, 0, 0)                      // born here
	f(1, event.Position{Shard: 0, Number: 5}, 0, 5)   // partition 0
	f(1, event.Position{Shard: 0, Number: 3}, 0, 5)   // never back
	f(1, event.Position{Shard: 7, Number: 9}, 0, 5)   // another shard
	f(2, event.Position{Shard: 0, Number: 1}, 0, 1)   // another stream
	f(1, event.Position{Shard: 0, Number: 80}, 0, 80) // on
	f(1, event.Position{Shard: 7, Number: 2}, 7, 9)
	m.Fold(wal.Frame{Type: wal.TypePut, Payload: record(t, 1, event.Position{Number: 100})})
	m.Fold(wal.Frame{Type: wal.TypeBatch, Payload: []byte("of another version")})
	if got := at(t, m, 1, 0); got != 80 {
		t.Errorf("mark %d after frames that are no batches", got)
	}
}

func TestLane(t *testing.T) {
	m := NewMarks()
	for i, stream := range []uint64{7, 8, 9, 7} { // in many log streams, one mark
		m.Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, stream, event.Position{Shard: Lane | 3, Number: uint64(10 + i)})})
	}
	if got := at(t, m, 0, Lane|3); got != 13 {
		t.Errorf("mark of the lane %d, want 13", got)
	}
	if got := at(t, m, 7, Lane|3) + at(t, m, 0, Lane|4) + at(t, m, 0, 3); got != 0 {
		t.Errorf("marks that nobody set: %d", got)
	}
}

func TestSnapshot(t *testing.T) {
	m := NewMarks()
	for i := range uint64(100) {
		m.Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, i%9, event.Position{Shard: uint32(i % 4), Number: i + 1})})
	}
	snapshot := m.AppendSnapshot([]byte("prefix"))[len("prefix"):]
	again := NewMarks()
	again.Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, 77, event.Position{Number: 7})})
	if err := again.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	if got := at(t, again, 77, 0); got != 0 {
		t.Errorf("a mark of before the restore: %d", got)
	}
	if got := again.AppendSnapshot(nil); !bytes.Equal(got, snapshot) {
		t.Error("a restored snapshot differs")
	}
	if err := again.Restore(snapshot[1:]); err == nil {
		t.Error("a cut snapshot was restored")
	}
}

func TestShards(t *testing.T) {
	s := Shards{NewMarks(), NewMarks()}
	s[1].Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, 4, event.Position{Number: 8})})
	s[0].Fold(wal.Frame{Type: wal.TypeBatch, Payload: record(t, 4, event.Position{Number: 6})})
	if got := at(t, s, 4, 0); got != 8 {
		t.Errorf("mark %d, want the greatest", got)
	}
}

// A frame that an Append left behind without knowing whether it is durable counts
// once it is, and never if the log has failed: the catalog, a broker or a lease would
// be told of events that a restart does not find.
func TestMarksAreDurable(t *testing.T) {
	f := func(failing bool, want uint64) {
		t.Helper()
		disk, failed := vfs.NewMem(), errors.New("the disk fails")
		fail := false
		m := NewMarks()
		log, err := wal.Open(vfs.Fault(disk, func(op vfs.Op) error {
			if fail && op.Kind == vfs.OpSync {
				return failed
			}
			return nil
		}), wal.Config{Dir: "/wal", Folders: []wal.Folder{m}})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close() // which fails as the disk does
		m.Follow(log)
		if _, err := log.Append(t.Context(), wal.TypeBatch, 1, record(t, 1, event.Position{Shard: 3, Number: 4})); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Enqueue(t.Context(), wal.TypeBatch, 1, record(t, 1, event.Position{Shard: 3, Number: 9})); err != nil {
			t.Fatal(err)
		}
		fail = failing
		got, err := m.Mark(t.Context(), 1, 3)
		if got != want || errors.Is(err, failed) != failing {
			t.Errorf("failing %v: mark %d, %v", failing, got, err)
		}
		if after, err := wal.Open(disk.CrashClone(vfs.CrashOptions{}), wal.Config{Dir: "/wal"}); err != nil || !failing && after.Next() != 3 {
			t.Errorf("failing %v: the log goes on at %d, %v", failing, after.Next(), err)
		}
	}
	f(false, 9)
	f(true, 0)
}

// TestCrash crashes a log between appends and compares the marks with the batches
// that are left.
func TestCrash(t *testing.T) {
	f := func(seed uint64) {
		t.Helper()
		fs, rng := vfs.NewMem(), rand.New(rand.NewPCG(seed, 1))
		cfg := wal.Config{Dir: "/wal", SegmentBytes: 8 << 10}
		open := func(fs *vfs.Mem) (*wal.Log, *Marks) {
			m := NewMarks()
			cfg.Folders = []wal.Folder{m}
			if err := vfs.MkdirAllSync(fs, cfg.Dir); err != nil {
				t.Fatal(err)
			}
			log, err := wal.Open(fs, cfg)
			if err != nil {
				t.Fatal(err)
			}
			return log, m
		}
		log, _ := open(fs)
		var acked uint64
		for i := range uint64(200) {
			if _, err := log.Append(t.Context(), wal.TypeBatch, 1, record(t, 1, event.Position{Shard: 3, Number: i + 1})); err != nil {
				t.Fatal(err)
			}
			acked = i + 1
			if rng.IntN(50) == 0 {
				break
			}
		}
		after := fs.CrashClone(vfs.CrashOptions{Rand: rng, TornLastWrite: true})
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		log, m := open(after)
		if got := at(t, m, 1, 3); got != acked {
			t.Errorf("seed %d: mark %d after a crash, acknowledged %d", seed, got, acked)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range uint64(8) {
		f(seed)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(make([]byte, markSize))
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		m := NewMarks()
		if m.Restore(snapshot) != nil {
			return
		}
		first := m.AppendSnapshot(nil)
		if err := m.Restore(first); err != nil || !bytes.Equal(m.AppendSnapshot(nil), first) {
			t.Errorf("a snapshot of %d bytes does not come back: %v", len(first), err)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	m := NewMarks()
	frame := wal.Frame{Type: wal.TypeBatch, Payload: record(b, 1, event.Position{Shard: 3, Number: 1})}
	b.ReportAllocs()
	for b.Loop() {
		m.Fold(frame)
	}
}

func TestFoldAllocatesNothing(t *testing.T) {
	m := NewMarks()
	frame := wal.Frame{Type: wal.TypeBatch, Payload: record(t, 1, event.Position{Shard: 3, Number: 1})}
	if n := testing.AllocsPerRun(100, func() { m.Fold(frame) }); n > 0 {
		t.Errorf("%v allocations a batch", n)
	}
}
