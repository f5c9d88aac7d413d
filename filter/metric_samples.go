package filter

import (
	"maps"
	"sort"
	"sync/atomic"
	"unicode/utf8"

	"sluice/filter/pattern"
	"sluice/internal/event"
	"sluice/internal/monitoring/metrics"
)

// sampler turns matched events into samples. It belongs to one worker.
type sampler struct {
	deltas  metrics.Deltas
	guards  map[uint64]*guard // by filter
	limit   int               // of dimension sets, by filter and hour
	guarded *atomic.Uint64    // samples that lost their dimensions to the limit

	source event.Source // of the batch at hand, where a filter asks for it
	runs   []run        // of the batch at hand
	shared extraction
	key    []byte
	text   []byte          // scratch of Extract
	values []pattern.Value // of the event and filter at hand
}

// extraction is what the selectors of all filters on JSON find, by event of the
// batch at hand.
type extraction struct {
	plan   *plan
	at     []int32 // by event, where its values begin; -1: not extracted yet
	values []pattern.Value
	text   []byte
}

// maxShared bounds an extraction: beyond, it begins anew.
const maxShared = 1 << 16

func (x *extraction) begin(p *plan, events int) {
	x.plan, x.at = p, x.at[:0]
	for range events {
		x.at = append(x.at, -1)
	}
	x.values, x.text = x.values[:0], x.text[:0]
}

// of returns an event's values, one for each selector of the plan.
func (x *extraction) of(b event.Batch, i int) []pattern.Value {
	n := len(x.plan.selectors)
	if x.at[i] < 0 {
		if len(x.values)+n > maxShared {
			x.begin(x.plan, len(x.at))
		}
		x.at[i] = int32(len(x.values))
		x.values, x.text = x.plan.extractor.Extract(x.values, x.text, b.Message(i), x.plan.selectors)
	}
	return x.values[x.at[i]:][:n]
}

// run is neighbouring events of one minute.
type run struct {
	end int   // index behind the last one
	at  int64 // ms, of the first one
}

// guard counts the dimension sets of one filter.
type guard struct {
	hour int64
	seen map[string]struct{}
}

// AWSDimensionSets is how many dimension sets of a metric filter AWS takes in an
// hour.
const AWSDimensionSets = 1000

// begin looks at a batch's times. Most batches lie in one minute.
func (s *sampler) begin(p *plan, b event.Batch) {
	if len(p.selectors) > 0 {
		s.shared.begin(p, b.Len())
	}
	s.runs, s.source = s.runs[:0], event.Source{}
	least, greatest := b.Span()
	if minuteOf(least) == minuteOf(greatest) {
		s.runs = append(s.runs, run{b.Len(), least})
		return
	}
	for i := range b.Len() {
		at := b.Timestamp(i)
		if n := len(s.runs); n > 0 && minuteOf(s.runs[n-1].at) == minuteOf(at) {
			s.runs[n-1].end = i + 1
		} else {
			s.runs = append(s.runs, run{i + 1, at})
		}
	}
}

func minuteOf(ms int64) int64 {
	const minute = 60_000
	if ms < 0 {
		return (ms - minute + 1) / minute
	}
	return ms / minute
}

// sample adds what a filter makes of a batch, of which it matches sel.
//
// hot: BenchmarkDispatchMetrics
func (s *sampler) sample(m *metricFilter, b event.Batch, sel []uint32) {
	if len(m.selectors) == 0 {
		s.count(m, b, sel)
	} else {
		for _, i := range sel {
			s.extract(m, b, int(i))
		}
	}
	if m.otherwise != nil {
		s.defaults(m, sel)
	}
}

// count adds samples that are alike but for their minute.
func (s *sampler) count(m *metricFilter, b event.Batch, sel []uint32) {
	if len(sel) == 0 {
		return
	}
	key := m.plain
	if m.system { // which nothing but the batch tells
		key = s.keyOf(m, b, nil)
	}
	p := s.deltas.Of(key)
	s.eachRun(sel, func(r run, matched, _ int) {
		if matched > 0 {
			p.Add(r.at, m.value.Number, float64(matched), false)
		}
	})
}

// defaults adds the default value for each event that does not match.
func (s *sampler) defaults(m *metricFilter, sel []uint32) {
	p := s.deltas.Of(m.plain)
	s.eachRun(sel, func(r run, matched, events int) {
		if events > matched {
			p.Add(r.at, *m.otherwise, float64(events-matched), false)
		}
	})
}

// eachRun visits the runs with how many of their events are selected.
func (s *sampler) eachRun(sel []uint32, visit func(r run, selected, events int)) {
	begin := 0
	for _, r := range s.runs {
		n := len(sel)
		if n > 0 && int(sel[n-1]) >= r.end {
			n = sort.Search(n, func(i int) bool { return int(sel[i]) >= r.end })
		}
		visit(r, n, r.end-begin)
		sel, begin = sel[n:], r.end
	}
}

// extract adds the sample of one event that matches.
func (s *sampler) extract(m *metricFilter, b event.Batch, i int) {
	s.values = s.values[:0]
	if m.columns == nil {
		s.values, s.text = m.pattern.Extract(s.values, s.text[:0], b.Message(i), m.selectors)
	} else {
		all := s.shared.of(b, i)
		for _, column := range m.columns {
			s.values = append(s.values, all[column])
		}
	}
	value, ok := m.value.Number, true
	if m.value.Selector != nil {
		switch v := s.values[0]; v.Kind {
		case pattern.ValueMissing, pattern.ValueNull:
			if m.otherwise != nil {
				s.deltas.Of(m.plain).Add(b.Timestamp(i), *m.otherwise, 1, false)
			}
			return
		default:
			value, ok = v.Float()
		}
	}
	if ok {
		s.deltas.Of(s.keyOf(m, b, s.values)).Add(b.Timestamp(i), value, 1, false)
	}
}

// keyOf is the series of a sample: without dimensions when one of them is
// missing, or the filter has made too many of them.
func (s *sampler) keyOf(m *metricFilter, b event.Batch, values []pattern.Value) []byte {
	if len(m.dimensions) == 0 {
		return m.plain
	}
	s.key = append(s.key[:0], m.head...)
	for _, d := range m.dimensions {
		s.key = metrics.AppendKeyText(s.key, d.name)
		if d.selector < 0 {
			s.key = metrics.AppendKeyText(s.key, systemField(s.source, d.field))
			continue
		}
		switch v := values[d.selector]; {
		case v.Kind == pattern.ValueMissing || v.Kind == pattern.ValueNull || len(v.Text) == 0:
			return m.plain
		case len(v.Text) > maxDimensionValue:
			s.key = metrics.AppendKeyText(s.key, cut(v.Text))
		default:
			s.key = metrics.AppendKeyText(s.key, v.Text)
		}
	}
	s.key = append(s.key, m.unit...)
	if !s.deltas.Known(s.key) && !s.admit(m.filter, minuteOf(b.Ingested())/60) {
		s.guarded.Add(1)
		return m.plain
	}
	return s.key
}

// maxDimensionValue is how long a dimension's value may be, in bytes; the rest is
// cut off.
const maxDimensionValue = 255

// cut shortens a value to whole characters: half of one would be in no text that
// an answer can have.
func cut(value []byte) []byte {
	n := maxDimensionValue
	for n > maxDimensionValue-utf8.UTFMax && !utf8.RuneStart(value[n]) {
		n--
	}
	return value[:n]
}

// admit tells whether a filter may have the series s.key.
func (s *sampler) admit(filter uint64, hour int64) bool {
	if s.limit == 0 {
		return true
	}
	g := s.guards[filter]
	if g == nil {
		g = &guard{}
		if s.guards == nil {
			s.guards = map[uint64]*guard{}
		}
		s.guards[filter] = g
	}
	if g.seen == nil || hour > g.hour {
		g.hour, g.seen = hour, map[string]struct{}{}
		// Filters that were deleted, or changed into others, have no more samples.
		maps.DeleteFunc(s.guards, func(_ uint64, o *guard) bool { return o.hour < hour })
	}
	if _, ok := g.seen[string(s.key)]; ok {
		return true
	}
	if len(g.seen) >= s.limit {
		return false
	}
	g.seen[string(s.key)] = struct{}{}
	return true
}
