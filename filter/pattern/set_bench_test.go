package pattern

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// mixedPatterns returns n distinct patterns as a large account has them: terms,
// phrases, exclusions, JSON conditions of several kinds, space patterns and the
// five regexes that a log group may have.
func mixedPatterns(n int) []*Pattern {
	r := rand.New(rand.NewPCG(11, 12))
	word := func() string {
		return pick(r, "timeout", "refused", "panic", "OutOfMemory", "deadline", "denied", "rollback", "checkout", "mailer", "throttled", "corrupt", "retry") + fmt.Sprint(r.IntN(10000))
	}
	known := map[string]bool{}
	var out []*Pattern
	for len(out) < n {
		var text string
		switch r.IntN(12) {
		case 0, 1:
			text = word()
		case 2:
			text = fmt.Sprintf("%q -%s", word()+" "+word(), word())
		case 3:
			text = fmt.Sprintf("ERROR %s", word())
		case 4:
			text = fmt.Sprintf("?%s ?%s", word(), word())
		case 5:
			text = fmt.Sprintf(`{ $.status = %d }`, 200+r.IntN(400))
		case 6:
			text = fmt.Sprintf(`{ $.status >= %d && $.method = %q }`, 400+r.IntN(200), pick(r, "GET", "POST", "PUT"))
		case 7:
			text = fmt.Sprintf(`{ $.level = "ERROR" && $.user.id = "u-%d" }`, r.IntN(500000))
		case 8:
			text = fmt.Sprintf(`{ $.service = %q || $.message = "*%s*" }`, word(), word())
		case 9:
			text = fmt.Sprintf(`{ $.latency_ms > %d.5 && $.tags[*] = "az-%c" }`, 1000+r.IntN(1000), 'a'+byte(r.IntN(3)))
		case 10:
			text = fmt.Sprintf(`[..., action=%q, status=%q]`, word(), word())
		case 11:
			text = fmt.Sprintf(`{ $.bytes > %d && $.path != "/healthz" }`, r.IntN(60000))
		}
		if !known[text] {
			known[text] = true
			out = append(out, MustCompile(text))
		}
	}
	for i, text := range []string{`%timeout|refused|OutOfMemory%`, `%id=[0-9]{4}-%`, `%conn.*reset%`, `%disk (full|failed)%`, `%5[0-9][0-9] [A-Z]%`} {
		if n >= 100 && len(text) > 0 {
			if p, err := Compile(text); err == nil {
				out[i] = p
			}
		}
	}
	return out
}

// BenchmarkSet also reports how the set compares with its slowest member.
func BenchmarkSet(b *testing.B) {
	batch, size := batchOf(rareLine)
	for _, n := range []int{1, 10, 100, 1000} {
		patterns := mixedPatterns(n)
		s := NewSet(patterns...)
		var m Matches
		s.Match(batch, &m)
		b.Run(fmt.Sprintf("mixed/%d", n), func(b *testing.B) {
			reportCPU(b, size, func() { s.Match(batch, &m) })
			b.ReportMetric(timesSlowest(s, patterns, batch), "x-slowest")
			hits := 0
			for i := range patterns {
				hits += m.Count(i)
			}
			b.ReportMetric(float64(hits)/float64(len(batch.Ends)), "hits/msg")
		})
	}
}

// timesSlowest returns the speed of s relative to that of its slowest pattern
// alone. All are measured in turns and by their best of many passes, so that
// neighbours do not decide which pattern is slowest, or how slow.
func timesSlowest(s *Set, patterns []*Pattern, batch Batch) float64 {
	var dst []uint32
	var m Matches
	clock := func(pass func()) time.Duration {
		start := cpuTime()
		pass()
		return cpuTime() - start
	}
	best := make([]time.Duration, len(patterns))
	for i, p := range patterns {
		best[i] = time.Hour
		for range 3 {
			best[i] = min(best[i], clock(func() { dst = p.MatchBatch(batch, dst[:0]) }))
		}
	}
	order := make([]int, len(patterns))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(best[j], best[i]) })
	order = order[:min(5, len(order))]
	together := time.Hour
	for range 30 {
		together = min(together, clock(func() { s.Match(batch, &m) }))
		for _, i := range order {
			best[i] = min(best[i], clock(func() { dst = patterns[i].MatchBatch(batch, dst[:0]) }))
		}
	}
	slowest := time.Duration(0)
	for _, i := range order {
		slowest = max(slowest, best[i])
	}
	return slowest.Seconds() / together.Seconds()
}
