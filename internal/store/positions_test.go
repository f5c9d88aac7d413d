package store_test

import (
	"errors"
	"strings"
	"testing"

	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// A filter is in force from the positions of Next on, and the definition is
// durable by itself: a crash must not take the log back behind them, or what is
// stored there anew would be passed over.
func TestNoCrashTakesTheLogBackBehindNext(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, 2)
	for range 3 {
		if _, err := s.Log(1).Enqueue(t.Context(), wal.TypeCount, 1, make([]byte, 24)); err != nil {
			t.Fatal(err)
		}
	}
	next := s.Next()
	after := open(t, mem.CrashClone(vfs.CrashOptions{}), 2).Next()
	if next[0] > after[0] || next[1] > after[1] || next[1] != 4 {
		t.Errorf("next is %v, after a crash %v", next, after)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNextOfALogThatFailedIsWhereItGoesOn(t *testing.T) {
	mem := vfs.NewMem()
	broken := errors.New("broken disk")
	fail := false
	s := open(t, vfs.Fault(mem, func(op vfs.Op) error {
		if fail && op.Kind == vfs.OpSync {
			return broken
		}
		return nil
	}), 1)
	appendBatch(t, s, 1, 2, 10, 100)
	fail = true
	if err := s.Reject(t.Context(), 1, store.Rejected{TooOld: 1}); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	next := s.Next()
	s.Close()
	if after := open(t, mem.CrashClone(vfs.CrashOptions{}), 1).Next(); next[0] > after[0] {
		t.Errorf("next was %v, is %v after the restart", next, after)
	}
}

// More shards may come; what a stream had before stays in its old one.
func TestMoreShardsKeepWhatIsStored(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, 1)
	for stream := range uint64(6) {
		appendBatch(t, s, 1, stream+2, 10, 100)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, mem, 3)
	for stream := range uint64(6) {
		appendBatch(t, s, 1, stream+2, 10, 90)
		if got := scan(t, s, store.Query{Group: 1, Stream: stream + 2, To: 1 << 40}); len(got) != 2 || !strings.HasSuffix(got[0], "/100") {
			t.Errorf("stream %d: %q", stream+2, got)
		}
		if st, ok := s.StreamStats(stream + 2); !ok || st.Events != 2 || st.First != 90 || st.Last != 100 || st.LastIngested != 77 || st.Group != 1 {
			t.Errorf("stream %d: %+v", stream+2, st)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(mem, store.Config{Dir: "/wal", Shards: 2}); err == nil || !strings.Contains(err.Error(), "3") {
		t.Error("opened with fewer shards than there are:", err)
	}
}

func TestPlacesOfAStreamAreFoundInItsOldShardToo(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, 1)
	appendBatch(t, s, 1, 2, 10, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, mem, 3)
	defer s.Close()
	appendBatch(t, s, 1, 2, 10, 90)
	n := 0
	if err := s.Places(t.Context(), store.Query{Group: 1, Stream: 2, To: 1 << 40}, s.Next(), func(store.Place) { n++ }); err != nil || n != 2 {
		t.Error(n, err)
	}
}
