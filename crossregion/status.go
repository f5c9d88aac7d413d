package crossregion

import (
	"slices"
	"sync/atomic"
	"time"
)

// counts are a source's counters.
type counts struct{ batches, events, bytes, wire, chunks, breaks, splits atomic.Uint64 }

func (n *counts) chunk(c chunk, events int) {
	n.batches.Add(uint64(c.Batches))
	n.events.Add(uint64(events))
	n.bytes.Add(uint64(c.raw))
	n.wire.Add(uint64(c.wire + chunkHead))
	n.chunks.Add(1)
}

// Status is what a source took since the start, and where it is.
type Status struct {
	Name      string        `json:"source"`
	URL       string        `json:"url"`
	Connected bool          `json:"connected"`
	Problem   string        `json:"problem,omitempty"`
	Batches   uint64        `json:"batches"`
	Events    uint64        `json:"events"`
	Bytes     uint64        `json:"bytes"`     // of records, inflated
	WireBytes uint64        `json:"wireBytes"` // as they came
	Breaks    uint64        `json:"breaks"`    // pulls that failed
	Splits    uint64        `json:"splits"`    // times that a lag became backlog
	Shards    []ShardStatus `json:"shards"`
}

// ShardStatus is the copy of one shard.
type ShardStatus struct {
	OriginID string `json:"originId"`
	Shard    uint32 `json:"shard"`
	// [Start, End) is what was wanted so far; Gaps are what of it is not here.
	Start uint64 `json:"start"`
	End   uint64 `json:"end"`
	Gaps  []Gap  `json:"gaps,omitempty"`
	// Missing counts positions that the source had lost before they were taken.
	Missing uint64 `json:"missing"`
	// Lag and Backlog are positions not taken yet, of the live lane and of the
	// others.
	Lag     uint64 `json:"lag"`
	Backlog uint64 `json:"backlog"`
	// Delay is how late the last live events were.
	Delay time.Duration `json:"delayNanoseconds"`
	// Oldest is about when the oldest event that is not taken yet was ingested, ms:
	// that of the last one taken before it. 0 if nothing waits or it is not known.
	Oldest  int64  `json:"oldest,omitempty"`
	Stopped bool   `json:"stopped,omitempty"` // the source's log is shorter than what was taken
	Problem string `json:"problem,omitempty"`
}

// Gap is positions [From, To) that are not here yet.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Complete tells whether everything that the source had when it was last heard of
// is here, and nothing was lost there.
func (s ShardStatus) Complete() bool { return len(s.Gaps) == 0 && s.Missing == 0 && !s.Stopped }

// Status returns the counters and the shards at hand.
func (s *Source) Status() Status {
	n := &s.counts
	out := Status{
		Name: s.cfg.Name, URL: s.url, Batches: n.batches.Load(), Events: n.events.Load(), Bytes: n.bytes.Load(),
		WireBytes: n.wire.Load(), Breaks: n.breaks.Load(), Splits: n.splits.Load(),
	}
	s.mu.Lock()
	out.Connected, out.Problem = s.connected, s.failing
	copies := slices.Clone(s.copies)
	s.mu.Unlock()
	for _, c := range copies {
		out.Shards = append(out.Shards, c.status())
	}
	return out
}

func (c *replication) status() ShardStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := ShardStatus{
		OriginID: c.id, Shard: c.r.Shard, Start: c.r.Start, End: max(c.end, c.r.liveLane().From), Missing: c.r.Missing,
		Stopped: c.behind, Delay: c.at[c.r.liveLane().ID].delay,
	}
	for _, live := range []bool{false, true} {
		if out.Problem == "" {
			out.Problem = c.failed[live]
		}
	}
	for _, l := range c.r.Lanes {
		p := c.at[l.ID]
		to := l.To
		if l.live() {
			to = out.End
		}
		if p.next >= to {
			continue
		}
		out.Gaps = append(out.Gaps, Gap{p.next, to})
		if l.live() {
			out.Lag = to - p.next
		} else {
			out.Backlog += to - p.next
		}
		if out.Oldest == 0 {
			out.Oldest = p.ingested
		}
	}
	return out
}
