package filter

import (
	"fmt"
	"log/slog"
	"math"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// plan is everything that has to be done to a batch of one log group: all its
// filters, compiled into one set.
type plan struct {
	filters []catalog.SubscriptionFilter
	names   [][]byte     // of the filters, as match entries want them
	sources []*Selection // where the filters' events come from; nil: anywhere
	set     *pattern.Set
	traits  []event.Traits  // of the filters, as match entries want them
	matches pattern.Matches // reused from batch to batch
	metrics []*metricFilter // their patterns stand in the set behind the filters'

	from, to uint64  // positions [from, to) of the shard: there all of them are in force
	readers  readers // all of them

	selectors []*pattern.Selector // of all metric filters on JSON, each once
	extractor *pattern.Pattern    // any of theirs
}

// forceOf is the positions [from, to) of a shard that a version of a filter applies
// to. A shard that its from does not know was added while the version was in force;
// one that its to does not know, after it had ended.
func forceOf(shard uint32, versionFrom, versionTo []uint64) (from, to uint64) {
	to = math.MaxUint64
	if int(shard) < len(versionFrom) {
		from = versionFrom[shard]
	}
	switch {
	case versionTo == nil:
	case int(shard) < len(versionTo):
		to = versionTo[shard]
	default:
		to = 0
	}
	return from, to
}

// inForce tells whether a version of a filter applies to a position.
func inForce(f *catalog.SubscriptionFilter, at event.Position) bool {
	from, to := forceOf(at.Shard, f.From, f.To)
	return from <= at.Number && at.Number < to
}

// fixForce finds where everything in the plan is in force, and who reads there.
func (p *plan) fixForce(shard uint32) {
	p.to = math.MaxUint64
	join := func(filter uint64, versionFrom, versionTo []uint64) {
		from, to := forceOf(shard, versionFrom, versionTo)
		p.from, p.to = max(p.from, from), min(p.to, to)
		p.readers.filters = append(p.readers.filters, filter)
	}
	for i := range p.filters {
		join(p.filters[i].Filter, p.filters[i].From, p.filters[i].To)
	}
	for _, m := range p.metrics {
		join(m.filter, m.from, m.to)
	}
}

// MaxHops is how many sluices events may travel through: what came further goes
// round in a circle, and no filter sends it on.
const MaxHops = 8

// wants tells whether a filter takes events from a batch's source.
func (p *plan) wants(filter int, b event.Batch) bool {
	return b.Fields().Hops < MaxHops && (p.sources[filter] == nil || p.sources[filter].Selects(b.Source()))
}

// plans are the compiled filters of every log group, made anew when a definition
// changes.
type plans struct {
	shard       uint32
	definitions Definitions
	log         *slog.Logger
	generation  uint64
	byGroup     map[uint64]*plan // of the groups that were asked for
	versions    map[uint64][]catalog.SubscriptionFilter

	metrics          MetricDefinitions // may be nil
	metricGeneration uint64
	metricFilters    map[uint64][]catalog.MetricFilter // by log group
}

// of returns a log group's plan, nil when it has no filter.
func (p *plans) of(group uint64) *plan {
	if g := p.definitions.Generation(); p.byGroup == nil || g != p.generation || p.metricsChanged() {
		p.read(g)
	}
	pl, known := p.byGroup[group]
	if !known {
		pl = p.compile(group)
		p.byGroup[group] = pl
	}
	return pl
}

// read takes the definitions in. A group's are compiled when a batch of it comes.
func (p *plans) read(generation uint64) {
	p.generation, p.byGroup, p.versions = generation, map[uint64]*plan{}, map[uint64][]catalog.SubscriptionFilter{}
	for _, f := range p.definitions.FilterVersions() {
		p.versions[f.GroupUID] = append(p.versions[f.GroupUID], f)
	}
	p.readMetrics()
}

// compile makes a group's plan of its own filters and the account's.
func (p *plans) compile(group uint64) *plan {
	versions := p.versions[group]
	if d, ok := p.definitions.(AccountDefinitions); ok {
		versions = append(versions[:len(versions):len(versions)], d.PolicyVersions(group)...)
	}
	pl := &plan{}
	var patterns []*pattern.Pattern
	for _, f := range versions {
		compiled, err := pl.add(f)
		if err != nil {
			// Put refuses such a pattern or selection, so the definition was damaged.
			p.log.Error("filter left out", "filter", f.Name, "error", err)
			continue
		}
		patterns = append(patterns, compiled)
	}
	patterns = p.compileMetrics(group, pl, patterns)
	if len(patterns) == 0 {
		return nil
	}
	pl.set = pattern.NewSet(patterns...)
	pl.fixForce(p.shard)
	return pl
}

// add takes a subscription filter into the plan and returns its pattern.
func (pl *plan) add(f catalog.SubscriptionFilter) (*pattern.Pattern, error) {
	compiled, err := pattern.Compile(f.Pattern)
	if err != nil {
		return nil, fmt.Errorf("compile pattern: %w", err)
	}
	from, err := ParseSelection(f.FieldSelectionCriteria)
	if err != nil {
		return nil, err
	}
	pl.filters = append(pl.filters, f)
	pl.names = append(pl.names, []byte(f.Name))
	pl.sources = append(pl.sources, from)
	pl.traits = append(pl.traits, traits(f))
	return compiled, nil
}

// traits are what a filter asks for besides the events.
func traits(f catalog.SubscriptionFilter) (t event.Traits) {
	if f.Distribution == distributionRandom {
		t |= event.TraitRandom
	}
	if f.AccountLevel {
		t |= event.TraitAccountLevel
	}
	for _, field := range f.EmitSystemFields {
		switch field {
		case fieldAccount:
			t |= event.TraitAccount
		case fieldRegion:
			t |= event.TraitRegion
		case fieldLog:
			t |= event.TraitSourceLog
		}
	}
	return t
}
