package agent

import (
	"sync"
	"sync/atomic"

	"sluice/cmd/sluice/internal/ship"
)

// Status is a look at an agent. At rest, sent = acknowledged + rejected +
// invalid, and waiting is 0 or what ends no record yet.
type Status struct {
	Files        int64         `json:"files"`        // followed
	Read         int64         `json:"read"`         // bytes
	Sent         int64         `json:"sent"`         // events, each once whatever the attempts
	Acknowledged int64         `json:"acknowledged"` // events stored
	Bytes        int64         `json:"bytes"`        // of the acknowledged messages
	Requests     int64         `json:"requests"`     // acknowledged
	Retries      int64         `json:"retries"`
	Rejected     ship.Rejected `json:"rejected"` // by their timestamps
	Invalid      int64         `json:"invalid"`  // refused for another reason, in quarantine
	Waiting      int64         `json:"waiting"`  // bytes of files that nobody acknowledged
	Lost         int64         `json:"lost"`     // bytes truncated or deleted before they were read
	Doubtful     int64         `json:"doubtful"` // batches that may be stored twice after a crash
	Lines        Lines         `json:"lines"`
}

// counters may be read while Run is under way.
type counters struct {
	files, read, sent, retries, waiting, lost, doubtful atomic.Int64

	lines Lines // Run's own

	mu     sync.Mutex
	shown  Lines // guarded by mu, as all below
	events int64
	bytes  int64
	puts   int64
	reject ship.Rejected
	bad    int64
}

func (c *counters) acknowledge(events, bytes int64, rejected ship.Rejected, invalid int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events += events - rejected.Total() - invalid
	c.bytes += bytes
	c.puts++
	c.bad += invalid
	c.reject.TooOld += rejected.TooOld
	c.reject.Expired += rejected.Expired
	c.reject.TooNew += rejected.TooNew
}

// measure refreshes what is counted by looking at all files.
func (a *Agent) measure() {
	var waiting, files int64
	for _, f := range a.order {
		if !f.rests {
			files++
			waiting += f.unread()
		}
	}
	a.counts.waiting.Store(waiting)
	a.counts.files.Store(files)
	a.counts.mu.Lock()
	a.counts.shown = a.counts.lines
	a.counts.mu.Unlock()
}

// Status may be called while Run is under way.
func (a *Agent) Status() Status {
	c := &a.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{
		Files: c.files.Load(), Read: c.read.Load(), Sent: c.sent.Load(), Acknowledged: c.events,
		Bytes: c.bytes, Requests: c.puts, Retries: c.retries.Load(), Rejected: c.reject, Invalid: c.bad,
		Waiting: c.waiting.Load(), Lost: c.lost.Load(), Doubtful: c.doubtful.Load(), Lines: c.shown,
	}
}
