// Package streamtest is the conformance suites of streams: what everybody relies
// on, whatever carries the records. They speak the public contracts alone and are
// called by each stream's own test.
//
// Run is for a stream inside the process, which consumers read by position and
// commit to (stream/embedded). It wants a way to crash it.
//
// RunTransport is for streams outside, where members of a group visit what they
// are assigned (stream/kafka, stream/kinesis). A test wraps its producer and its
// consumer into a Transport, of five methods: Produce and Consume are the
// product's, with the payload that carries whole batches; Poison writes a damaged
// record past the producer; Poisoned gives the places that the consumer reported;
// Outage cuts the servers off. One Transport has one topic of a few partitions
// and one group: each call of Consume is a new member of it. Batches that come
// back are compared message by message: none lost, each log stream in its order,
// and none twice where nothing that makes duplicates happened behind the
// producer's marks of origin.
//
// Nothing here is durable. Parcels belong to the suite; those that a visitor gets
// live until it returns.
package streamtest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"sluice/internal/event"
)

// Stream is the contract under test.
type Stream interface {
	// Put appends records of a key; they are durable when it returns.
	Put(ctx context.Context, key uint64, arrived int64, records [][]byte) (event.Position, error)
	// Span is the smallest durable run at or after from that reaches maxBytes,
	// or all there is.
	Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span
	// Parcels visits what a key has in a range, in order.
	Parcels(ctx context.Context, key uint64, r event.Range, visit func(event.Parcel) error) error
	// Notify signals after more became durable for the key.
	Notify(key uint64) (more <-chan struct{}, stop func())
	// Commit makes a consumer's position durable: everything below is done.
	Commit(ctx context.Context, key uint64, shard uint32, position uint64, delivered int64) error
	// Committed is the position of the last commit, 0 before the first.
	Committed(key uint64, shard uint32) uint64
	// Shards is the number of shards.
	Shards() int
}

// Open opens a new, empty stream. crash ends it as a power failure would and
// opens what is left; the old one is not used any more.
type Open func(t testing.TB) (s Stream, crash func() Stream)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Open)
	}{
		{"records of a key come back whole and in order", testOrder},
		{"keys do not see each other", testKeys},
		{"a span ends where the bytes are reached", testSpan},
		{"what was not committed comes again after a crash", testRedelivery},
		{"a commit never goes back", testCommitForward},
		{"a long backlog is read once, whole, also after a crash", testBacklog},
		{"a signal follows every durable record", testNotify},
		{"many producers, none lost", testConcurrent},
		{"an ended context stops a read", testContext},
		{"empty records and empty ranges", testEdges},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

func put(t testing.TB, s Stream, key uint64, records ...string) event.Position {
	t.Helper()
	var data [][]byte
	for _, r := range records {
		data = append(data, []byte(r))
	}
	pos, err := s.Put(t.Context(), key, 1_000, data)
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// read collects everything a key has from its committed positions on.
func read(t testing.TB, s Stream, key uint64) (got []string) {
	t.Helper()
	for shard := range uint32(s.Shards()) {
		span := s.Span(key, shard, s.Committed(key, shard), math.MaxInt64)
		last := uint64(0)
		err := s.Parcels(t.Context(), key, span.Range, func(p event.Parcel) error {
			if p.Position.Number < last || p.Position.Shard != shard {
				t.Errorf("parcel %v after number %d of shard %d", p.Position, last, shard)
			}
			last = p.Position.Number
			for _, r := range p.Records {
				got = append(got, string(r))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func want(t testing.TB, got []string, wanted ...string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("got %d records %.200s, want %d %.200s", len(got), fmt.Sprintf("%q", got), len(wanted), fmt.Sprintf("%q", wanted))
	}
}

func commit(t testing.TB, s Stream, key uint64, shard uint32, position uint64, delivered int64) {
	t.Helper()
	if err := s.Commit(t.Context(), key, shard, position, delivered); err != nil {
		t.Fatal(err)
	}
}

func testOrder(t *testing.T, open Open) {
	s, _ := open(t)
	put(t, s, 1, "a", "b")
	put(t, s, 1, "c")
	put(t, s, 1, "line\nfeed", string([]byte{0, 255}))
	want(t, read(t, s, 1), "a", "b", "c", "line\nfeed", "\x00\xff")
}

func testKeys(t *testing.T, open Open) {
	s, _ := open(t)
	put(t, s, 1, "one")
	put(t, s, 2, "two")
	put(t, s, 1, "uno")
	want(t, read(t, s, 1), "one", "uno")
	want(t, read(t, s, 2), "two")
	want(t, read(t, s, 3))
	at := put(t, s, 2, "due")
	commit(t, s, 2, at.Shard, at.Number+1, 2)
	want(t, read(t, s, 1), "one", "uno")
	want(t, read(t, s, 2))
}

func testSpan(t *testing.T, open Open) {
	s, _ := open(t)
	first := put(t, s, 1, "0123456789")
	second := put(t, s, 1, "01234", "56789")
	third := put(t, s, 1, "0123456789")
	f := func(from uint64, maxBytes int64, end uint64, count, bytes int64) {
		t.Helper()
		got := s.Span(1, first.Shard, from, maxBytes)
		if got.Range.End != end || got.Count != count || got.Bytes != bytes {
			t.Errorf("span from %d of %d bytes: %+v, want end %d, %d records, %d bytes", from, maxBytes, got, end, count, bytes)
		}
		if got.Count > 0 && got.Oldest != 1_000 {
			t.Errorf("oldest arrival %d", got.Oldest)
		}
	}
	f(0, 1, first.Number+1, 1, 10)
	f(0, 10, first.Number+1, 1, 10)
	f(0, 11, second.Number+1, 3, 20)
	f(0, math.MaxInt64, third.Number+1, 4, 30)
	f(second.Number, 10, second.Number+1, 2, 10)
	f(third.Number+1, 1, third.Number+1, 0, 0)
}

func testRedelivery(t *testing.T, open Open) {
	s, crash := open(t)
	at := put(t, s, 1, "delivered")
	put(t, s, 1, "not yet")
	commit(t, s, 1, at.Shard, at.Number+1, 1)
	for range 2 {
		s = crash()
		want(t, read(t, s, 1), "not yet")
		if got := s.Committed(1, at.Shard); got != at.Number+1 {
			t.Errorf("committed %d after a crash, want %d", got, at.Number+1)
		}
	}
	put(t, s, 1, "later")
	want(t, read(t, s, 1), "not yet", "later")
}

func testCommitForward(t *testing.T, open Open) {
	s, crash := open(t)
	put(t, s, 1, "a")
	at := put(t, s, 1, "b")
	commit(t, s, 1, at.Shard, at.Number+1, 2)
	commit(t, s, 1, at.Shard, at.Number, 0)
	want(t, read(t, s, 1))
	s = crash()
	want(t, read(t, s, 1))
}

func testBacklog(t *testing.T, open Open) {
	s, crash := open(t)
	var all []string
	for i := range 5_000 {
		r := fmt.Sprint("record ", i)
		all = append(all, r)
		put(t, s, 7, r)
		if i%3 == 0 {
			put(t, s, 8, "noise")
		}
	}
	want(t, read(t, s, 7), all...)
	s = crash()
	want(t, read(t, s, 7), all...)

	// Read in cuts, committing each: every record once.
	var got []string
	for shard := range uint32(s.Shards()) {
		for {
			span := s.Span(7, shard, s.Committed(7, shard), 4_000)
			if span.Count == 0 {
				break
			}
			n := int64(0)
			err := s.Parcels(t.Context(), 7, span.Range, func(p event.Parcel) error {
				for _, r := range p.Records {
					got = append(got, string(r))
					n++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			commit(t, s, 7, shard, span.Range.End, n)
		}
	}
	want(t, got, all...)
}

func testNotify(t *testing.T, open Open) {
	s, _ := open(t)
	more, stop := s.Notify(1)
	other, stopOther := s.Notify(2)
	defer stopOther()
	for range 3 {
		put(t, s, 1, "x")
		select {
		case <-more:
		case <-t.Context().Done():
			t.Fatal("no signal")
		}
	}
	put(t, s, 1, "x")
	put(t, s, 1, "x") // must not wait for a consumer that is busy
	select {
	case <-other:
		t.Error("another key's consumer was woken")
	default:
	}
	stop()
	put(t, s, 1, "x")
}

func testConcurrent(t *testing.T, open Open) {
	s, _ := open(t)
	const producers, each = 8, 50
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Put(t.Context(), 1, 1_000, [][]byte{fmt.Appendf(nil, "%d/%03d", p, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := read(t, s, 1)
	last := map[string]string{}
	for _, r := range got {
		if r <= last[r[:1]] {
			t.Errorf("%s after %s", r, last[r[:1]])
		}
		last[r[:1]] = r
	}
	if len(got) != producers*each {
		t.Errorf("%d records, want %d", len(got), producers*each)
	}
}

func testContext(t *testing.T, open Open) {
	s, _ := open(t)
	at := put(t, s, 1, "a")
	put(t, s, 1, "b")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Parcels(ctx, 1, event.Range{Shard: at.Shard, End: math.MaxUint64}, func(event.Parcel) error {
		n++
		cancel()
		return nil
	})
	if err == nil || n != 1 {
		t.Errorf("%d parcels, %v; want one, and the context's error", n, err)
	}
}

func testEdges(t *testing.T, open Open) {
	s, crash := open(t)
	put(t, s, 1, "", "x", "")
	want(t, read(t, s, 1), "", "x", "")
	s = crash()
	want(t, read(t, s, 1), "", "x", "")
	err := s.Parcels(t.Context(), 1, event.Range{Start: 5, End: 2}, func(event.Parcel) error {
		t.Error("a parcel in an empty range")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
