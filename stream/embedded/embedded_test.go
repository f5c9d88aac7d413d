package embedded_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
	"sluice/stream/embedded"
	"sluice/stream/streamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is the embedded stream with the consumer's side of the log: firehose
// appends its Commit frames itself.
type stream struct {
	*embedded.Streams
	logs    []*wal.Log
	indexes []*embedded.Index
}

func openStream(t testing.TB, fs vfs.FS, shards int) *stream {
	t.Helper()
	return openStreamIn(t, fs, "/wal", shards)
}

func openStreamIn(t testing.TB, fs vfs.FS, root string, shards int) *stream {
	t.Helper()
	s := &stream{}
	var parts []embedded.Shard
	for n := range shards {
		x := embedded.NewIndex()
		dir := root + "/" + string(rune('a'+n))
		if err := vfs.MkdirAllSync(fs, dir); err != nil {
			t.Fatal(err)
		}
		log, err := wal.Open(fs, wal.Config{
			Dir: dir, Shard: uint32(n), SegmentBytes: 1 << 18, TailBytes: 1 << 16,
			BlockBytes: 1 << 14, MaxFrameBytes: 1 << 16, Folders: []wal.Folder{x},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() }) // of a crashed log: only lets go
		s.logs, s.indexes = append(s.logs, log), append(s.indexes, x)
		parts = append(parts, embedded.Shard{Log: log, Index: x})
	}
	s.Streams = embedded.New(parts...)
	return s
}

func (s *stream) Commit(ctx context.Context, key uint64, shard uint32, position uint64, delivered int64) error {
	c := embedded.Commit{Position: position, Delivered: uint64(delivered)}
	_, err := s.logs[shard].Append(ctx, wal.TypeCommit, key, embedded.AppendCommit(nil, c), []byte("consumer's own"))
	return err
}

func (s *stream) Committed(key uint64, shard uint32) uint64 { return s.indexes[shard].Committed(key) }

func TestEmbeddedStream(t *testing.T) {
	for _, shards := range []int{1, 3} {
		streamtest.Run(t, func(t testing.TB) (streamtest.Stream, func() streamtest.Stream) {
			fs := vfs.NewMem()
			return openStream(t, fs, shards), func() streamtest.Stream {
				fs = fs.CrashClone(vfs.CrashOptions{})
				return openStream(t, fs, shards)
			}
		})
	}
}

// batch appends a batch of three events and returns its number.
func batch(t *testing.T, log *wal.Log) uint64 {
	t.Helper()
	b := event.GetBuilder(100)
	defer b.Release()
	for _, m := range []string{"short", "a message that is longer than half of all", "tiny"} {
		if err := b.Append(5, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 2}, event.Source{LogGroup: "g"})
	if err != nil {
		t.Fatal(err)
	}
	seq, err := log.Append(t.Context(), wal.TypeBatch, 1, sealed.Record())
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestMatchesBecomeParcelsOfTheirKeys(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	seq := batch(t, s.logs[0])
	f, err := s.logs[0].Read(seq)
	if err != nil {
		t.Fatal(err)
	}
	src, err := event.Open(f.Payload)
	if err != nil {
		t.Fatal(err)
	}
	payload := event.AppendMatches(nil, seq+1, 4_000, nil)
	for _, e := range []struct {
		key uint64
		sel event.Selection
	}{{7, event.Selection{0, 2}}, {8, event.Selection{1}}, {7, nil}} {
		if payload, err = event.AppendMatch(payload, event.Match{Key: e.key, Source: seq, Name: []byte("errors")}, src, e.sel, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	at, err := s.logs[0].Append(t.Context(), wal.TypeMatches, 0, payload)
	if err != nil {
		t.Fatal(err)
	}
	f2 := func(key uint64, want ...string) {
		t.Helper()
		span := s.Span(key, 0, 0, 1)
		if span.Count != int64(len(want)) || span.Oldest != 4_000 || span.Range.End != at+1 {
			t.Errorf("key %d: %+v", key, span)
		}
		var got []string
		err := s.Parcels(t.Context(), key, span.Range, func(p event.Parcel) error {
			if p.Arrived != 4_000 || p.Count() != len(want) || int64(p.Bytes()) != span.Bytes {
				t.Errorf("parcel of %d events, %d bytes, arrived %d; span %+v", p.Count(), p.Bytes(), p.Arrived, span)
			}
			for _, d := range p.Deliveries {
				for lo, hi := range d.Batch.Runs(d.Selection) {
					for i := lo; i < hi; i++ {
						got = append(got, string(d.Batch.Message(i)))
					}
				}
			}
			return nil
		})
		if err != nil || len(got) != len(want) {
			t.Fatal(got, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("key %d event %d: %q, want %q", key, i, got[i], want[i])
			}
		}
	}
	long := "a message that is longer than half of all"
	f2(7, "short", "tiny", "short", long, "tiny")
	f2(8, long)
}

func TestTotalsAddUp(t *testing.T) {
	fs := vfs.NewMem()
	s := openStream(t, fs, 1)
	for range 10 {
		if _, err := s.Put(t.Context(), 1, 1, [][]byte{[]byte("abc"), []byte("de")}); err != nil {
			t.Fatal(err)
		}
	}
	end := s.Span(1, 0, 0, 20).Range.End
	commit := embedded.AppendCommit(nil, embedded.Commit{Position: end, Delivered: 7, Discarded: 1, Bytes: 20})
	if _, err := s.logs[0].Append(t.Context(), wal.TypeCommit, 1, commit); err != nil {
		t.Fatal(err)
	}
	want := embedded.Totals{Accepted: 20, AcceptedBytes: 50, Delivered: 7, Discarded: 1, DeliveredBytes: 20, InFlight: 12}
	for _, s := range []*stream{s, openStream(t, fs.CrashClone(vfs.CrashOptions{}), 1)} {
		if got := s.Totals(1); got != want || got.Lost() != 0 {
			t.Errorf("%+v, lost %d", got, got.Lost())
		}
		if p := s.Pending(1, 0); p.Count != 12 || p.Bytes != 30 {
			t.Errorf("pending %+v", p)
		}
	}
}

func TestPutRefusesTooMuch(t *testing.T) {
	s := openStream(t, vfs.NewMem(), 1)
	if _, err := s.Put(t.Context(), 1, 1, [][]byte{make([]byte, embedded.MaxPutBytes)}); err == nil {
		t.Error("more than MaxPutBytes was taken")
	}
}

func FuzzRestore(f *testing.F) {
	x := embedded.NewIndex()
	x.Fold(wal.Frame{Type: wal.TypePut, Key: 3, Seq: 9, Payload: []byte("\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00xy")})
	x.Fold(wal.Frame{Type: wal.TypeCommit, Key: 4, Seq: 10, Payload: embedded.AppendCommit(nil, embedded.Commit{Position: 5})})
	f.Add(x.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		x := embedded.NewIndex()
		if err := x.Restore(snapshot); err != nil {
			if !errors.Is(err, event.ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		x.AppendSnapshot(nil)
	})
}
