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
	if best := n.best(); best != nil {
		plan.search = newSearch(best.literals)
	}
	return plan
}
