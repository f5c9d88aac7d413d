package crossregion

import (
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// target is where the batches of one of the origin's log streams go.
type target struct{ group, stream uint64 }

// maxTargets bounds the memory for targets; beyond it they are looked up anew.
const maxTargets = 1 << 16

// resolve finds the central log group and stream of a batch, and makes what is
// missing: also when somebody deleted it meanwhile.
func (t *taker) resolve(b event.Batch) (target, error) {
	d := t.c.s.links.Definitions
	if to, ok := t.targets[b.StreamUID()]; ok {
		if _, there := d.StreamByUID(to.stream); there {
			return to, nil
		}
	}
	cfg := &t.c.s.cfg
	from := b.Source()
	groupName := namePattern(cfg.CentralGroup).render(from, cfg.Name)
	streamName := namePattern(cfg.CentralStream).render(from, cfg.Name)
	g, st, err := catalog.Ensure(d, cfg.Scope, groupName, streamName, t.c.s.links.Clock.Now().UnixMilli())
	if err != nil {
		return target{}, err
	}
	if t.targets == nil || len(t.targets) >= maxTargets {
		t.targets = map[uint64]target{}
	}
	to := target{g.UID, st.UID}
	t.targets[b.StreamUID()] = to
	return to, nil
}
