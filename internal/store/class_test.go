package store_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Groups 1, 2 and 3 of these tests are of the three classes.
func classOf(group uint64) store.Class {
	return map[uint64]store.Class{2: store.WAL, 3: store.None}[group]
}

func classes(c *store.Config) { c.Class = classOf }

// onDisk lists the batches that a shard still has, by position, whoever may read
// them, and how many events they hold.
func onDisk(t testing.TB, s *store.Store, groups ...uint64) (batches map[uint64][]byte, events int64) {
	t.Helper()
	batches = map[uint64][]byte{}
	for number := uint64(1); number < s.Next()[0]; number++ {
		f, err := s.Shard(0).Read(number)
		if errors.Is(err, wal.ErrTrimmed) || err == nil && (f.Type != wal.TypeBatch || groups != nil && !slices.Contains(groups, f.Key)) {
			continue
		}
		if err != nil {
			t.Fatal(number, err)
		}
		b, err := event.Open(f.Payload)
		if err != nil {
			t.Fatal(number, err)
		}
		batches[number], events = f.Payload, events+int64(b.Len())
	}
	return batches, events
}

// addsUp checks that every event that was ever stored is on the disk or counted,
// in all and by log stream.
func addsUp(t testing.TB, s *store.Store) {
	t.Helper()
	batches, events := onDisk(t, s)
	removed, byStream := int64(0), map[uint64]int64{}
	for _, sum := range s.Disk().Removed {
		removed += sum.Events
	}
	if stored := int64(s.Totals().Events); events+removed != stored {
		t.Fatalf("%d events on the disk, %d removed, %d stored", events, removed, stored)
	}
	for _, record := range batches {
		b, err := event.Open(record)
		if err != nil {
			t.Fatal(err)
		}
		byStream[b.StreamUID()] += int64(b.Len())
	}
	for stream, events := range byStream {
		if st, _ := s.StreamStats(stream); st.Events != events {
			t.Fatalf("stream %d has %d events, its statistics say %d", stream, events, st.Events)
		}
	}
	ranged := int64(0)
	for _, of := range s.OptedOut(0) {
		ranged += of.Events
	}
	if opted := s.Disk().Removed[store.OptedOut].Events; ranged != opted {
		t.Fatalf("%d events opted out, ranges hold %d", opted, ranged)
	}
}

func TestClasses(t *testing.T) {
	fs := vfs.NewMem()
	s := openWith(t, fs, small(classes))
	for n := range 10 {
		for group := range uint64(3) {
			appendBatch(t, s, 1+group, 10+10*group, 100, int64(n))
		}
	}
	readable := func(want ...int) {
		t.Helper()
		for i, want := range want {
			if n := countBatches(t, s, uint64(i)+1); n != want {
				t.Errorf("%d batches of group %d are read back, want %d", n, i+1, want)
			}
		}
	}
	readable(10, 10, 0)
	if _, events := onDisk(t, s, 3); events != 10 {
		t.Errorf("%d events for those who match and deliver", events)
	}
	addsUp(t, s)
	fill(t, s, 600, 1, 2, 3)
	if s.Log(0).First() < 100 {
		t.Fatal("nothing left the log")
	}
	inLog := 0
	kept, _ := onDisk(t, s, 2)
	for number := range kept {
		if inLog++; number < s.Log(0).First() {
			t.Errorf("batch %d has left the log and is there", number)
		}
	}
	if inLog == 0 || inLog == 210 {
		t.Errorf("%d batches of the log", inLog)
	}
	readable(210, inLog, 0)
	addsUp(t, s)
	before := s.Disk().Removed[store.OptedOut]
	if before.Events < 200 || before.Bytes < 200*100 {
		t.Errorf("counted %+v", before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, fs, small(classes))
	defer s.Close()
	if after := s.Disk().Removed[store.OptedOut]; after != before {
		t.Errorf("counted %+v, after a restart %+v", before, after)
	}
	readable(210, inLog, 0)
	addsUp(t, s)
}

// A class holds for all events of a group: what was compacted before leaves, too,
// and what is still there can be read again.
func TestClassesChange(t *testing.T) {
	class := store.Compact
	s := openWith(t, vfs.NewMem(), small(func(c *store.Config) {
		c.Class = func(group uint64) store.Class {
			if group == 1 {
				return class
			}
			return store.Compact
		}
	}))
	defer s.Close()
	fill(t, s, 400, 1, 2)
	class = store.None
	if n := countBatches(t, s, 1); n != 0 {
		t.Errorf("%d batches are read back", n)
	}
	class = store.Compact
	if n := countBatches(t, s, 1); n != 200 {
		t.Errorf("%d batches are read back, nothing was compacted in between", n)
	}
	class = store.WAL
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	addsUp(t, s)
	if sum := s.Disk().Removed[store.OptedOut]; sum.Events < 100 {
		t.Errorf("%+v left", sum)
	}
	class = store.Compact
	if n := countBatches(t, s, 1); n == 0 || n > 100 {
		t.Errorf("%d batches are read back", n)
	}
	if n := countBatches(t, s, 2); n != 200 {
		t.Errorf("%d batches of the other group", n)
	}
}

// What matches refer to that are not delivered is there for the delivery alone,
// in files if need be, and leaves when it is done.
func TestUndeliveredEventsOfAnyClass(t *testing.T) {
	delivered, fs := false, vfs.NewMem()
	cfg := small(func(c *store.Config) {
		classes(c)
		c.Keep = func(_ uint32, f wal.Frame) bool { return f.Type == wal.TypeMatches && !delivered }
	})
	s := openWith(t, fs, cfg)
	wanted := map[uint64]bool{}
	for n := range 40 {
		b, release := batch(t, 2+uint64(n%2), 20+10*uint64(n%2), 1500, int64(n))
		at, err := s.Append(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if n < 20 {
			wanted[at.Number] = true
			payload := event.AppendMatches(nil, at.Number+1, 1, nil)
			if payload, err = event.AppendMatch(payload, event.Match{Key: 7, Filter: 8, Source: at.Number}, b, nil, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Shard(0).Append(t.Context(), wal.TypeMatches, 0, payload); err != nil {
				t.Fatal(err)
			}
		}
		release()
	}
	fill(t, s, 200, 1)
	left, _ := onDisk(t, s, 2, 3)
	if got := slices.Sorted(maps.Keys(left)); !slices.Equal(got, slices.Sorted(maps.Keys(wanted))) {
		t.Errorf("left are %v", got)
	}
	if n := countBatches(t, s, 2) + countBatches(t, s, 3); n != 0 {
		t.Errorf("%d batches are read back", n)
	}
	addsUp(t, s)
	delivered = true
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, fs, cfg) // so that it asks again now
	defer s.Close()
	fill(t, s, 400, 1)
	if left, _ := onDisk(t, s, 2, 3); len(left) != 0 {
		t.Errorf("%d batches are left, none is needed", len(left))
	}
	addsUp(t, s)
}

// A machine that stops at any operation of the disk: what is kept is there, what
// is not is counted, once.
func TestClassesSurviveACrashAtEveryOperation(t *testing.T) {
	crashed := errors.New("crashed")
	for at := int64(1); ; at += 1 + at/40 {
		mem, r, l := vfs.NewMem(), rand.New(rand.NewPCG(3, uint64(at))), ledger{}
		horizon := int64(0) // of group 1's retention
		cfg := small(func(c *store.Config) {
			classes(c)
			c.Live = func(group, _ uint64) (int64, bool) {
				if group == 1 {
					return horizon, true
				}
				return 0, true
			}
		})
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
			s, err := store.Open(fs, cfg)
			if err != nil {
				return err
			}
			defer s.Close()
			for n := range 200 {
				group := uint64(2)
				if n/60%2 == 0 { // so that files and pieces are of one class, or of several
					group = 1 + uint64(n%3)
				}
				b, release := batch(t, group, 10*group, 1500+r.IntN(1000), int64(n))
				p, err := s.Append(t.Context(), b)
				if err == nil {
					l[p] = bytes.Clone(b.Record())
				}
				release()
				if err != nil {
					return err
				}
				if n%30 == 29 {
					horizon = int64(n) - 100
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
		s := openWith(t, clone, cfg)
		l.kept(t, s, horizon)
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.kept(t, s, horizon)
		addsUp(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// kept checks that what was acknowledged of group 1 and has not expired is there
// as it was, and nothing that was not sent.
func (l ledger) kept(t testing.TB, s *store.Store, horizon int64) {
	t.Helper()
	found, _ := onDisk(t, s)
	for p, record := range l {
		b, err := event.Open(record)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := found[p.Number]
		if ok && !bytes.Equal(got, record) {
			t.Fatalf("batch %v is not what was stored", p)
		}
		if _, greatest := b.Span(); !ok && b.GroupUID() == 1 && greatest >= horizon {
			t.Fatalf("batch %v is gone", p)
		}
	}
	if n := countBatches(t, s, 1); n > len(l)+1 || countBatches(t, s, 3) != 0 {
		t.Fatalf("%d batches of group 1, %d of group 3", n, countBatches(t, s, 3))
	}
}
