package streamtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/internal/event"
)

const (
	// origin is the uid of the one that produces.
	origin = 9
	// patience is when something that should happen counts as hung.
	patience = time.Minute
)

// leaks makes the test fail for goroutines that it leaves behind, once everything
// that it opened was closed.
func leaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, before)
		}
	})
}

// parcel is n events of a log stream, as one frame of the log would hold them.
// Messages name their log stream, the parcel and their place in it.
func parcel(t testing.TB, number uint64, stream string, n, size int) event.Parcel {
	t.Helper()
	b := event.GetBuilder(n * (size + 40))
	defer b.Release()
	for i := range n {
		if err := b.Append(1_700_000_000_000+int64(i), fmt.Appendf(nil, "%s/%06d/%06d %s", stream, number, i, strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{Request: number, StreamUID: 7}, event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/g", LogStream: stream})
	if err != nil {
		t.Fatal(err)
	}
	record, err := event.AppendSelected(nil, sealed, nil) // out of the builder's arena
	if err != nil {
		t.Fatal(err)
	}
	batch, err := event.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	at := event.Position{Number: number}
	return event.Parcel{Position: at, Arrived: 1, Deliveries: []event.Delivery{{Batch: batch, Filter: "errors", Position: at}}}
}

func events(parcels []event.Parcel) (n int) {
	for _, p := range parcels {
		n += p.Count()
	}
	return n
}

// messages visits what parcels hold.
func messages(parcels []event.Parcel, visit func(message string)) {
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for from, to := range d.Batch.Runs(d.Selection) {
				for i := from; i < to; i++ {
					visit(string(d.Batch.Message(i)))
				}
			}
		}
	}
}

func produce(t testing.TB, tr Transport, parcels ...event.Parcel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := tr.Produce(ctx, origin, parcels...); err != nil {
		t.Fatal(err)
	}
}

// receive waits for something that must happen.
func receive[T any](t testing.TB, from <-chan T, what string) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case v = <-from:
	case <-ctx.Done():
		t.Fatalf("%s did not come within %v", what, patience)
	}
	return v
}

// member is one consumer of the group.
type member struct {
	t    testing.TB
	stop context.CancelFunc
	done chan error
}

func join(t testing.TB, tr Transport, visit func(context.Context, []event.Parcel) error) *member {
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{t: t, stop: cancel, done: make(chan error, 1)}
	go func() { m.done <- tr.Consume(ctx, visit) }()
	t.Cleanup(m.leave)
	return m
}

// leave ends the member and waits until it is gone.
func (m *member) leave() {
	m.t.Helper()
	if m.done == nil {
		return
	}
	m.stop()
	if err := receive(m.t, m.done, "the end of Consume"); err != nil && !errors.Is(err, context.Canceled) {
		m.t.Errorf("consume: %v", err)
	}
	m.done = nil
}

// sink is what stands behind the consumers: it keeps what was visited.
type sink struct {
	t     testing.TB
	grown chan struct{}

	mu     sync.Mutex // guards the fields below
	n      int        // events, also of repeated visits
	times  map[string]int
	latest map[string]string // by log stream, the greatest message
	upset  []string          // what came for the first time behind a later one
}

func newSink(t testing.TB) *sink {
	return &sink{t: t, grown: make(chan struct{}, 1), times: map[string]int{}, latest: map[string]string{}}
}

// visit makes parcels durable.
func (s *sink) visit(_ context.Context, parcels []event.Parcel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages(parcels, func(m string) {
		stream, _, _ := strings.Cut(m, "/")
		if s.times[m]++; s.times[m] == 1 {
			s.n++
			if m <= s.latest[stream] {
				s.upset = append(s.upset, m)
			}
			s.latest[stream] = m
		}
	})
	s.signal()
	return nil
}

// count is visit for events that are too large to be kept.
func (s *sink) count(parcels []event.Parcel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n += events(parcels)
	s.signal()
}

func (s *sink) signal() {
	select {
	case s.grown <- struct{}{}:
	default:
	}
}

// await returns once n different events were visited.
func (s *sink) await(n int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		s.mu.Lock()
		got := s.n
		s.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-s.grown:
		case <-ctx.Done():
			s.t.Fatalf("%d of %d events within %v", got, n, patience)
		}
	}
}

// once wants each event of the parcels visited one time and nothing else, each
// log stream in its order.
func (s *sink) once(parcels []event.Parcel) {
	s.t.Helper()
	s.atLeastOnce(parcels)
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, times := range s.times {
		if times != 1 {
			s.t.Errorf("%.40s was visited %d times", m, times)
		}
	}
	if s.n != events(parcels) {
		s.t.Errorf("%d different events were visited, want %d", s.n, events(parcels))
	}
}

// atLeastOnce allows for events that came again, behind their first time.
func (s *sink) atLeastOnce(parcels []event.Parcel) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	messages(parcels, func(m string) {
		if s.times[m] == 0 {
			s.t.Errorf("%.40s was lost", m)
		}
	})
	for _, m := range s.upset {
		s.t.Errorf("%.40s came after what was stored behind it", m)
	}
}
