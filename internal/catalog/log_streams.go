package catalog

import "fmt"

// Stream finds a log stream by name.
//
// hot: BenchmarkStream
func (c *Catalog) Stream(groupUID uint64, name string) (LogStream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.byUID[groupUID]; g != nil {
		if s := g.streams.entries[name]; s != nil {
			return *s, true
		}
	}
	return LogStream{}, false
}

// StreamBytes is Stream for a name that is a view into a request.
//
// hot: BenchmarkStream
func (c *Catalog) StreamBytes(groupUID uint64, name []byte) (LogStream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if g := c.byUID[groupUID]; g != nil {
		if s := g.streams.entries[string(name)]; s != nil { // does not allocate
			return *s, true
		}
	}
	return LogStream{}, false
}

// StreamByUID finds a log stream by uid.
func (c *Catalog) StreamByUID(uid uint64) (LogStream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if s := c.streams[uid]; s != nil {
		return *s, true
	}
	return LogStream{}, false
}

// Streams lists the log streams of a group with a prefix in the order of their
// names, starting behind after; at most limit, or all for 0.
func (c *Catalog) Streams(groupUID uint64, prefix, after string, limit int) []LogStream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g := c.byUID[groupUID]
	if g == nil {
		return nil
	}
	page := g.streams.page(prefix, after, limit)
	out := make([]LogStream, len(page))
	for i, s := range page {
		out[i] = *s
	}
	return out
}

// CreateLogStream adds a log stream to a group and returns it. ErrNotFound
// without the group, ErrExists when the name is taken.
func (c *Catalog) CreateLogStream(groupUID uint64, name string, created int64) (LogStream, error) {
	defer c.lockStream(groupUID, name)()
	if _, ok := c.GroupByUID(groupUID); !ok {
		return LogStream{}, fmt.Errorf("create log stream in group %d: %w", groupUID, ErrNotFound)
	}
	if _, taken := c.Stream(groupUID, name); taken {
		return LogStream{}, fmt.Errorf("create log stream %q: %w", name, ErrExists)
	}
	uid, err := c.uids.take()
	if err != nil {
		return LogStream{}, err
	}
	s := &LogStream{UID: uid, GroupUID: groupUID, Name: name, Created: created}
	if err := c.commit(set(LogStreams, streamKey(*s), streamValue(*s))); err != nil {
		return LogStream{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[groupUID].streams.put(name, s)
	c.streams[uid] = s
	return *s, nil
}

// DeleteLogStream removes a log stream and returns what it was.
func (c *Catalog) DeleteLogStream(groupUID uint64, name string) (LogStream, error) {
	defer c.lockStream(groupUID, name)()
	s, ok := c.Stream(groupUID, name)
	if !ok {
		return LogStream{}, fmt.Errorf("delete log stream %q: %w", name, ErrNotFound)
	}
	if err := c.commit(Change{Bucket: LogStreams, Key: streamKey(s)}); err != nil {
		return LogStream{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byUID[groupUID].streams.remove(name)
	delete(c.streams, s.UID)
	return s, nil
}

// lockStream keeps the group from going away and the name from being changed by
// somebody else. Streams of one group still change side by side.
func (c *Catalog) lockStream(groupUID uint64, name string) (unlock func()) {
	group, stream := c.groups.ofUID(groupUID), c.children.ofChild(groupUID, name)
	group.RLock()
	stream.Lock()
	return func() {
		stream.Unlock()
		group.RUnlock()
	}
}
