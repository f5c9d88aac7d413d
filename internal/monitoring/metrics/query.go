package metrics

import (
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"sluice/internal/catalog"
)

// Datapoint is a statistic of one period.
type Datapoint struct {
	At          time.Time // the period's start
	Value       float64
	SampleCount float64
	Unit        string
}

// Statistics returns a statistic of a metric for the periods that begin at from,
// from+period and so on before to, where there are samples, in the order of
// time. Without a unit each unit has its own datapoints.
//
// from and to count in whole seconds. Samples that are only kept at a coarser
// resolution than period belong to no period, except that a minute belongs to
// the shorter period that it begins in. All that was durable at the call is in
// the answer, but for periods of which the statistic is no finite number: sums of
// a time when values had no bound.
func (s *Store) Statistics(scope catalog.Scope, m Metric, stat string, period time.Duration, from, to time.Time) ([]Datapoint, error) {
	statistic, err := ParseStatistic(stat)
	if err != nil {
		return nil, err
	}
	slots, err := s.slots(scope, m, period, from, to)
	if err != nil {
		return nil, err
	}
	var points []Datapoint
	for i := range slots {
		if v, ok := statistic.of(&slots[i].digest); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
			points = append(points, Datapoint{At: time.Unix(slots[i].start, 0).UTC(), Value: v, SampleCount: slots[i].count, Unit: slots[i].unit})
		}
	}
	return points, nil
}

// slot is all samples of one period and unit.
type slot struct {
	start int64
	unit  string
	digest
}

// slots merges the samples of a metric by period, ordered by start and unit.
func (s *Store) slots(scope catalog.Scope, m Metric, period time.Duration, from, to time.Time) ([]slot, error) {
	if err := s.CatchUp(); err != nil {
		return nil, err
	}
	q := query{metric: string(appendMetric(nil, scope, m)), from: from.Unix(), to: to.Unix()}
	if m.Unit != "" {
		q.unit = string(appendText(nil, m.Unit))
	}
	step := max(1, int64(period/time.Second))
	now := s.cfg.Clock.Now().Unix()
	var slots []slot
	at := map[int64]map[string]int{}
	take := func(unit string, b *bucket) {
		if int64(b.res) > max(step, resMinute) || step < keptAt(now-b.start) {
			return
		}
		start := q.from + (b.start-q.from)/step*step
		units := at[start]
		if units == nil {
			units = map[string]int{}
			at[start] = units
		}
		i, ok := units[unit]
		if !ok {
			i = len(slots)
			units[unit], slots = i, append(slots, slot{start: start, unit: unit})
		}
		slots[i].digest.merge(&b.digest)
	}
	if err := s.visit(q, take); err != nil {
		return nil, err
	}
	slices.SortFunc(slots, func(a, b slot) int {
		if a.start != b.start {
			return int(a.start - b.start)
		}
		return strings.Compare(a.unit, b.unit)
	})
	return slots, nil
}

// query asks for the buckets of a metric that begin in [from, to).
type query struct {
	metric   string // key without unit
	unit     string // as it ends the key; empty: all
	from, to int64
}

// wants tells whether a series is asked for, and its unit.
func (q query) wants(key string) (unit string, ok bool) {
	if !strings.HasPrefix(key, q.metric) || q.unit != "" && key[len(q.metric):] != q.unit {
		return "", false
	}
	unit, rest, err := cutText([]byte(key[len(q.metric):]))
	return unit, err == nil && len(rest) == 0
}

// visit yields every bucket that is asked for, in no order; those of one period
// may come in several parts.
func (s *Store) visit(q query, take func(unit string, b *bucket)) error {
	for attempt := 0; ; attempt++ {
		type found struct {
			unit string
			bucket
		}
		var all []found
		collect := func(key string, b *bucket) {
			if unit, ok := q.wants(key); ok && b.start >= q.from && b.start < q.to {
				copied := *b
				copied.pairs = slices.Clone(b.pairs)
				all = append(all, found{unit, copied})
			}
		}
		files := s.inMemory(q, collect)
		err := s.inFiles(files, q, collect)
		if errors.Is(err, fs.ErrNotExist) && attempt < 3 {
			continue // merged away meanwhile: look again
		}
		for i := range all {
			take(all[i].unit, &all[i].bucket)
		}
		return err
	}
}

// inMemory visits what is in memory, and returns the files as of the same
// moment.
func (s *Store) inMemory(q query, collect func(string, *bucket)) []file {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key := append(make([]byte, 0, len(q.metric)+32), q.metric...)
	for _, unit := range s.unitsOf(q) {
		key = append(key[:len(q.metric)], unit...)
		if sr := s.series[string(key)]; sr != nil {
			for _, buckets := range [...][]bucket{sr.buckets, sr.frozen} {
				for i := range buckets {
					collect(sr.key, &buckets[i])
				}
			}
		}
	}
	return s.files
}

// unitsOf lists the units that a metric may have, as they end keys.
func (s *Store) unitsOf(q query) []string {
	if q.unit != "" {
		return []string{q.unit}
	}
	return unitEndings
}

// inFiles visits what is in files.
func (s *Store) inFiles(files []file, q query, collect func(string, *bucket)) error {
	for _, f := range files {
		if !f.overlaps(q.from, q.to) {
			continue
		}
		if err := s.scanFile(f, q.metric, collect); err != nil {
			return err
		}
	}
	return nil
}

// Listed is a metric that ListMetrics shows.
type Listed struct {
	Metric
	Seen time.Time // start of its newest samples
}

// List visits the metrics of a scope that had samples in the last two weeks,
// each once whatever its units, in the order of namespace, name and dimensions.
func (s *Store) List(scope catalog.Scope, visit func(Listed) bool) error {
	if err := s.CatchUp(); err != nil {
		return err
	}
	for _, m := range s.listed(scope) {
		if !visit(m) {
			return nil
		}
	}
	return nil
}

func (s *Store) listed(scope catalog.Scope) []Listed {
	after := s.cfg.Clock.Now().Add(-listedFor).Unix()
	prefix := string(appendText(appendText(nil, scope.Account), scope.Region))
	newest := map[string]int64{}
	s.mu.RLock()
	for key, sr := range s.series {
		if strings.HasPrefix(key, prefix) && sr.seen > after {
			m := metricOf(key)
			newest[m] = max(newest[m], sr.seen)
		}
	}
	s.mu.RUnlock()
	all := make([]Listed, 0, len(newest))
	for key, seen := range newest {
		_, m, err := parseKey(key + unitEndings[0])
		if err != nil {
			continue // not made by AppendKey
		}
		m.Unit = ""
		all = append(all, Listed{m, time.Unix(seen, 0).UTC()})
	}
	slices.SortFunc(all, func(a, b Listed) int { return Compare(a.Metric, b.Metric) })
	return all
}

// Compare orders metrics by namespace, name and dimensions.
func Compare(a, b Metric) int {
	if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Dimensions, b.Dimensions, func(x, y Dimension) int {
		if c := strings.Compare(x.Name, y.Name); c != 0 {
			return c
		}
		return strings.Compare(x.Value, y.Value)
	})
}

// keptAt is the finest resolution that samples of an age are kept at, both in
// seconds: CloudWatch's steps.
func keptAt(age int64) int64 {
	const hour, day = 3600, 24 * 3600
	switch {
	case age <= 3*hour:
		return resHigh
	case age <= 15*day:
		return resMinute
	case age <= 63*day:
		return resFive
	}
	return resHour
}

// keptFor is how long samples are kept at all, in seconds.
const keptFor = 455 * 24 * 3600
