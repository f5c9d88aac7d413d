package metrics

import (
	"slices"
	"strings"
)

// Total is what came in of one series since the process started.
type Total struct {
	Account, Region string
	Metric
	Sum, Count float64
}

// published is the totals of the first series that came, up to a limit.
type published struct {
	limit   int
	totals  map[string]*total
	skipped uint64 // samples of further series
}

type total struct{ sum, count float64 }

func (p *published) add(key string, b *bucket) {
	if p.limit == 0 {
		return
	}
	t := p.totals[key]
	if t == nil {
		if len(p.totals) >= p.limit {
			p.skipped += uint64(b.count)
			return
		}
		if p.totals == nil {
			p.totals = map[string]*total{}
		}
		t = &total{}
		p.totals[key] = t
	}
	t.sum += b.sum
	t.count += b.count
}

// Publish keeps totals of up to that many series from now on.
func (s *Store) Publish(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published.limit = limit
}

// Totals lists what came in since the process started, by series, and how many
// samples of series beyond the limit are not in it.
func (s *Store) Totals() (totals []Total, skipped uint64) {
	s.mu.RLock()
	keys := make([]string, 0, len(s.published.totals))
	values := make(map[string]total, len(s.published.totals))
	for key, t := range s.published.totals {
		keys = append(keys, key)
		values[key] = *t
	}
	skipped = s.published.skipped
	s.mu.RUnlock()
	slices.Sort(keys)
	for _, key := range keys {
		scope, m, err := parseKey(key)
		if err == nil {
			totals = append(totals, Total{scope.Account, scope.Region, m, values[key].sum, values[key].count})
		}
	}
	return totals, skipped
}

// Label is the metric's dimensions as one text: name=value, separated by commas.
func (m Metric) Label() string {
	var parts []string
	for _, d := range m.Dimensions {
		parts = append(parts, d.Name+"="+d.Value)
	}
	return strings.Join(parts, ",")
}
