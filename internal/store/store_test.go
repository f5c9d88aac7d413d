package store_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func open(t testing.TB, fs vfs.FS, shards int) *store.Store {
	t.Helper()
	s, err := store.Open(fs, store.Config{Dir: "/wal", Shards: shards, SegmentBytes: 1 << 20, TailBytes: 256 << 10, IndexBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLogTakesWhatFiltersMakeOfABatch: all of it is one frame.
func TestLogTakesWhatFiltersMakeOfABatch(t *testing.T) {
	const size = 64 << 20
	fs := vfs.NewMem()
	s := open(t, fs, 1)
	seq, err := s.Log(0).Append(t.Context(), wal.TypeMatches, 0, make([]byte, size))
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, 1)
	defer s.Close()
	r, err := s.Log(0).NewReader(seq)
	if err != nil {
		t.Fatal(err)
	}
	block, more, err := r.TryNext()
	if err != nil || !more {
		t.Fatal(more, err)
	}
	for f := range block.All() {
		if f.Seq != seq || len(f.Payload) != size {
			t.Errorf("frame %d of %d bytes", f.Seq, len(f.Payload))
		}
	}
}

// batch seals one event per timestamp; its messages tell group, stream and time.
func batch(t testing.TB, group, stream uint64, size int, times ...int64) (event.Batch, func()) {
	t.Helper()
	b := event.GetBuilder(len(times) * (size + 64))
	for _, at := range times {
		msg := fmt.Appendf(nil, "%d/%d/%d ", group, stream, at)
		if err := b.Append(at, append(msg, make([]byte, size)...)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: group, StreamUID: stream, Ingested: 77}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return sealed, b.Release
}

func appendBatch(t testing.TB, s *store.Store, group, stream uint64, size int, times ...int64) {
	t.Helper()
	b, release := batch(t, group, stream, size, times...)
	defer release()
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func scan(t testing.TB, s *store.Store, q store.Query) (got []string) {
	t.Helper()
	err := s.Scan(t.Context(), q, func(b event.Batch) error {
		for i := range b.Len() {
			if at := b.Timestamp(i); at >= q.From && at < q.To {
				var g, st, ts int64
				if _, err := fmt.Sscanf(string(b.Message(i)), "%d/%d/%d", &g, &st, &ts); err != nil {
					return err
				}
				got = append(got, fmt.Sprintf("%d/%d/%d", g, st, ts))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestScanFindsWhatAModelFinds(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			fs := vfs.NewMem()
			s := open(t, fs, shards)
			defer func() { s.Close() }()
			r := rand.New(rand.NewPCG(1, uint64(shards)))
			var model []struct {
				group, stream uint64
				at            int64
			}
			for n := range 600 {
				group := 1 + r.Uint64N(4)
				stream := group*10 + r.Uint64N(3)
				var times []int64
				for range 1 + r.IntN(5) {
					times = append(times, int64(n)*10+r.Int64N(50))
				}
				appendBatch(t, s, group, stream, r.IntN(8_000), times...)
				for _, at := range times {
					model = append(model, struct {
						group, stream uint64
						at            int64
					}{group, stream, at})
				}
				if n == 300 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = open(t, fs, shards)
				}
			}
			if got := len(s.Log(0).Segments()); got < 3 {
				t.Fatalf("%d segments: sealed ones are not tried", got)
			}
			for range 200 {
				q := store.Query{Group: 1 + r.Uint64N(5), From: r.Int64N(6_000)}
				q.To = q.From + r.Int64N(3_000)
				if r.IntN(2) == 0 {
					q.Stream = q.Group*10 + r.Uint64N(3)
				}
				var want []string
				for _, e := range model {
					if e.group == q.Group && (q.Stream == 0 || e.stream == q.Stream) && e.at >= q.From && e.at < q.To {
						want = append(want, fmt.Sprintf("%d/%d/%d", e.group, e.stream, e.at))
					}
				}
				got := scan(t, s, q)
				if shards > 1 && q.Stream == 0 { // order is kept within a stream only
					slices.Sort(got)
					slices.Sort(want)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%+v: %d events, want %d", q, len(got), len(want))
				}
			}
		})
	}
}

func TestStatisticsSurviveRestartAndRoll(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, 2)
	defer func() { s.Close() }()
	var bytes int64
	for n := range 300 {
		b, release := batch(t, 5, 50+uint64(n%2), 10_000, int64(1000+n), int64(900+n))
		bytes += int64(b.MessageBytes())
		if _, err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		release()
	}
	if err := s.Reject(t.Context(), 5, store.Rejected{TooOld: 3, TooNew: 2, Expired: 1}); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		even, _ := s.StreamStats(50)
		if even.First != 900 || even.Last != 1298 || even.LastIngested != 77 || even.Events != 300 || even.Group != 5 {
			t.Errorf("stream: %+v", even)
		}
		if _, found := s.StreamStats(99); found {
			t.Error("a stream without events has statistics")
		}
		if got := s.GroupBytes(5); got != bytes {
			t.Errorf("group has %d bytes, want %d", got, bytes)
		}
		want := store.Totals{Events: 600, Bytes: uint64(bytes), Batches: 300, Rejected: store.Rejected{TooOld: 3, TooNew: 2, Expired: 1}}
		if got := s.Totals(); got != want {
			t.Errorf("totals %+v, want %+v", got, want)
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, 2)
	check()
	// After a power failure everything acknowledged is still counted.
	s = open(t, fs.CrashClone(vfs.CrashOptions{}), 2)
	check()
}

func TestReAppendedGroupInheritsNothing(t *testing.T) {
	s := open(t, vfs.NewMem(), 1)
	defer s.Close()
	appendBatch(t, s, 1, 10, 0, 5)
	if got := scan(t, s, store.Query{Group: 2, From: 0, To: math.MaxInt64}); len(got) != 0 {
		t.Error(got)
	}
}

func TestShardCount(t *testing.T) {
	for _, n := range []int{-1, store.MaxShards + 1} {
		if _, err := store.Open(vfs.NewMem(), store.Config{Dir: "/wal", Shards: n}); err == nil {
			t.Error(n, "shards were opened")
		}
	}
}
