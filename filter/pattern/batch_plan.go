package pattern

import (
	"runtime"
	"sync"
	"weak"
)

// batchPlan is how MatchBatch goes about one pattern.
type batchPlan struct {
	// search finds the candidates; nil means that every message is one.
	search *search
	// probe, if not nil, sorts out candidates of a JSON pattern.
	probe *probe
	// exact: what search finds is what matches. inverted: what it does not find.
	exact, inverted bool
}

// plans holds the batchPlan of each Pattern that has been matched over a batch.
// A plan goes when its pattern goes.
var plans sync.Map // of weak.Pointer[Pattern] to *batchPlan

// batchPlan returns the plan of p, made on first use.
func (p *Pattern) batchPlan() *batchPlan {
	key := weak.Make(p)
	if plan, ok := plans.Load(key); ok {
		return plan.(*batchPlan)
	}
	plan, loaded := plans.LoadOrStore(key, newBatchPlan(p))
	if !loaded {
		runtime.AddCleanup(p, func(key weak.Pointer[Pattern]) { plans.Delete(key) }, key)
	}
	return plan.(*batchPlan)
}

func newBatchPlan(p *Pattern) *batchPlan {
	n := needsOf(p)
	plan := &batchPlan{exact: n.exact, inverted: n.inverted}
	if p.form == JSON {
		if probe, ok := newProbe(p.json.root, p.json.tests); ok {
			plan.probe = &probe
		}
	}
	// The probe looks for names itself.
	if best := n.best(); best != nil && (plan.probe == nil || !best.name) {
		plan.search = newSearch(best.literals)
	}
	return plan
}

// candidates returns the messages from lo to hi that may match, in the
// scratch's events.
func (plan *batchPlan) candidates(s *batchScratch, b *Batch, lo, hi int) []uint32 {
	if plan.search == nil {
		events := s.events[:0]
		start := b.start(lo)
		for i := lo; i < hi; i++ {
			end := int(b.Ends[i])
			if plan.probe.passes(b.Text[start:end]) {
				events = append(events, uint32(i))
			}
			start = end + 1
		}
		return events
	}
	events := plan.search.appendEvents(s, b, lo, hi, s.events[:0])
	if plan.probe == nil {
		return events
	}
	kept := events[:0]
	for _, i := range events {
		if plan.probe.passes(b.message(int(i))) {
			kept = append(kept, i)
		}
	}
	return kept
}
