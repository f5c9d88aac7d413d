package store_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// fill appends batches of the groups, one after the other, and compacts.
func fill(t testing.TB, s *store.Store, batches int, groups ...uint64) {
	t.Helper()
	for n := range batches {
		group := groups[n%len(groups)]
		appendBatch(t, s, group, group*10, 1500, int64(n)*10)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func countBatches(t testing.TB, s *store.Store, group uint64) (n int) {
	t.Helper()
	err := s.Scan(t.Context(), store.Query{Group: group, To: math.MaxInt64}, func(event.Batch) error { n++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What was deleted or has expired leaves the disk, the rest stays, and the
// statistics follow, across a restart too.
func TestDeletedAndExpiredEventsLeaveTheDisk(t *testing.T) {
	fs, deleted, horizon := vfs.NewMem(), uint64(0), int64(0)
	cfg := small(func(c *store.Config) {
		c.Live = func(group, _ uint64) (int64, bool) {
			if group == 2 {
				return horizon, true
			}
			return 0, group != deleted
		}
	})
	s := openWith(t, fs, cfg)
	fill(t, s, 400, 1, 2, 3)
	before := s.Disk()
	deleted, horizon = 1, 3000
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 400, 3) // pushes the others out of the log
	after := s.Disk()
	if n := countBatches(t, s, 1); n != 0 {
		t.Errorf("%d batches of a deleted group", n)
	}
	if _, ok := s.StreamStats(10); ok || s.GroupBytes(1) != 0 {
		t.Errorf("a deleted group has %d bytes", s.GroupBytes(1))
	}
	if gone := after.Removed[store.Deleted]; gone.Events != 134 || gone.Bytes < 134*1500 || before.Removed[store.Deleted].Events != 0 {
		t.Errorf("deleted: %+v", gone)
	}
	if gone := after.Removed[store.Expired]; gone.Events == 0 || gone.Events > 100 {
		t.Errorf("expired: %+v", gone)
	}
	left := countBatches(t, s, 2)
	if st, _ := s.StreamStats(20); left != 133-int(after.Removed[store.Expired].Events) || st.Events != int64(left) || st.Bytes != s.GroupBytes(2) {
		t.Errorf("%d batches left of group 2, statistics say %+v and %d", left, st, s.GroupBytes(2))
	}
	if n := countBatches(t, s, 3); n != 133+400 {
		t.Errorf("%d batches of group 3", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, fs, cfg)
	defer s.Close()
	if again := s.Disk(); again.Removed[store.Deleted] != after.Removed[store.Deleted] || again.Removed[store.Expired] != after.Removed[store.Expired] {
		t.Errorf("removed %+v, after a restart %+v", after.Removed, again.Removed)
	}
	horizon, deleted = math.MaxInt64, 3
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := s.Disk(); d.Files != 0 {
		t.Errorf("%d files of dead events are left", d.Files)
	}
}

// What matches refer to that are not delivered stays, although it was deleted.
func TestUndeliveredMatchesKeepTheirBatches(t *testing.T) {
	delivered := false
	s := openWith(t, vfs.NewMem(), small(func(c *store.Config) {
		c.Live = func(group, _ uint64) (int64, bool) { return 0, group != 1 }
		c.Keep = func(_ uint32, f wal.Frame) bool { return f.Type == wal.TypeMatches && !delivered }
	}))
	defer s.Close()
	b, release := batch(t, 1, 10, 1500, 5)
	at, err := s.Append(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	appendBatch(t, s, 1, 10, 1500, 6)
	payload := event.AppendMatches(nil, 3, 1, nil)
	payload, err = event.AppendMatch(payload, event.Match{Key: 7, Filter: 8, Source: at.Number}, b, nil, 0)
	release()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Shard(0).Append(t.Context(), wal.TypeMatches, 0, payload); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 200, 2)
	if n := countBatches(t, s, 1); n != 1 {
		t.Errorf("%d batches of the deleted group, one is needed", n)
	}
	delivered = true
	fill(t, s, 400, 2)
	if n := countBatches(t, s, 1); n != 0 {
		t.Errorf("%d batches of the deleted group, none is needed", n)
	}
}

func TestDiskBudgetBlocks(t *testing.T) {
	var log bytes.Buffer
	s := openWith(t, vfs.NewMem(), small(func(c *store.Config) {
		c.MaxBytes, c.Logger = 600<<10, slog.New(slog.NewTextHandler(&log, nil))
	}))
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	var err error
	stored := 0
	for ; stored < 10_000 && err == nil; stored++ {
		noise := make([]byte, 3000)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		b, release := noisy(t, noise)
		_, err = s.Append(t.Context(), b)
		release()
		if stored%50 == 0 && err == nil {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !errors.Is(err, store.ErrFull) || stored < 100 {
		t.Fatal(stored, err)
	}
	if d := s.Disk(); !d.Full || d.LogBytes+d.FileBytes > 800<<10 || d.Removed[store.Dropped].Events != 0 {
		t.Errorf("%+v", d)
	}
	if _, err := s.Shard(0).Append(t.Context(), wal.TypePut, 1, []byte("x")); !errors.Is(err, store.ErrFull) {
		t.Error("a put while the disk is full:", err)
	}
	if _, err := s.Shard(0).Append(t.Context(), wal.TypeCommit, 1, make([]byte, 32)); err != nil {
		t.Error("a commit must pass:", err)
	}
	if full, again := strings.Count(log.String(), "disk budget is used up"), strings.Count(log.String(), "disk budget has room again"); full != again+1 {
		t.Errorf("told %d times that the budget is used up and %d times that there is room again: %s", full, again, &log)
	}
}

func noisy(t testing.TB, message []byte) (event.Batch, func()) {
	t.Helper()
	b := event.GetBuilder(len(message) + 64)
	if err := b.Append(1, message); err != nil {
		t.Fatal(err)
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 10, Ingested: 77}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return sealed, b.Release
}

// The oldest files go, each is counted once, and a crash brings none back.
func TestDiskBudgetDropsTheOldest(t *testing.T) {
	mem := vfs.NewMem()
	cfg := small(func(c *store.Config) { c.MaxBytes, c.Policy = 600<<10, store.DropOldest })
	s := openWith(t, mem, cfg)
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	var last event.Position
	const batches = 1000
	for n := range batches {
		noise := make([]byte, 3000)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		b, release := noisy(t, noise)
		var err error
		if last, err = s.Append(t.Context(), b); err != nil {
			t.Fatal(n, err)
		}
		release()
		if n%10 == 0 {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := s.Disk()
	left := countBatches(t, s, 1)
	if d.LogBytes+d.FileBytes > 600<<10 || left == 0 || int64(left)+d.Removed[store.Dropped].Events != batches {
		t.Errorf("%d left, %+v", left, d)
	}
	var sum int64
	next := uint64(1)
	for _, of := range s.Dropped(0) {
		if of.First < next {
			t.Errorf("%+v was dropped twice", of)
		}
		sum, next = sum+of.Events, of.Last+1
	}
	if sum != d.Removed[store.Dropped].Events || next > last.Number {
		t.Errorf("ranges hold %d, dropped were %d", sum, d.Removed[store.Dropped].Events)
	}
	after := openWith(t, mem.CrashClone(vfs.CrashOptions{}), cfg)
	defer after.Close()
	if n := countBatches(t, after, 1); n != left {
		t.Errorf("%d batches after a crash, %d before", n, left)
	}
}

// TestFramesLeaveTheDisk: files that hold nothing but frames go when nobody wants
// any of them.
func TestFramesLeaveTheDisk(t *testing.T) {
	wanted, fs := true, vfs.NewMem()
	cfg := small(func(c *store.Config) { c.Keep = func(uint32, wal.Frame) bool { return wanted } })
	s := openWith(t, fs, cfg)
	for range 300 {
		if _, err := s.Shard(0).Append(t.Context(), wal.TypePut, 7, make([]byte, 900)); err != nil {
			t.Fatal(err)
		}
	}
	frames := func() (n int) {
		t.Helper()
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Shard(0).Frames(1, 1<<40, func(wal.Frame) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := frames(); n != 300 {
		t.Fatalf("%d of 300 frames", n)
	}
	wanted = false
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openWith(t, fs, cfg) // so that it asks again now
	defer s.Close()
	if n := frames(); n > 100 {
		t.Errorf("%d of 300 frames are on the disk, and nobody wants any", n)
	}
}
