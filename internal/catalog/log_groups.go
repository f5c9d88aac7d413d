package catalog

import (
	"fmt"
	"maps"
)

// Group finds a log group by name.
//
// hot: BenchmarkGroup
func (c *Catalog) Group(s Scope, name string) (LogGroup, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if sc := c.scopes[s]; sc != nil {
		if g := sc.groups.entries[name]; g != nil {
			return g.LogGroup, true
		}
	}
	return LogGroup{}, false
}

// GroupBytes is Group for a name that is a view into a request.
//
// hot: BenchmarkGroup
func (c *Catalog) GroupBytes(s Scope, name []byte) (LogGroup, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if sc := c.scopes[s]; sc != nil {
		if g := sc.groups.entries[string(name)]; g != nil { // does not allocate
			return g.LogGroup, true
		}
	}
	return LogGroup{}, false
}

// GroupByUID finds a log group by uid.
func (c *Catalog) GroupByUID(uid uint64) (LogGroup, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.byUID[uid]; g != nil {
		return g.LogGroup, true
	}
	return LogGroup{}, false
}

// Groups lists log groups with a prefix in the order of their names, starting
// behind after; at most limit, or all for 0.
func (c *Catalog) Groups(s Scope, prefix, after string, limit int) []LogGroup {
	c.mu.RLock()
	defer c.mu.RUnlock()
	sc := c.scopes[s]
	if sc == nil {
		return nil
	}
	page := sc.groups.page(prefix, after, limit)
	out := make([]LogGroup, len(page))
	for i, g := range page {
		out[i] = g.LogGroup
	}
	return out
}

// AllGroups lists the log groups of all scopes, in no order.
func (c *Catalog) AllGroups() []LogGroup {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]LogGroup, 0, len(c.byUID))
	for _, g := range c.byUID {
		out = append(out, g.LogGroup)
	}
	return out
}

// CreateLogGroup adds a log group and returns it with its uid. ErrExists when
// the name is taken.
func (c *Catalog) CreateLogGroup(g LogGroup) (LogGroup, error) {
	key := c.names.of(g.Name)
	key.Lock()
	defer key.Unlock()
	if _, taken := c.Group(g.Scope, g.Name); taken {
		return LogGroup{}, fmt.Errorf("create log group %q: %w", g.Name, ErrExists)
	}
	uid, err := c.uids.take()
	if err != nil {
		return LogGroup{}, err
	}
	g.UID, g.Tags = uid, maps.Clone(g.Tags)
	change, err := setJSON(LogGroups, uid, g)
	if err != nil {
		return LogGroup{}, err
	}
	if err := c.commit(change); err != nil {
		return LogGroup{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	node := &group{LogGroup: g}
	c.in(g.Scope).groups.put(g.Name, node)
	c.byUID[uid] = node
	return g, nil
}

// UpdateLogGroup changes what may change of a log group: retention, key,
// protection, tags. The change gets a copy with tags of its own; its error is
// returned and nothing happens.
func (c *Catalog) UpdateLogGroup(s Scope, name string, change func(*LogGroup) error) (LogGroup, error) {
	g, unlock, err := c.lockGroup(s, name)
	if err != nil {
		return LogGroup{}, fmt.Errorf("update log group: %w", err)
	}
	defer unlock()
	next := g
	next.Tags = maps.Clone(g.Tags)
	if err := change(&next); err != nil {
		return LogGroup{}, err
	}
	next.UID, next.Scope, next.Name, next.Class, next.Created = g.UID, g.Scope, g.Name, g.Class, g.Created
	write, err := setJSON(LogGroups, g.UID, next)
	if err != nil {
		return LogGroup{}, err
	}
	if err := c.commit(write); err != nil {
		return LogGroup{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[g.UID].LogGroup = next
	return next, nil
}

// lockGroup finds a group and takes its stripe, so that it stays as it is until
// unlock.
func (c *Catalog) lockGroup(s Scope, name string) (LogGroup, func(), error) {
	if g, ok := c.Group(s, name); ok {
		stripe := c.groups.ofUID(g.UID)
		stripe.Lock()
		if g, ok := c.GroupByUID(g.UID); ok {
			return g, stripe.Unlock, nil
		}
		stripe.Unlock() // deleted meanwhile
	}
	return LogGroup{}, nil, fmt.Errorf("log group %q: %w", name, ErrNotFound)
}

// DeleteLogGroup removes a log group with its streams, and closes its
// subscription filters at the positions that at returns. It returns what the
// group was. ErrNotFound, or ErrProtected when deletion protection is on.
func (c *Catalog) DeleteLogGroup(s Scope, name string, at func() []uint64) (LogGroup, error) {
	key := c.names.of(name)
	key.Lock()
	defer key.Unlock()
	g, unlock, err := c.lockGroup(s, name)
	if err != nil {
		return LogGroup{}, fmt.Errorf("delete log group: %w", err)
	}
	defer unlock()
	if g.DeletionProtection {
		return LogGroup{}, fmt.Errorf("delete log group %q: %w", name, ErrProtected)
	}
	changes := []Change{
		{Bucket: LogGroups, Key: uidKey(g.UID)},
		{Bucket: LogStreams, Key: uidKey(g.UID), Prefix: true},
	}
	closed, writes, err := closeFilters(c.SubscriptionFilters(g.UID), at)
	if err != nil {
		return LogGroup{}, err
	}
	if err := c.commit(append(changes, writes...)...); err != nil {
		return LogGroup{}, err
	}
	c.forget(g, closed)
	return g, nil
}

// forget takes a deleted group out of memory.
func (c *Catalog) forget(g LogGroup, closed []SubscriptionFilter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.byUID[g.UID].streams.entries {
		delete(c.streams, st.UID)
	}
	delete(c.byUID, g.UID)
	c.in(g.Scope).groups.remove(g.Name)
	for i := range closed {
		c.versions[closed[i].UID] = &closed[i]
	}
	if len(closed) > 0 {
		c.generation.Add(1)
	}
}
