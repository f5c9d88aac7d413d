package pattern

// batchPlan is how MatchBatch goes about one pattern.
type batchPlan struct {
	// search finds the candidates; nil means that every message is one.
	search *search
	// probe, if not nil, sorts out candidates of a JSON pattern.
	probe *probe
	// exact: what search finds is what matches. inverted: what it does not find.
	exact, inverted bool
}

// batchPlan returns the plan of p, made on first use: most patterns that are
// compiled never see a batch.
func (p *Pattern) batchPlan() *batchPlan {
	p.planOnce.Do(func() { p.plan = newBatchPlan(p) })
	return p.plan
}

func newBatchPlan(p *Pattern) *batchPlan {
	n := needsOf(p)
	plan := &batchPlan{exact: n.exact, inverted: n.inverted}
	if p.form == JSON {
		if probe, ok := newProbe(p.json.root, p.json.tests); ok {
			plan.probe = &probe
		}
	}
	if n.run != nil {
		plan.search = &search{run: n.run}
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
