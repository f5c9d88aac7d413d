package streamtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/event"
)

// Transport is a stream outside the process: a topic, a data stream. Its records
// are batches, so that what was consumed can be compared with what was produced.
type Transport interface {
	// Produce stores the parcels of an origin, in order; nil means that all are
	// durable. It tries again what can pass until ctx ends, and the same parcels
	// may be given again after an error.
	Produce(ctx context.Context, origin uint64, parcels ...event.Parcel) error
	// Consume joins the one group of consumers as a new member, visits, and
	// commits what the visitor returned nil for. It returns when ctx ended, having
	// left the group.
	Consume(ctx context.Context, visit func(ctx context.Context, parcels []event.Parcel) error) error
	// Poison stores a record that a producer could have written, damaged so that
	// no consumer can decode it.
	Poison(ctx context.Context) error
	// Poisoned is the places of the records that consumers put aside so far.
	Poisoned() []string
	// Outage makes the servers unreachable for every client, until over.
	Outage() (over func())
}

// OpenTransport opens a new, empty transport. What it starts ends by t.Cleanup:
// the suite looks for goroutines that were left behind after that.
type OpenTransport func(t testing.TB) Transport

// TransportBudget is how many bytes a consumer may hold beyond what its visitor
// is looking at, with pages of at most a MiB a partition or shard: open one whose
// pages are that large.
const TransportBudget = 24 << 20

// machine is the clock of what cannot wait for another.
var machine clock.Machine

// RunTransport runs the suite of what everybody relies on who uses a stream
// outside. Deaths of processes, thefts of partitions and damage that only one
// protocol knows are for the stream's own tests.
func RunTransport(t *testing.T, open OpenTransport) {
	for _, c := range []struct {
		name string
		test func(*testing.T, OpenTransport)
	}{
		{"events come back once, whole, and each log stream in its order", testTransportOrder},
		{"what is produced again is visited once", testTransportAgain},
		{"what a member did not commit comes again to the next", testTransportRedelivery},
		{"what a member committed does not come again", testTransportCommit},
		{"a failed visit comes again before what follows it", testTransportFailedVisit},
		{"members share the work and hand it over", testTransportMembers},
		{"a slow visitor does not make memory grow", testTransportBackPressure},
		{"poison is put aside and the rest goes on", testTransportPoison},
		{"an outage passes and nothing is lost", testTransportOutage},
		{"closing in an outage is prompt", testTransportClose},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaks(t)
			c.test(t, open)
		})
	}
}

func testTransportOrder(t *testing.T, open OpenTransport) {
	tr := open(t)
	var all []event.Parcel
	for i := range uint64(40) {
		all = append(all, parcel(t, i+1, fmt.Sprint("s", i%7), 1+int(i%5), 60))
	}
	produce(t, tr, all...)
	s := newSink(t)
	m := join(t, tr, s.visit)
	s.await(events(all))
	m.leave()
	s.once(all)
}

func testTransportAgain(t *testing.T, open OpenTransport) {
	tr := open(t)
	var all []event.Parcel
	for i := range uint64(20) {
		all = append(all, parcel(t, i+1, fmt.Sprint("s", i%5), 2, 20))
	}
	s := newSink(t)
	produce(t, tr, all[:8]...)
	m := join(t, tr, s.visit)
	s.await(events(all[:8]))
	m.leave()
	produce(t, tr, all[:12]...) // a producer that died knows no better
	produce(t, tr, all...)
	m = join(t, tr, s.visit)
	s.await(events(all))
	m.leave()
	s.once(all)
}

func testTransportRedelivery(t *testing.T, open OpenTransport) {
	tr := open(t)
	all := []event.Parcel{parcel(t, 1, "s", 3, 20), parcel(t, 2, "s", 3, 20)}
	produce(t, tr, all...)
	died := make(chan struct{}, 1)
	m := join(t, tr, func(ctx context.Context, _ []event.Parcel) error {
		select { // its work is done, its commit is not
		case died <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return errors.New("the member died")
	})
	receive(t, died, "a visit")
	m.leave()
	s := newSink(t)
	m = join(t, tr, s.visit)
	s.await(events(all))
	m.leave()
	s.once(all)
}

func testTransportCommit(t *testing.T, open OpenTransport) {
	tr := open(t)
	first, second := parcel(t, 1, "s", 5, 20), parcel(t, 2, "s", 5, 20)
	produce(t, tr, first)
	s := newSink(t)
	m := join(t, tr, s.visit)
	s.await(5)
	m.leave()
	s.once([]event.Parcel{first})
	produce(t, tr, second)
	s = newSink(t)
	m = join(t, tr, s.visit)
	s.await(5)
	m.leave()
	s.once([]event.Parcel{second})
}

func testTransportFailedVisit(t *testing.T, open OpenTransport) {
	tr := open(t)
	var all []event.Parcel
	for i := range uint64(10) {
		all = append(all, parcel(t, i+1, "s", 2, 20))
	}
	s := newSink(t)
	failures := 3
	m := join(t, tr, func(ctx context.Context, parcels []event.Parcel) error {
		if failures > 0 {
			failures--
			return errors.New("downstream is down")
		}
		return s.visit(ctx, parcels)
	})
	for _, p := range all {
		produce(t, tr, p)
	}
	s.await(events(all))
	m.leave()
	s.once(all)
	if failures > 0 {
		t.Error("no visit failed")
	}
}

func testTransportMembers(t *testing.T, open OpenTransport) {
	tr := open(t)
	s := newSink(t)
	var all []event.Parcel
	send := func() {
		for range 14 {
			i := uint64(len(all))
			all = append(all, parcel(t, i+1, fmt.Sprint("s", i%7), 2, 20))
			produce(t, tr, all[i])
		}
		s.await(events(all))
	}
	one := join(t, tr, s.visit)
	send()
	two := join(t, tr, s.visit)
	send()
	one.leave()
	send()
	two.leave()
	s.atLeastOnce(all) // a group may pass a partition on while a visit is under way
}

func testTransportBackPressure(t *testing.T, open OpenTransport) {
	const parcels, size = 48, 1 << 20
	tr := open(t)
	n := 0
	for i := range uint64(parcels) {
		// Made one at a time: what is measured below is the server's and the consumer's.
		p := parcel(t, i+1, fmt.Sprint("s", i%5), 16, size/16-100)
		n += p.Count()
		produce(t, tr, p)
	}
	before, most := heap(), uint64(0)
	var mu sync.Mutex // guards most: visits may come at once
	s := newSink(t)
	m := join(t, tr, func(ctx context.Context, parcels []event.Parcel) error {
		own := uint64(0)
		for _, p := range parcels {
			own += uint64(p.Bytes())
		}
		if now := heap(); now > before+own { // collecting twice is what makes the visitor slow
			mu.Lock()
			most = max(most, now-before-own)
			mu.Unlock()
		}
		s.count(parcels)
		return nil
	})
	s.await(n)
	m.leave()
	if most > TransportBudget {
		t.Errorf("a consumer of %d MiB held %d MiB beyond what was visited, want at most %d", parcels*size>>20, most>>20, TransportBudget>>20)
	}
}

// heap is the live bytes of the process.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func testTransportPoison(t *testing.T, open OpenTransport) {
	tr := open(t)
	before, after := parcel(t, 1, "s", 3, 20), parcel(t, 2, "s", 3, 20)
	produce(t, tr, before)
	if err := tr.Poison(t.Context()); err != nil {
		t.Fatal(err)
	}
	produce(t, tr, after)
	s := newSink(t)
	m := join(t, tr, s.visit)
	s.await(6)
	began := machine.Now()
	for more := uint64(3); len(tr.Poisoned()) == 0; more++ { // wherever the poison is
		if machine.Now().Sub(began) > patience {
			t.Fatal("nobody reported the poison")
		}
		produce(t, tr, parcel(t, more, "t", 1, 1))
		s.await(6 + int(more-2))
	}
	m.leave()
	if got := tr.Poisoned(); slices.Contains(got, "") {
		t.Errorf("poison at %q: a place is missing", got)
	}
	s.atLeastOnce([]event.Parcel{before, after})
}

func testTransportOutage(t *testing.T, open OpenTransport) {
	tr := open(t)
	all := []event.Parcel{parcel(t, 1, "s", 3, 20), parcel(t, 2, "t", 3, 20), parcel(t, 3, "s", 3, 20)}
	produce(t, tr, all[0])
	s := newSink(t)
	m := join(t, tr, s.visit)
	s.await(3)
	over := tr.Outage()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := tr.Produce(ctx, origin, all[1:]...); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("produce in an outage: %v, want the context's error", err)
	}
	over()
	produce(t, tr, all[1:]...)
	s.await(events(all))
	m.leave()
	s.once(all)
}

func testTransportClose(t *testing.T, open OpenTransport) {
	const prompt = 5 * time.Second
	tr := open(t)
	first := parcel(t, 1, "s", 3, 20)
	produce(t, tr, first)
	s := newSink(t)
	m := join(t, tr, s.visit)
	s.await(3)
	defer tr.Outage()()
	ctx, cancel := context.WithCancel(t.Context())
	produced := make(chan error, 1)
	go func() { produced <- tr.Produce(ctx, origin, parcel(t, 2, "s", 3, 20)) }()
	began := machine.Now()
	cancel()
	m.leave()
	if err := receive(t, produced, "the end of Produce"); err == nil {
		t.Error("produced in an outage")
	}
	if took := machine.Now().Sub(began); took > prompt {
		t.Errorf("closing took %v in an outage", took)
	}
}
