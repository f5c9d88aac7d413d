package exporttask

import (
	"sync/atomic"

	"sluice/internal/catalog"
)

// Stats are what the room has done since the process began, and what is listed.
type Stats struct {
	Objects, Events int64
	Bytes           int64          // before the codec
	ObjectBytes     int64          // after it
	Tasks           map[string]int // by state; every state is there
}

// tally counts objects that were put.
type tally struct{ objects, events, bytes, size atomic.Int64 }

func (t *tally) add(o object) {
	t.objects.Add(1)
	t.events.Add(o.Records)
	t.bytes.Add(o.Bytes)
	t.size.Add(o.Size)
}

// Stats counts. It looks at every task and is meant for scrapes.
func (r *Room) Stats() Stats {
	s := Stats{
		Objects: r.tally.objects.Load(), Events: r.tally.events.Load(),
		Bytes: r.tally.bytes.Load(), ObjectBytes: r.tally.size.Load(),
		Tasks: make(map[string]int, len(states)),
	}
	for _, state := range states {
		s.Tasks[state] = 0
	}
	r.cfg.Tasks.All(func(_ catalog.Scope, _ string, t Task) { s.Tasks[t.Code]++ })
	return s
}
