package kinesis

import (
	"fmt"
	"sync"

	"sluice/internal/catalog"
	"sluice/internal/origins"
)

// Lanes gives each shard of each source its lane, for good. All sources of a
// process share one.
type Lanes struct {
	table *catalog.Table[Lane]

	mu   sync.Mutex // held while a lane is made
	next uint32
}

// firstLane keeps these lanes apart from those of copies of other sluices, which
// count from 1.
const firstLane = origins.Lane | 1<<30

// NewLanes goes on behind the lanes of a table.
func NewLanes(table *catalog.Table[Lane]) *Lanes {
	l := &Lanes{table: table, next: firstLane}
	table.All(func(_ catalog.Scope, _ string, lane Lane) { l.next = max(l.next, lane.Lane+1) })
	return l
}

// of finds the lane of a shard, or makes it.
func (l *Lanes) of(scope catalog.Scope, source, shard string, homes int) (Lane, error) {
	name := source + "/" + shard
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane, ok := l.table.Get(scope, name); ok {
		return lane, nil
	}
	lane := Lane{Home: (l.next - firstLane) % uint32(homes), Lane: l.next}
	if err := l.table.Create(scope, name, lane); err != nil {
		return Lane{}, fmt.Errorf("make the lane of shard %s: %w", shard, err)
	}
	l.next++
	return lane, nil
}
