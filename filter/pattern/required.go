package pattern

import (
	find "sluice/filter/pattern/internal/literal"
)

// Required is for callers whose text has not been cut into messages yet: index
// finds the first place in a text, of any number of messages, that a message
// which matches must cover, or -1. The caller cuts out the message around it and
// asks Match, unless exact says that every message around such a place matches.
// A place that covers the separator of the caller's messages belongs to none.
//
// index is nil where there is no single literal to look for, or only one that is
// as common as messages; MatchBatch is the better way then. It allocates nothing
// and may be called by many goroutines at once.
func (p *Pattern) Required() (index func(text []byte) int, exact bool) {
	n := needsOf(p)
	best := n.best()
	if p.form == JSON || best == nil || n.inverted || len(best.literals) != 1 || best.literals[0] == "" {
		return nil, false
	}
	if !n.exact && best.cost() > maxRareCost {
		return nil, false
	}
	finder := find.NewFinder(best.literals[0])
	return finder.Index, n.exact
}
