package catalog

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
)

// DeliveryStream finds a delivery stream by name.
func (c *Catalog) DeliveryStream(s Scope, name string) (DeliveryStream, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if sc := c.scopes[s]; sc != nil {
		if d := sc.deliveries.entries[name]; d != nil {
			return *d, true
		}
	}
	return DeliveryStream{}, false
}

// DeliveryStreams lists the delivery streams of a scope in the order of their
// names, starting behind after; at most limit, or all for 0.
func (c *Catalog) DeliveryStreams(s Scope, after string, limit int) []DeliveryStream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	sc := c.scopes[s]
	if sc == nil {
		return nil
	}
	page := sc.deliveries.page("", after, limit)
	out := make([]DeliveryStream, len(page))
	for i, d := range page {
		out[i] = *d
	}
	return out
}

// AllDeliveryStreams lists the delivery streams of all scopes, in no order.
func (c *Catalog) AllDeliveryStreams() []DeliveryStream {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []DeliveryStream
	for _, sc := range c.scopes {
		for _, d := range sc.deliveries.entries {
			out = append(out, *d)
		}
	}
	return out
}

// CreateDeliveryStream adds a delivery stream as version 1 and returns it with
// its uid and route. ErrExists when the name is taken.
func (c *Catalog) CreateDeliveryStream(d DeliveryStream) (DeliveryStream, error) {
	key := c.names.of(d.Name)
	key.Lock()
	defer key.Unlock()
	if _, taken := c.DeliveryStream(d.Scope, d.Name); taken {
		return DeliveryStream{}, fmt.Errorf("create delivery stream %q: %w", d.Name, ErrExists)
	}
	var err error
	if d.Route, err = c.Route("arn:aws:firehose:" + d.Region + ":" + d.Account + ":deliverystream/" + d.Name); err != nil {
		return DeliveryStream{}, err
	}
	if d.UID, err = c.uids.take(); err != nil {
		return DeliveryStream{}, err
	}
	d.Version, d.Updated = 1, max(d.Updated, d.Created)
	return c.writeDelivery(d)
}

// UpdateDeliveryStream changes type, configuration, update time and tags of a
// delivery stream and makes it the next version. ErrVersion unless the version
// now is the expected one. The change gets a copy with tags of its own; its
// error is returned and nothing happens.
func (c *Catalog) UpdateDeliveryStream(s Scope, name string, expected int, change func(*DeliveryStream) error) (DeliveryStream, error) {
	return c.changeDelivery(s, name, func(d *DeliveryStream) error {
		if d.Version != expected {
			return fmt.Errorf("update delivery stream %q from version %d, it is %d: %w", name, expected, d.Version, ErrVersion)
		}
		if err := change(d); err != nil {
			return err
		}
		d.Version = expected + 1
		return nil
	})
}

// TagDeliveryStream changes the tags of a delivery stream; the version stays.
func (c *Catalog) TagDeliveryStream(s Scope, name string, change func(tags map[string]string) error) (DeliveryStream, error) {
	return c.changeDelivery(s, name, func(d *DeliveryStream) error {
		if d.Tags == nil {
			d.Tags = make(map[string]string)
		}
		return change(d.Tags)
	})
}

func (c *Catalog) changeDelivery(s Scope, name string, change func(*DeliveryStream) error) (DeliveryStream, error) {
	key := c.names.of(name)
	key.Lock()
	defer key.Unlock()
	d, ok := c.DeliveryStream(s, name)
	if !ok {
		return DeliveryStream{}, fmt.Errorf("update delivery stream %q: %w", name, ErrNotFound)
	}
	next := d
	next.Tags = maps.Clone(d.Tags)
	if err := change(&next); err != nil {
		return DeliveryStream{}, err
	}
	next.UID, next.Route, next.Scope, next.Name, next.Created = d.UID, d.Route, d.Scope, d.Name, d.Created
	return c.writeDelivery(next)
}

// writeDelivery commits a delivery stream and shows it. Its name is locked.
func (c *Catalog) writeDelivery(d DeliveryStream) (DeliveryStream, error) {
	d.Config, d.Tags = bytes.Clone(d.Config), maps.Clone(d.Tags)
	write, err := setJSON(DeliveryStreams, d.UID, d)
	if err != nil {
		return DeliveryStream{}, err
	}
	if err := c.commit(write); err != nil {
		return DeliveryStream{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in(d.Scope).deliveries.put(d.Name, &d)
	return d, nil
}

// DeleteDeliveryStream removes a delivery stream and returns what it was. Its
// route stays.
func (c *Catalog) DeleteDeliveryStream(s Scope, name string) (DeliveryStream, error) {
	key := c.names.of(name)
	key.Lock()
	defer key.Unlock()
	d, ok := c.DeliveryStream(s, name)
	if !ok {
		return DeliveryStream{}, fmt.Errorf("delete delivery stream %q: %w", name, ErrNotFound)
	}
	if err := c.commit(Change{Bucket: DeliveryStreams, Key: uidKey(d.UID)}); err != nil {
		return DeliveryStream{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in(s).deliveries.remove(name)
	return d, nil
}

// Route returns the uid of a destination ARN, the same for ever from the first
// call on. The partition makes no difference.
func (c *Catalog) Route(arn string) (uint64, error) {
	name, err := routeName(arn)
	if err != nil {
		return 0, err
	}
	stripe := c.children.of(name)
	stripe.Lock()
	defer stripe.Unlock()
	c.mu.RLock()
	uid, known := c.routes[name]
	c.mu.RUnlock()
	if known {
		return uid, nil
	}
	if uid, err = c.uids.take(); err != nil {
		return 0, err
	}
	if err := c.commit(set(Routes, []byte(name), uidKey(uid))); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routes[name] = uid
	return uid, nil
}

// routeName is an ARN behind its partition: service, region, account, resource.
func routeName(arn string) (string, error) {
	rest, ok := strings.CutPrefix(arn, "arn:")
	_, name, found := strings.Cut(rest, ":")
	if !ok || !found || strings.Count(name, ":") < 3 {
		return "", fmt.Errorf("route %q: not an ARN", arn)
	}
	return name, nil
}
