package requests

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/internal/event"
	"sluice/internal/wal"
)

const minute = int64(60_000)

// key is a request that can be recognised.
func key(request, stream uint64) Key { return Key{request | named, stream} }

// batch is a frame of one stored request.
func batch(t testing.TB, k Key, ingested int64, origin uint64) wal.Frame {
	t.Helper()
	b := event.GetBuilder(64)
	if err := b.Append(1, []byte("m")); err != nil {
		t.Fatal(err)
	}
	sealed, err := b.Seal(event.Header{Ingested: ingested, Request: k.Request, GroupUID: 1, StreamUID: k.Stream, Origin: event.Position{Number: origin}}, event.Source{})
	if err != nil {
		t.Fatal(err)
	}
	return wal.Frame{Type: wal.TypeBatch, Key: 1, Payload: sealed.Record()}
}

func TestSeen(t *testing.T) {
	s := NewSeen(3)
	f := func(request uint64, now int64, want int64) {
		t.Helper()
		got, ok := s.at(key(request, 7), now)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("request %d at %d: %d, %v, want %d", request, now, got, ok, want)
		}
	}
	again := func() {
		t.Helper()
		snapshot := s.AppendSnapshot([]byte("x"))
		s = NewSeen(3)
		if err := s.Restore(snapshot[1:]); err != nil {
			t.Error(err)
		}
	}
	at := 100 * minute
	s.Fold(batch(t, key(1, 7), at, 0))
	f(1, at, at)
	f(1, at+10*minute, at)
	f(1, at+10*minute+1, 0)
	f(1, at-minute, at) // the clock was set back
	f(2, at, 0)
	if _, ok := s.at(key(1, 8), at); ok {
		t.Error("another stream's request")
	}
	s.Fold(batch(t, key(9, 7), at, 5))
	f(9, at, 0) // born elsewhere
	s.Fold(wal.Frame{Type: wal.TypeCount, Payload: []byte("x")})
	s.Fold(wal.Frame{Type: wal.TypeBatch, Payload: []byte("no batch")})
	s.Fold(batch(t, key(2, 7), at+1, 0))
	s.Fold(batch(t, key(3, 7), at+2, 0))
	again()
	f(1, at, at)
	s.Fold(batch(t, key(4, 7), at+3, 0)) // takes the oldest's place
	f(1, at, 0)
	f(2, at, at+1)
	f(4, at, at+3)
	again()
	f(1, at, 0)
	f(2, at, at+1)
	s.forget(key(2, 7))
	f(2, at, 0)
	s.Fold(batch(t, key(5, 7), at+60*minute, 0))
	f(4, at+3, 0)
	f(5, at+60*minute, at+60*minute)
	if s.Len() != 1 {
		t.Errorf("%d requests after an hour", s.Len())
	}
	for _, broken := range []string{"", "\x00", "\x01\x00\x00\x00", "\x00\x00\x00\x00x", "\xff\xff\xff\xff"} {
		if err := s.Restore([]byte(broken)); err == nil {
			t.Errorf("restored %q", broken)
		}
	}
}

func TestWindow(t *testing.T) {
	s := NewSeen(0)
	w := NewWindow(NewSeen(0), s)
	k := key(1, 7)
	if _, stored := w.Begin(k, minute); stored {
		t.Fatal("stored before it was")
	}
	s.Fold(batch(t, k, minute, 0))
	w.End(k, errors.New("sync failed"))
	if _, stored := w.Begin(k, minute); stored {
		t.Fatal("sequenced is not durable")
	}
	s.Fold(batch(t, k, minute, 0))
	w.End(k, nil)
	if at, stored := w.Begin(k, 2*minute); !stored || at != minute {
		t.Errorf("stored %v at %d", stored, at)
	}
	if len(w.under) != 0 {
		t.Error("attempts are left behind")
	}
}

// TestAttemptsAtOnce: of many attempts of each request one stores.
func TestAttemptsAtOnce(t *testing.T) {
	s := NewSeen(0)
	w := NewWindow(s)
	var stored, told atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for request := range uint64(200) {
				k := key(request, 1)
				if _, there := w.Begin(k, minute); there {
					told.Add(1)
					continue
				}
				s.Fold(batch(t, k, minute, 0))
				stored.Add(1)
				w.End(k, nil)
			}
		})
	}
	wg.Wait()
	if stored.Load() != 200 || told.Load() != 7*200 || len(w.under) != 0 {
		t.Errorf("%d stored, %d recognised, %d left", stored.Load(), told.Load(), len(w.under))
	}
}

func TestName(t *testing.T) {
	names := map[uint64]bool{}
	for _, n := range []uint64{Name("a", "bc", 1), Name("ab", "c", 1), Name("a", "bc", 2), Name("", "abc", 1)} {
		names[n] = true
	}
	if len(names) != 4 || Name("a", "bc", 1) != Name("a", "bc", 1) {
		t.Error("names are not told apart")
	}
}

// TestAnonymousRequestsAreNotRemembered: they would push out those that can be
// recognised.
func TestAnonymousRequestsAreNotRemembered(t *testing.T) {
	s := NewSeen(2)
	k := Key{Name("a", "b", 1), 7}
	s.Fold(batch(t, k, minute, 0))
	for range 8 {
		s.Fold(batch(t, Key{Anonymous(), 7}, minute, 0))
	}
	if _, ok := s.at(k, minute); !ok || s.Len() != 1 {
		t.Errorf("%d requests are remembered", s.Len())
	}
}

func FuzzRestore(f *testing.F) {
	s := NewSeen(4)
	s.Fold(batch(f, key(1, 2), 3, 0))
	f.Add(s.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, snapshot []byte) {
		s := NewSeen(4)
		if s.Restore(snapshot) != nil {
			return
		}
		if s.Len() > 4 {
			t.Errorf("%d requests", s.Len())
		}
		again := NewSeen(4)
		if err := again.Restore(s.AppendSnapshot(nil)); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	s := NewSeen(0)
	f := batch(b, key(1, 2), minute, 0)
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		le.PutUint64(f.Payload[40:], n|named) // the header's request
		s.Fold(f)
	}
}
