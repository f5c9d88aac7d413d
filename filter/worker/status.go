package worker

import (
	"context"
	"sync"
	"sync/atomic"

	"sluice/internal/event"
)

// Status is what a worker did since it was made: what a crash left undone and was
// done again by another process is counted by both.
type Status struct {
	// Events were in log groups with filters, Unfiltered in others, and Foreign
	// counts records that are no batches, which no filter can read.
	Events, Unfiltered, Foreign int64
	Filters                     []FilterStatus
	Destinations                []DestinationStatus
}

// FilterStatus is what one filter did: Read = Matched + unmatched.
type FilterStatus struct {
	Account, Region, LogGroup, Name string
	Read, Matched, Bytes            int64
}

// DestinationStatus is what one destination took.
type DestinationStatus struct {
	ARN           string
	Events, Bytes int64 // that it has
	Failures      int64 // calls that failed: the same comes again
	Failing       bool  // the last one did
	LastError     string
	// Oldest is the arrival of the oldest event that was read for it and that it has
	// not taken, ms; 0 without one.
	Oldest int64
}

// Status counts.
func (w *Worker) Status() Status {
	s := Status{Events: w.events.Load(), Unfiltered: w.unfiltered.Load(), Foreign: w.foreign.Load()}
	for _, f := range w.filters {
		s.Filters = append(s.Filters, FilterStatus{
			Account: f.Scope.Account, Region: f.Scope.Region, LogGroup: f.LogGroup, Name: f.Name,
			Read: f.read.Load(), Matched: f.matched.Load(), Bytes: f.bytes.Load(),
		})
	}
	for _, d := range w.destinations {
		s.Destinations = append(s.Destinations, d.status())
	}
	return s
}

// counted is a filter with its counters.
type counted struct {
	Filter
	to   int // its destination's place
	rank uint16

	read, matched, bytes atomic.Int64
}

// count adds a round that the destinations have taken.
func (r *round) count(w *Worker) {
	for _, t := range r.tallies {
		t.filter.read.Add(t.read)
		t.filter.matched.Add(t.matched)
		t.filter.bytes.Add(t.bytes)
	}
	w.events.Add(r.events)
	w.unfiltered.Add(r.unfiltered)
	w.foreign.Add(r.foreign)
}

// lane is one partition on its way to a destination.
type lane struct {
	stream    uint64
	partition uint32
}

// destination is a Producer with its counters.
type destination struct {
	arn      string
	producer Producer

	events, bytes, failures atomic.Int64

	mu      sync.Mutex     // guards the fields below
	waiting map[lane]int64 // arrival of the oldest event that was read and not taken
	last    string         // why the last call failed; "" when it did not
}

// produce calls the Producer and notes what became of it.
func (d *destination) produce(ctx context.Context, s *Source, partition uint32, parcels []event.Parcel) error {
	from := lane{s.stream, partition}
	d.mu.Lock()
	d.waiting[from] = parcels[0].Arrived
	d.mu.Unlock()
	err := d.producer.Produce(ctx, s.stream, parcels...)
	d.note(from, err, ctx.Err() != nil)
	if err != nil {
		d.failures.Add(1)
		return err
	}
	for _, p := range parcels {
		d.events.Add(int64(p.Count()))
		d.bytes.Add(int64(p.Bytes()))
	}
	return nil
}

// note ends a call. What failed goes on waiting, unless the partition was taken from
// this process: then it waits at another one.
func (d *destination) note(from lane, err error, taken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last = ""; err != nil {
		d.last = err.Error()
	}
	if err == nil || taken {
		delete(d.waiting, from)
	}
}

func (d *destination) status() DestinationStatus {
	s := DestinationStatus{ARN: d.arn, Events: d.events.Load(), Bytes: d.bytes.Load(), Failures: d.failures.Load()}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.LastError, s.Failing = d.last, d.last != ""
	for _, arrived := range d.waiting {
		if s.Oldest == 0 || arrived < s.Oldest {
			s.Oldest = arrived
		}
	}
	return s
}
