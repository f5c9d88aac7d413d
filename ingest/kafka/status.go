package kafka

import (
	"sync/atomic"
	"time"
)

// Condition is what a partition is doing.
type Condition int

// The conditions of a partition: alarm on Stopped.
const (
	Reading  Condition = iota // or waiting for records
	Retrying                  // the broker does not answer, or not well
	Waiting                   // the log takes nothing
	Stopped                   // the offset to go on from is not there any more
)

// String is the condition's name.
func (c Condition) String() string {
	return [...]string{"reading", "retrying", "waiting", "stopped"}[c]
}

// PartitionStatus is one partition that is assigned to this process.
type PartitionStatus struct {
	Topic     string
	Partition int
	// Next is the offset of the next record to store, End that after the
	// partition's last; -1 while they are not known.
	Next, End int64
	Condition Condition
}

// Lag is the number of offsets that are not stored yet.
func (p PartitionStatus) Lag() int64 {
	if p.Next < 0 {
		return 0
	}
	return max(0, p.End-p.Next)
}

// Status is what a source counted since it started, and where it is.
type Status struct {
	Stored, Bytes int64 // records in the log, and the size of their values
	Events        int64 // made of those: more when large ones were split
	Empty         int64 // null and empty values
	Quarantined   int64 // records put aside
	AlreadyStored int64 // offsets passed over, as the log had their records
	InvalidUTF8   int64 // records in which bytes were replaced
	Lost          int64 // offsets that retention took, with OnGap "skip"
	FetchErrors   int64
	GroupErrors   int64
	Rebalances    int64 // generations joined
	Stalls        int64 // that the watchdog found
	Restarts      int64 // of the member with all its connections
	BufferBytes   int64 // fetched and not stored yet
	Partitions    []PartitionStatus
}

// Records is the number of records that were read to their end.
func (s Status) Records() int64 { return s.Stored + s.Empty + s.Quarantined }

// counts are the source's counters; partitions count at the same time.
type counts struct {
	bytes, stored, events, empty, quarantined, alreadyStored, invalidUTF8, lost,
	fetchErrors, groupErrors, rebalances, stalls, restarts atomic.Int64
}

// Status returns the counters and the partitions at hand.
func (s *Source) Status() Status {
	c := &s.counts
	out := Status{
		Bytes: c.bytes.Load(), Stored: c.stored.Load(), Events: c.events.Load(), Empty: c.empty.Load(),
		Quarantined: c.quarantined.Load(), AlreadyStored: c.alreadyStored.Load(), InvalidUTF8: c.invalidUTF8.Load(), Lost: c.lost.Load(),
		FetchErrors: c.fetchErrors.Load(), GroupErrors: c.groupErrors.Load(), Rebalances: c.rebalances.Load(),
		Stalls: c.stalls.Load(), Restarts: c.restarts.Load(), BufferBytes: s.budget.inUse(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.partitions {
		out.Partitions = append(out.Partitions, p.status())
	}
	return out
}

func (p *partition) status() PartitionStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PartitionStatus{Topic: p.topic, Partition: p.id, Next: p.next, End: p.end, Condition: p.condition}
}

// saw learns where the partition ends.
func (p *partition) saw(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = end
}

// be changes the condition and tells whether that is news.
func (p *partition) be(c Condition) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.condition != c
	p.condition = c
	return news
}

// advance says that everything below an offset is stored, or will never be.
func (p *partition) advance(next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = max(p.next, next)
	p.moved = p.s.clock.Now()
}

// alive says that there is nothing to read at the moment.
func (p *partition) alive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = p.s.clock.Now()
}

func (p *partition) stalled(now time.Time, after time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return (p.condition == Reading || p.condition == Retrying) && p.end > max(p.next, 0) && now.Sub(p.moved) > after
}

// committable is the offset to commit, -1 for none, and whether it moved since the
// last commit.
func (p *partition) committable() (at int64, moved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next, p.next != p.saved
}

func (p *partition) committed(at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saved = at
}
