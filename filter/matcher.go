package filter

import (
	"fmt"

	"sluice/filter/pattern"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// Matcher is the subscription filters of one log group, for batches that do not
// come from the log of this process: it does what the Dispatcher does between
// reading and writing, and remembers nothing. A Matcher never changes and may be
// used by many goroutines, each with a Matching of its own.
type Matcher struct{ plan plan }

// Matching is the memory that matching a batch needs; used again, matching
// allocates nothing. The zero value is ready.
type Matching struct {
	matches pattern.Matches
	ends    []uint32
}

// NewMatcher compiles filters. All of them are in force, whatever positions of a log
// their versions name.
func NewMatcher(filters ...catalog.SubscriptionFilter) (*Matcher, error) {
	m := &Matcher{}
	var patterns []*pattern.Pattern
	for _, f := range filters {
		compiled, err := m.plan.add(f)
		if err != nil {
			return nil, fmt.Errorf("subscription filter %s: %w", f.Name, err)
		}
		patterns = append(patterns, compiled)
	}
	m.plan.set = pattern.NewSet(patterns...)
	return m, nil
}

// Match reads a batch once for all filters; Selected tells what each one made of it.
//
// hot: BenchmarkVisit in worker
func (m *Matcher) Match(s *Matching, b event.Batch) {
	s.ends = b.AppendEnds(s.ends[:0])
	m.plan.set.Match(pattern.Batch{Text: b.Text(), Ends: s.ends}, &s.matches)
}

// Selected is what a filter, by its place among those that NewMatcher was given,
// selected of the batch that was matched last. It lives until the next Match.
func (m *Matcher) Selected(s *Matching, b event.Batch, filter int) event.Selection {
	sel := event.Selection(s.matches.Of(filter))
	if len(sel) == 0 || !m.plan.wants(filter, b) {
		return nil
	}
	return sel
}

// Traits are what a filter asks for besides the events.
func (m *Matcher) Traits(filter int) event.Traits { return m.plan.traits[filter] }
