package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// small makes segments, pieces and merges that a test fills in no time.
func small(change func(*store.Config)) store.Config {
	cfg := store.Config{
		Dir: "/wal", Files: "/store", SegmentBytes: 64 << 10, TailBytes: 16 << 10, IndexBytes: 4 << 10,
		CompactBytes: 40 << 10, MergeFiles: 3, MergeBytes: 1 << 20, CacheBytes: 256 << 10,
		Compact: compact.Options{BlockBytes: 8 << 10, NGrams: true}, // so small that merges copy some and make others anew
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func openWith(t testing.TB, fs vfs.FS, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(fs, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ledger is what was acknowledged, by position.
type ledger map[event.Position][]byte

// put appends a batch of random shape, and tells whether the store took it.
func (l ledger) put(t testing.TB, s *store.Store, r *rand.Rand, at int64) error {
	t.Helper()
	group := 1 + r.Uint64N(3)
	var times []int64
	for range 1 + r.IntN(4) {
		times = append(times, at+r.Int64N(50))
	}
	b, release := batch(t, group, group*10+r.Uint64N(3), r.IntN(3000), times...)
	defer release()
	p, err := s.Append(t.Context(), b)
	if err == nil {
		l[p] = bytes.Clone(b.Record())
	}
	return err
}

// check compares what every way of reading finds with the ledger.
func (l ledger) check(t testing.TB, s *store.Store) {
	t.Helper()
	for p, record := range l {
		found := 0
		err := s.Batch(p, func(b event.Batch) error {
			found++
			if !bytes.Equal(b.Record(), record) {
				t.Fatalf("batch %v is not what was stored", p)
			}
			return nil
		})
		if err != nil || found != 1 {
			t.Fatalf("batch %v: visited %d times: %v", p, found, err)
		}
	}
	batches := map[string]int{}
	places := 0
	for group := range uint64(4) {
		q := store.Query{Group: group, To: 1 << 40}
		if err := s.Scan(t.Context(), q, func(b event.Batch) error {
			batches[string(b.Record())]++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.Places(t.Context(), q, s.Next(), func(p store.Place) {
			if places++; l[p.Position] == nil {
				t.Fatalf("a place at %v, where nothing was stored", p.Position)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if places != len(l) {
		t.Fatalf("%d places, %d batches", places, len(l))
	}
	for _, record := range l {
		batches[string(record)]--
	}
	for record, n := range batches {
		if n != 0 {
			t.Fatalf("a batch of %d bytes is found %d times too often", len(record), n)
		}
	}
}

func TestCompactionKeepsWhatWasStored(t *testing.T) {
	for _, shards := range []int{1, 2} {
		fs, r, l := vfs.NewMem(), rand.New(rand.NewPCG(7, uint64(shards))), ledger{}
		cfg := small(func(c *store.Config) { c.Shards = shards })
		s := openWith(t, fs, cfg)
		for n := range 500 {
			if err := l.put(t, s, r, int64(n)*10); err != nil {
				t.Fatal(err)
			}
			if r.IntN(40) == 0 {
				if err := s.Compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(100) == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openWith(t, fs, cfg)
			}
		}
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.check(t, s)
		if got := s.Log(0).Segments(); len(got) > 2 || got[0].First == 1 {
			t.Errorf("the log still has %+v", got)
		}
		st := s.Disk()
		if st.Files == 0 || st.Work.Merged == 0 {
			t.Errorf("nothing compacted or merged: %+v", st)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A log that ends, or a machine that stops, at any operation of the disk: what
// was acknowledged is there once, and can be compacted on.
func TestCompactionSurvivesACrashAtEveryOperation(t *testing.T) {
	crashed := errors.New("crashed")
	for at := int64(1); ; at += 1 + at/40 {
		mem, r, l := vfs.NewMem(), rand.New(rand.NewPCG(3, uint64(at))), ledger{}
		var clone *vfs.Mem
		fs := vfs.Fault(mem, func(op vfs.Op) error {
			if clone == nil && op.N >= at && op.Kind.Changes() {
				clone = mem.CrashClone(vfs.CrashOptions{Rand: r, TornLastWrite: true})
			}
			if clone != nil {
				return crashed
			}
			return nil
		})
		run := func() error {
			s, err := store.Open(fs, small(nil))
			if err != nil {
				return err
			}
			defer s.Close()
			for n := range 160 {
				if err := l.put(t, s, r, int64(n)*10); err != nil {
					return err
				}
				if n%30 == 29 {
					if err := s.Compact(t.Context()); err != nil {
						return err
					}
				}
			}
			return nil
		}
		err := run()
		if clone == nil {
			if err != nil {
				t.Fatal(err)
			}
			break // the whole run takes fewer operations
		}
		s := openWith(t, clone, small(nil))
		l.grow(t, s) // what was not acknowledged may be there
		l.check(t, s)
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.check(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// grow adds the batch that was under way when the crash came, if it is there.
func (l ledger) grow(t testing.TB, s *store.Store) {
	t.Helper()
	for number := range s.Next()[0] {
		p := event.Position{Number: number}
		if number == 0 || l[p] != nil {
			continue
		}
		if f, err := s.Shard(0).Read(number); err == nil && f.Type == wal.TypeBatch {
			l[p] = bytes.Clone(f.Payload)
		}
	}
	if len(l) > 161 {
		t.Fatal("more than was sent")
	}
}

// Frames that somebody still needs outlive their segments; others do not.
func TestFramesOutliveTheLog(t *testing.T) {
	cfg := small(func(c *store.Config) {
		c.Keep = func(_ uint32, f wal.Frame) bool { return f.Type == wal.TypePut && f.Key == 7 }
	})
	fs := vfs.NewMem()
	s := openWith(t, fs, cfg)
	var want []string
	for n := range 300 {
		key := 6 + uint64(n%2)
		text := fmt.Sprintf("%04d %s", n, strings.Repeat("x", 900))
		if _, err := s.Shard(0).Append(t.Context(), wal.TypePut, key, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if key == 7 {
			want = append(want, text[:4])
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	read := func() (kept, others []string) {
		t.Helper()
		err := s.Shard(0).Frames(1, 1<<40, func(f wal.Frame) error {
			if f.Key == 7 {
				kept = append(kept, string(f.Payload[:4]))
			} else {
				others = append(others, string(f.Payload[:4]))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return kept, others
	}
	if kept, others := read(); !slices.Equal(kept, want) || len(others) >= len(want) || len(others) == 0 {
		t.Errorf("%d of %d kept, and %d others", len(kept), len(want), len(others))
	}
	if f, err := s.Shard(0).Read(2); err != nil || string(f.Payload[:4]) != "0001" {
		t.Error(f, err)
	}
	if _, err := s.Shard(0).Read(1); !errors.Is(err, wal.ErrTrimmed) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, fs, cfg)
	defer s.Close()
	if kept, _ := read(); !slices.Equal(kept, want) {
		t.Errorf("%d of %d kept after a restart", len(kept), len(want))
	}
}

func TestNothingNeededLeavesTheLog(t *testing.T) {
	needed := uint64(20)
	s := openWith(t, vfs.NewMem(), small(func(c *store.Config) { c.Needed = func(uint32) uint64 { return needed } }))
	defer s.Close()
	r, l := rand.New(rand.NewPCG(1, 1)), ledger{}
	for n := range 200 {
		if err := l.put(t, s, r, int64(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first := s.Log(0).First(); first > needed {
		t.Errorf("the log begins at %d, %d is needed", first, needed)
	}
	l.check(t, s)
	needed = 150
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first := s.Log(0).First(); first == 1 || first > needed {
		t.Errorf("the log begins at %d, %d is needed", first, needed)
	}
	l.check(t, s)
}

// A commit counts as it is sequenced. What it lets go of must not leave the disk
// before the commit is durable: a crash takes it back, and the records are needed.
func TestNothingLeavesBeforeWhatLetItGo(t *testing.T) {
	f := func(merge bool) {
		t.Helper()
		fs, r, l := vfs.NewMem(), rand.New(rand.NewPCG(3, 1)), ledger{}
		done := false
		cfg := small(func(c *store.Config) {
			c.Keep = func(_ uint32, f wal.Frame) bool { return f.Type == wal.TypePut && !done }
		})
		unmerged := cfg
		unmerged.MergeFiles = 100
		s := openWith(t, fs, unmerged)
		var puts []uint64
		for n := range 200 {
			if err := l.put(t, s, r, int64(n)); err != nil {
				t.Fatal(err)
			}
			seq, err := s.Shard(0).Append(t.Context(), wal.TypePut, 7, []byte("waits"))
			if err != nil {
				t.Fatal(err)
			}
			puts = append(puts, seq)
		}
		if merge {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openWith(t, fs, cfg)
		defer s.Close()
		if _, err := s.Log(0).Enqueue(t.Context(), wal.TypeCommit, 7, []byte("done")); err != nil {
			t.Fatal(err)
		}
		done = true
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w := s.Disk().Work; merge && w.Merged == 0 || w.Compacted+w.Merged == 0 {
			t.Errorf("merge %v: %+v", merge, w)
		}
		after := openWith(t, fs.CrashClone(vfs.CrashOptions{}), cfg)
		defer after.Close()
		committed, gone := false, 0
		if err := after.Shard(0).Frames(1, after.Next()[0], func(f wal.Frame) error {
			committed = committed || f.Type == wal.TypeCommit
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, seq := range puts {
			if _, err := after.Shard(0).Read(seq); err != nil {
				gone++
			}
		}
		if gone == 0 || !committed {
			t.Errorf("merge %v: %d records are gone, their commit is there: %v", merge, gone, committed)
		}
	}
	f(false)
	f(true)
}
