package crossregion

import (
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"sluice/internal/catalog"
	"sluice/internal/origins"
)

// Replica is the durable state of the copy of one shard of one origin: a
// definition in the catalog. How far each lane is lies in the log.
type Replica struct {
	Source   string `json:"source"`
	OriginID string `json:"originId"`
	Shard    uint32 `json:"shard"`
	// Home is the shard of the log here that all of it goes to, so that order is
	// kept and the lanes' marks tell all.
	Home uint32 `json:"home"`
	// Start is the first position that was ever wanted.
	Start uint64 `json:"start"`
	// Lanes are what is under way, oldest first. The last has no end: it is the
	// live one.
	Lanes []Lane `json:"lanes"`
	// Free are the numbers of lanes that have ended. A number can be used again,
	// for later lanes begin where all earlier ones had ended, or behind it.
	Free []uint32 `json:"free,omitempty"`
	// Missing counts positions that the origin lost before they were taken.
	Missing uint64 `json:"missing,omitempty"`
	// Began is when the copy began, ms.
	Began int64 `json:"began"`
}

// Lane is a run of positions that is taken over in order.
type Lane struct {
	ID   uint32 `json:"id"` // with the bit origins.Lane
	From uint64 `json:"from"`
	To   uint64 `json:"to,omitempty"` // 0: no end
	// Passed is a position below which nothing is wanted that the lane's mark does
	// not cover: it spares reading long runs of unwanted batches again.
	Passed uint64 `json:"passed,omitempty"`
}

func (l Lane) live() bool { return l.To == 0 }

// maxLanes bounds how many gaps stay open at once. With more, the live lane
// catches up in order instead of leaving another one behind.
const maxLanes = 16

func (r Replica) clone() Replica {
	r.Lanes, r.Free = slices.Clone(r.Lanes), slices.Clone(r.Free)
	return r
}

func (r Replica) liveLane() Lane { return r.Lanes[len(r.Lanes)-1] }

// backlog is the oldest lane that has an end.
func (r Replica) backlog() (Lane, bool) {
	if len(r.Lanes) < 2 {
		return Lane{}, false
	}
	return r.Lanes[0], true
}

// take is a free lane number, or a new one.
func (r *Replica) take(fresh func() uint32) uint32 {
	if n := len(r.Free); n > 0 {
		id := r.Free[n-1]
		r.Free = r.Free[:n-1]
		return id
	}
	return fresh()
}

// begin opens the first lanes: what the origin has already, if it is wanted, and
// what comes from its end on; in order, both are one lane.
func (r *Replica) begin(end uint64, backfill, inOrder bool, fresh func() uint32) {
	r.Start = end
	if backfill {
		r.Start = 1
	}
	from := end
	switch {
	case inOrder:
		from = r.Start
	case r.Start < end:
		r.Lanes = append(r.Lanes, Lane{ID: r.take(fresh), From: r.Start, To: end})
	}
	r.Lanes = append(r.Lanes, Lane{ID: r.take(fresh), From: from})
}

// split ends the live lane at a position and begins another one there. at must
// not lie before what the live lane has taken.
func (r *Replica) split(at uint64, fresh func() uint32) bool {
	live := &r.Lanes[len(r.Lanes)-1]
	if len(r.Lanes) >= maxLanes || at <= live.From {
		return false
	}
	live.To = at
	r.Lanes = append(r.Lanes, Lane{ID: r.take(fresh), From: at})
	return true
}

// finish takes an ended lane off.
func (r *Replica) finish(id uint32) {
	i := slices.IndexFunc(r.Lanes, func(l Lane) bool { return l.ID == id && !l.live() })
	if i < 0 {
		return
	}
	r.Lanes = slices.Delete(r.Lanes, i, i+1)
	r.Free = append(r.Free, id)
}

// pass notes how far a lane got without taking anything.
func (r *Replica) pass(id uint32, next uint64) {
	for i := range r.Lanes {
		if l := &r.Lanes[i]; l.ID == id {
			l.Passed = max(l.Passed, next)
		}
	}
}

// check proves what the rest relies on: lanes follow each other, and only the
// last has no end.
func (r Replica) check() error {
	if len(r.Lanes) == 0 {
		return fmt.Errorf("replica %s of %s shard %d: no lanes", r.Source, r.OriginID, r.Shard)
	}
	seen := map[uint32]bool{}
	for _, id := range r.Free {
		seen[id] = true
	}
	at := r.Start
	for i, l := range r.Lanes {
		last := i == len(r.Lanes)-1
		if seen[l.ID] || l.ID&origins.Lane == 0 || l.From < at || l.live() != last || !last && l.To <= l.From {
			return fmt.Errorf("replica %s of %s shard %d: lane %d is [%d,%d) behind %d", r.Source, r.OriginID, r.Shard, l.ID, l.From, l.To, at)
		}
		seen[l.ID] = true
		at = max(l.To, l.From)
	}
	return nil
}

// homeOf spreads replicas over the shards of the log.
func homeOf(name string, shards int) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32() % uint32(shards)
}

// Numbers gives out lane numbers that no other lane has or had.
type Numbers struct {
	mu   sync.Mutex // guards last
	last uint32
}

// NewNumbers goes on behind the lanes of a table.
func NewNumbers(t *catalog.Table[Replica]) *Numbers {
	n := &Numbers{last: origins.Lane}
	t.All(func(_ catalog.Scope, _ string, r Replica) {
		for _, l := range r.Lanes {
			n.last = max(n.last, l.ID)
		}
		for _, id := range r.Free {
			n.last = max(n.last, id)
		}
	})
	return n
}

func (n *Numbers) next() uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	return n.last
}

// OriginOf returns what finds the origin of a lane; it is empty for a lane that
// nobody knows. A number stays with its origin, so what was found is kept.
func OriginOf(t *catalog.Table[Replica]) func(lane uint32) (originID string) {
	var mu sync.Mutex // guards known
	known := map[uint32]string{}
	return func(lane uint32) string {
		mu.Lock()
		defer mu.Unlock()
		if id, ok := known[lane]; ok {
			return id
		}
		t.All(func(_ catalog.Scope, _ string, r Replica) {
			for _, l := range r.Lanes {
				known[l.ID] = r.OriginID
			}
			for _, id := range r.Free {
				known[id] = r.OriginID
			}
		})
		return known[lane]
	}
}
