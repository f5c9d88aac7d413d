package catalog

import "encoding/json"

// load takes one value of the store into memory. No lock: nobody else knows the
// catalog yet.
func (c *Catalog) load(b Bucket, key, framed []byte) error {
	value, err := unframe(b, key, framed)
	if err == nil {
		err = c.loadValue(b, key, value)
	}
	if err != nil {
		return &CorruptError{Bucket: b, Key: append([]byte(nil), key...), Err: err}
	}
	return nil
}

func (c *Catalog) loadValue(b Bucket, key, value []byte) error {
	switch b {
	case Sequence:
		return c.loadSequence(value)
	case Routes:
		uid, err := parseUID(value)
		c.routes[string(key)] = uid
		return err
	case LogStreams:
		return c.loadStream(key, value)
	case Tables:
		return c.loadRow(key, value)
	}
	uid, err := parseUID(key)
	if err != nil {
		return err
	}
	if uid >= c.uids.reserved {
		return errUnwritten
	}
	switch b {
	case LogGroups:
		return c.loadGroup(uid, value)
	case SubscriptionFilters:
		return c.loadFilter(uid, value)
	default:
		return c.loadDelivery(uid, value)
	}
}

func (c *Catalog) loadSequence(value []byte) error {
	high, err := parseUID(value)
	c.uids.next, c.uids.reserved = high, high
	return err
}

func (c *Catalog) loadGroup(uid uint64, value []byte) error {
	g := &group{}
	if err := json.Unmarshal(value, &g.LogGroup); err != nil {
		return err
	}
	g.UID = uid
	names := &c.in(g.Scope).groups
	if names.entries[g.Name] != nil {
		return errTwice
	}
	names.bulk(g.Name, g)
	c.byUID[uid] = g
	return nil
}

func (c *Catalog) loadStream(key, value []byte) error {
	s, err := parseStream(key, value)
	if err != nil {
		return err
	}
	g := c.byUID[s.GroupUID]
	switch {
	case g == nil:
		return errOrphan
	case s.UID >= c.uids.reserved:
		return errUnwritten
	case c.streams[s.UID] != nil, g.streams.entries[s.Name] != nil:
		return errTwice
	}
	g.streams.bulk(s.Name, &s)
	c.streams[s.UID] = &s
	return nil
}

func (c *Catalog) loadFilter(uid uint64, value []byte) error {
	f := &SubscriptionFilter{}
	if err := json.Unmarshal(value, f); err != nil {
		return err
	}
	f.UID = uid
	c.versions[uid] = f
	if f.To != nil {
		return nil // closed: its group may be gone
	}
	g := c.byUID[f.GroupUID]
	if g == nil {
		return errOrphan
	}
	if g.filters.entries[f.Name] != nil {
		return errTwice
	}
	g.filters.bulk(f.Name, f)
	return nil
}

func (c *Catalog) loadDelivery(uid uint64, value []byte) error {
	d := &DeliveryStream{}
	if err := json.Unmarshal(value, d); err != nil {
		return err
	}
	d.UID = uid
	names := &c.in(d.Scope).deliveries
	if names.entries[d.Name] != nil {
		return errTwice
	}
	names.bulk(d.Name, d)
	return nil
}

func (c *Catalog) sortAll() {
	for _, s := range c.scopes {
		s.groups.sort()
		s.deliveries.sort()
	}
	for _, g := range c.byUID {
		g.streams.sort()
		g.filters.sort()
	}
}
