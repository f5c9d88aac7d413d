package crossregion

import (
	"errors"
	"fmt"

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
	now := t.c.s.links.Clock.Now().UnixMilli()
	g, err := ensure(
		func() (catalog.LogGroup, bool) { return d.Group(cfg.Scope, groupName) },
		func() (catalog.LogGroup, error) {
			return d.CreateLogGroup(catalog.LogGroup{Scope: cfg.Scope, Name: groupName, Class: standardClass, Created: now})
		})
	if err != nil {
		return target{}, fmt.Errorf("create log group %s: %w", groupName, err)
	}
	st, err := ensure(
		func() (catalog.LogStream, bool) { return d.Stream(g.UID, streamName) },
		func() (catalog.LogStream, error) { return d.CreateLogStream(g.UID, streamName, now) })
	if err != nil {
		return target{}, fmt.Errorf("create log stream %s of %s: %w", streamName, groupName, err)
	}
	if t.targets == nil || len(t.targets) >= maxTargets {
		t.targets = map[uint64]target{}
	}
	to := target{g.UID, st.UID}
	t.targets[b.StreamUID()] = to
	return to, nil
}

// ensure finds a definition, or makes it; somebody else may do so meanwhile.
func ensure[T any](find func() (T, bool), create func() (T, error)) (T, error) {
	if v, ok := find(); ok {
		return v, nil
	}
	v, err := create()
	if errors.Is(err, catalog.ErrExists) {
		if found, ok := find(); ok {
			return found, nil
		}
	}
	return v, err
}

// standardClass is the class of log groups that are made here.
const standardClass = "STANDARD"
