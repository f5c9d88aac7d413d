package catalog

import (
	"cmp"
	"fmt"
	"slices"
)

// SubscriptionFilters lists the versions in force of a group's subscription
// filters in the order of their names.
func (c *Catalog) SubscriptionFilters(groupUID uint64) []SubscriptionFilter {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.byUID[groupUID]
	if g == nil {
		return nil
	}
	page := g.filters.page("", "", 0)
	out := make([]SubscriptionFilter, len(page))
	for i, f := range page {
		out[i] = *f
	}
	return out
}

// SubscriptionFilter finds the version in force of one filter.
func (c *Catalog) SubscriptionFilter(groupUID uint64, name string) (SubscriptionFilter, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.byUID[groupUID]; g != nil {
		if f := g.filters.entries[name]; f != nil {
			return *f, true
		}
	}
	return SubscriptionFilter{}, false
}

// FilterVersions lists every version that is in force or was and is not dropped
// yet, of all groups, in the order of their uids.
func (c *Catalog) FilterVersions() []SubscriptionFilter {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]SubscriptionFilter, 0, len(c.versions))
	for _, f := range c.versions {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b SubscriptionFilter) int { return cmp.Compare(a.UID, b.UID) })
	return out
}

// PutSubscriptionFilter makes f the version in force of the filter with its name
// in its group, from the positions on that at returns; the version before it
// ends there. It returns the version with uid, route and the filter's creation
// time. Admit, unless nil, sees the group's other filters and may refuse.
func (c *Catalog) PutSubscriptionFilter(f SubscriptionFilter, at func() []uint64, admit func(others []SubscriptionFilter) error) (SubscriptionFilter, error) {
	stripe := c.groups.ofUID(f.GroupUID)
	stripe.Lock()
	defer stripe.Unlock()
	if _, ok := c.GroupByUID(f.GroupUID); !ok {
		return SubscriptionFilter{}, fmt.Errorf("put subscription filter in group %d: %w", f.GroupUID, ErrNotFound)
	}
	if err := c.admit(f, admit); err != nil {
		return SubscriptionFilter{}, err
	}
	var err error
	if f.Route, err = c.Route(f.DestinationARN); err != nil {
		return SubscriptionFilter{}, err
	}
	if f.UID, err = c.uids.take(); err != nil {
		return SubscriptionFilter{}, err
	}
	// Positions are read under the stripe, so that a version never ends before it
	// began.
	f.From, f.To = slices.Clone(at()), nil
	f.EmitSystemFields = slices.Clone(f.EmitSystemFields)
	before, exists := c.SubscriptionFilter(f.GroupUID, f.Name)
	f.Filter = f.UID
	changed := []SubscriptionFilter{f}
	if exists {
		changed[0].Created, changed[0].Filter = before.Created, before.Filter
		before.To = f.From
		changed = append(changed, before)
	}
	if err := c.writeFilters(changed); err != nil {
		return SubscriptionFilter{}, err
	}
	return changed[0], nil
}

func (c *Catalog) admit(f SubscriptionFilter, admit func([]SubscriptionFilter) error) error {
	if admit == nil {
		return nil
	}
	return admit(slices.DeleteFunc(c.SubscriptionFilters(f.GroupUID), func(other SubscriptionFilter) bool {
		return other.Name == f.Name
	}))
}

// DeleteSubscriptionFilter ends the version in force of a filter at the
// positions that at returns.
func (c *Catalog) DeleteSubscriptionFilter(groupUID uint64, name string, at func() []uint64) (SubscriptionFilter, error) {
	stripe := c.groups.ofUID(groupUID)
	stripe.Lock()
	defer stripe.Unlock()
	f, ok := c.SubscriptionFilter(groupUID, name)
	if !ok {
		return SubscriptionFilter{}, fmt.Errorf("delete subscription filter %q: %w", name, ErrNotFound)
	}
	f.To = slices.Clone(at())
	return f, c.writeFilters([]SubscriptionFilter{f})
}

// DropFilterVersions forgets the closed versions that nobody needs any more.
func (c *Catalog) DropFilterVersions(unneeded func(SubscriptionFilter) bool) error {
	var changes []Change
	var dropped []uint64
	for _, f := range c.FilterVersions() {
		if f.To != nil && unneeded(f) { // a closed version never changes again
			changes = append(changes, Change{Bucket: SubscriptionFilters, Key: uidKey(f.UID)})
			dropped = append(dropped, f.UID)
		}
	}
	if len(dropped) == 0 {
		return nil
	}
	if err := c.commit(changes...); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, uid := range dropped {
		delete(c.versions, uid)
	}
	c.generation.Add(1)
	return nil
}

// closeFilters returns the filters ended at the positions that at returns, and
// the changes that say so.
func closeFilters(filters []SubscriptionFilter, at func() []uint64) ([]SubscriptionFilter, []Change, error) {
	if len(filters) == 0 {
		return nil, nil, nil
	}
	to := slices.Clone(at())
	for i := range filters {
		filters[i].To = to
	}
	changes, err := filterChanges(filters)
	return filters, changes, err
}

func filterChanges(filters []SubscriptionFilter) ([]Change, error) {
	changes := make([]Change, len(filters))
	for i, f := range filters {
		var err error
		if changes[i], err = setJSON(SubscriptionFilters, f.UID, f); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// writeFilters commits versions of one group's filters and shows them. The
// group's stripe is held.
func (c *Catalog) writeFilters(versions []SubscriptionFilter) error {
	changes, err := filterChanges(versions)
	if err != nil {
		return err
	}
	if err := c.commit(changes...); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range slices.Backward(versions) { // a replacement comes before what it replaces
		filters := &c.byUID[f.GroupUID].filters
		if c.versions[f.UID] = &f; f.To == nil {
			filters.put(f.Name, &f)
		} else {
			filters.remove(f.Name)
		}
	}
	c.generation.Add(1)
	return nil
}
