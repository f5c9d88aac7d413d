package filter

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/monitoring/metrics"
)

// MetricDefinitions are the metric filters; *catalog.MetricFilterTable has them.
type MetricDefinitions interface {
	// All lists every filter with all versions that may still apply to a batch.
	All() []catalog.MetricFilter
	// Generation changes with every change of a filter.
	Generation() uint64
}

// metricFilter is one version of a metric filter, compiled. Its dimensions stand
// in the order of their names, as a series' key wants them.
type metricFilter struct {
	filter    uint64
	from, to  []uint64
	pattern   *pattern.Pattern
	place     int        // of the pattern in the group's set
	source    *Selection // where its events come from; nil: anywhere
	value     pattern.MetricValue
	otherwise *float64 // the default value

	selectors  []*pattern.Selector // of the value, if it has one, then of the dimensions
	columns    []int               // of the selectors in the plan's extraction; nil: it extracts by itself
	dimensions []metricDimension
	system     bool   // has a dimension that each batch gives its value
	head       []byte // of the keys with dimensions
	unit       []byte // their end
	plain      []byte // the key of the series without dimensions
}

// metricDimension is one dimension of a metric filter.
type metricDimension struct {
	name     []byte
	selector int    // index of what its value is extracted by, -1 for a field of the batch
	field    string // where selector is -1
}

// compileMetricFilter refuses what cannot be meant, with AWS's texts.
func compileMetricFilter(s catalog.Scope, f catalog.MetricFilter, v catalog.MetricFilterVersion) (*metricFilter, error) {
	p, err := pattern.Compile(v.Pattern)
	if err != nil {
		return nil, err
	}
	t := v.Transformation
	m := &metricFilter{filter: f.Filter, from: v.From, to: v.To, pattern: p, otherwise: t.DefaultValue}
	if m.value, err = p.CompileMetricValue(t.Value); err != nil {
		return nil, err
	}
	if m.source, err = ParseSelection(v.FieldSelectionCriteria); err != nil {
		return nil, err
	}
	if m.value.Selector != nil {
		m.selectors = append(m.selectors, m.value.Selector)
	}
	if err := m.compileDimensions(t, v.EmitSystemFieldDimensions); err != nil {
		return nil, err
	}
	series := metrics.Metric{Namespace: t.Namespace, Name: t.Name, Unit: cmp.Or(t.Unit, metrics.NoUnit)}
	m.plain = metrics.AppendKey(nil, s, series)
	m.head = metrics.AppendKeyHead(nil, s, t.Namespace, t.Name, len(m.dimensions))
	m.unit = metrics.AppendKeyText(nil, []byte(series.Unit))
	return m, nil
}

func (m *metricFilter) compileDimensions(t catalog.MetricTransformation, system []string) error {
	names := slices.Sorted(maps.Keys(t.Dimensions))
	var values []string
	for _, name := range names {
		values = append(values, t.Dimensions[name])
	}
	selectors, err := m.pattern.CompileDimensions(values, len(system), t.DefaultValue != nil)
	if err != nil {
		return err
	}
	for i, sel := range selectors {
		m.dimensions = append(m.dimensions, metricDimension{name: []byte(names[i]), selector: len(m.selectors)})
		m.selectors = append(m.selectors, sel)
	}
	for _, name := range system {
		if name != fieldAccount && name != fieldRegion {
			return fmt.Errorf("no system field dimension is called %q", name)
		}
		m.system = true
		m.dimensions = append(m.dimensions, metricDimension{name: []byte(name), selector: -1, field: name})
	}
	slices.SortFunc(m.dimensions, func(a, b metricDimension) int { return strings.Compare(string(a.name), string(b.name)) })
	return nil
}

// inForce is that of subscription filters.
func (m *metricFilter) inForce(at event.Position) bool {
	from, to := forceOf(at.Shard, m.from, m.to)
	return from <= at.Number && at.Number < to
}

func (p *plans) metricsChanged() bool {
	return p.metrics != nil && p.metrics.Generation() != p.metricGeneration
}

// readMetrics takes the definitions in. The generation is read first: what
// changes meanwhile is read again.
func (p *plans) readMetrics() {
	if p.metrics == nil {
		return
	}
	p.metricGeneration, p.metricFilters = p.metrics.Generation(), map[uint64][]catalog.MetricFilter{}
	for _, f := range p.metrics.All() {
		p.metricFilters[f.GroupUID] = append(p.metricFilters[f.GroupUID], f)
	}
}

// compileMetrics adds a log group's metric filters to its plan, and returns the
// patterns of all filters with theirs.
func (p *plans) compileMetrics(group uint64, pl *plan, patterns []*pattern.Pattern) []*pattern.Pattern {
	for _, f := range p.metricFilters[group] {
		for _, v := range f.Versions {
			m, err := compileMetricFilter(f.Scope, f, v)
			if err != nil { // Put refuses such a filter, so the definition was damaged
				p.log.Error("metric filter left out", "filter", f.Name, "error", err)
				continue
			}
			m.place = len(patterns)
			patterns = append(patterns, m.pattern)
			pl.metrics = append(pl.metrics, m)
			pl.share(m)
		}
	}
	return patterns
}

// share has a filter on JSON take its values from one extraction for all filters:
// an event that many of them match is read once.
func (p *plan) share(m *metricFilter) {
	if m.pattern.Form() != pattern.JSON {
		return // what a token is called depends on the pattern
	}
	for _, sel := range m.selectors {
		i := slices.IndexFunc(p.selectors, func(known *pattern.Selector) bool { return known.String() == sel.String() })
		if i < 0 {
			i, p.extractor = len(p.selectors), m.pattern
			p.selectors = append(p.selectors, sel)
		}
		m.columns = append(m.columns, i)
	}
}
