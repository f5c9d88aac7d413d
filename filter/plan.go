package filter

import (
	"fmt"
	"log/slog"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// plan is everything that has to be done to a batch of one log group: all its
// filters, compiled into one set.
type plan struct {
	filters []catalog.SubscriptionFilter
	names   [][]byte // of the filters, as match entries want them
	set     *pattern.Set
	matches pattern.Matches // reused from batch to batch
}

// inForce tells whether a version of a filter applies to a position. A shard that
// From does not know was added while the version was in force; one that To does
// not know, after it had ended.
func inForce(f catalog.SubscriptionFilter, at event.Position) bool {
	if int(at.Shard) < len(f.From) && at.Number < f.From[at.Shard] {
		return false
	}
	return f.To == nil || int(at.Shard) < len(f.To) && at.Number < f.To[at.Shard]
}

// plans are the compiled filters of every log group, made anew when a definition
// changes.
type plans struct {
	definitions Definitions
	log         *slog.Logger
	generation  uint64
	byGroup     map[uint64]*plan
}

// of returns a log group's plan, nil when it has no filter.
func (p *plans) of(group uint64) *plan {
	if g := p.definitions.Generation(); p.byGroup == nil || g != p.generation {
		p.compile(g)
	}
	return p.byGroup[group]
}

func (p *plans) compile(generation uint64) {
	p.generation, p.byGroup = generation, map[uint64]*plan{}
	patterns := map[uint64][]*pattern.Pattern{}
	for _, f := range p.definitions.FilterVersions() {
		compiled, err := pattern.Compile(f.Pattern)
		if err != nil {
			// Put refuses such a pattern, so the definition was damaged.
			p.log.Error("filter left out", "filter", f.Name, "error", fmt.Errorf("compile pattern: %w", err))
			continue
		}
		pl := p.byGroup[f.GroupUID]
		if pl == nil {
			pl = &plan{}
			p.byGroup[f.GroupUID] = pl
		}
		pl.filters = append(pl.filters, f)
		pl.names = append(pl.names, []byte(f.Name))
		patterns[f.GroupUID] = append(patterns[f.GroupUID], compiled)
	}
	for group, pl := range p.byGroup {
		pl.set = pattern.NewSet(patterns[group]...)
	}
}
