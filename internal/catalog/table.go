package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Kind names the definitions of one Table in the store. A kind's text is on disk:
// it never changes.
type Kind string

// The kinds, each with the package that knows what its definitions mean.
const (
	MetricFilters   Kind = "metric_filter"  // filter
	Destinations    Kind = "destination"    // filter
	AccountPolicies Kind = "account_policy" // filter
	ExportTasks     Kind = "export_task"    // exporttask
	Alarms          Kind = "alarm"          // internal/monitoring
	Replications    Kind = "replication"    // crossregion
	KinesisStreams  Kind = "kinesis_stream" // stream/embedded/kinesis
	KinesisLanes    Kind = "kinesis_lane"   // ingest/kinesis
)

// Table is the definitions of one kind, by scope and name, for the rooms whose
// definitions nobody else looks into. It is safe for concurrent use. A
// definition is handed out by value; what it refers to is shared and must not be
// changed.
type Table[T any] struct {
	catalog *Catalog
	kind    Kind

	writers stripes // one change of a name at a time, across its commit

	mu     sync.RWMutex // guards scopes; never held across I/O
	scopes map[Scope]*directory[T]
}

// row is a value of a Table that nobody has asked for yet.
type row struct {
	scope Scope
	name  string
	value []byte
}

// OpenTable returns the table of a kind. A process opens each kind once: two
// Tables of a kind do not see each other's changes.
func OpenTable[T any](c *Catalog, kind Kind) (*Table[T], error) {
	c.mu.Lock()
	rows := c.rows[kind]
	delete(c.rows, kind)
	c.mu.Unlock()
	t := &Table[T]{catalog: c, kind: kind, scopes: map[Scope]*directory[T]{}}
	for _, r := range rows {
		var v T
		if err := json.Unmarshal(r.value, &v); err != nil {
			return nil, &CorruptError{Bucket: Tables, Key: t.key(r.scope, r.name), Err: err}
		}
		t.in(r.scope).bulk(r.name, v)
	}
	for _, d := range t.scopes {
		d.sort()
	}
	return t, nil
}

// Get finds a definition.
func (t *Table[T]) Get(s Scope, name string) (v T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if d := t.scopes[s]; d != nil {
		v, ok = d.entries[name]
	}
	return v, ok
}

// List returns the definitions of a scope whose names begin with prefix and come
// behind after, in the order of names; at most limit, or all for 0.
func (t *Table[T]) List(s Scope, prefix, after string, limit int) []T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if d := t.scopes[s]; d != nil {
		return d.page(prefix, after, limit)
	}
	return nil
}

// Len is the number of definitions of a scope.
func (t *Table[T]) Len(s Scope) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if d := t.scopes[s]; d != nil {
		return len(d.names)
	}
	return 0
}

// All visits a copy of the definitions of all scopes, in no order of scopes.
func (t *Table[T]) All(visit func(s Scope, name string, v T)) {
	t.mu.RLock()
	type entry struct {
		scope Scope
		name  string
		v     T
	}
	var all []entry
	for s, d := range t.scopes {
		for _, name := range d.names {
			all = append(all, entry{s, name, d.entries[name]})
		}
	}
	t.mu.RUnlock()
	for _, e := range all {
		visit(e.scope, e.name, e.v)
	}
}

// Create adds a definition, ErrExists when the name is taken.
func (t *Table[T]) Create(s Scope, name string, v T) error {
	defer t.lock(name)()
	if _, taken := t.Get(s, name); taken {
		return fmt.Errorf("create %s %q: %w", t.kind, name, ErrExists)
	}
	return t.write(s, name, v)
}

// Put adds a definition or replaces it.
func (t *Table[T]) Put(s Scope, name string, v T) error {
	defer t.lock(name)()
	return t.write(s, name, v)
}

// Change replaces a definition by what change makes of a copy; its error is
// returned and nothing happens. ErrNotFound when there is none. What the copy
// refers to must be replaced, not changed.
func (t *Table[T]) Change(s Scope, name string, change func(*T) error) (T, error) {
	defer t.lock(name)()
	v, ok := t.Get(s, name)
	if !ok {
		return v, fmt.Errorf("change %s %q: %w", t.kind, name, ErrNotFound)
	}
	if err := change(&v); err != nil {
		return v, err
	}
	return v, t.write(s, name, v)
}

// Upsert is Change for a definition that may not be there: change gets the zero
// value then, and false.
func (t *Table[T]) Upsert(s Scope, name string, change func(v *T, there bool) error) (T, error) {
	defer t.lock(name)()
	v, ok := t.Get(s, name)
	if err := change(&v, ok); err != nil {
		return v, err
	}
	return v, t.write(s, name, v)
}

// Delete removes a definition and returns what it was, ErrNotFound if it was not.
func (t *Table[T]) Delete(s Scope, name string) (T, error) {
	defer t.lock(name)()
	v, ok := t.Get(s, name)
	if !ok {
		return v, fmt.Errorf("delete %s %q: %w", t.kind, name, ErrNotFound)
	}
	return v, t.remove(s, name)
}

// Drop removes a definition that is there and that unneeded says so of: it looks at
// what is there then, and not at what somebody saw before.
func (t *Table[T]) Drop(s Scope, name string, unneeded func(T) bool) error {
	defer t.lock(name)()
	if v, ok := t.Get(s, name); !ok || !unneeded(v) {
		return nil
	}
	return t.remove(s, name)
}

// remove commits that a definition is gone. Its name is locked.
func (t *Table[T]) remove(s Scope, name string) error {
	if err := t.catalog.commit(Change{Bucket: Tables, Key: t.key(s, name)}); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in(s).remove(name)
	return nil
}

// UID gives out a number that no definition of any kind has had or will have.
func (c *Catalog) UID() (uint64, error) { return c.uids.take() }

func (t *Table[T]) lock(name string) (unlock func()) {
	stripe := t.writers.of(name)
	stripe.Lock()
	return stripe.Unlock
}

// write commits a definition and shows it. Its name is locked.
func (t *Table[T]) write(s Scope, name string, v T) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s %q: %w", t.kind, name, err)
	}
	key := t.key(s, name)
	if err := t.catalog.commit(set(Tables, key, value)); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in(s).put(name, v)
	return nil
}

// in returns the definitions of a scope. mu is held.
func (t *Table[T]) in(s Scope) *directory[T] {
	d := t.scopes[s]
	if d == nil {
		d = &directory[T]{}
		t.scopes[s] = d
	}
	return d
}

func (t *Table[T]) key(s Scope, name string) []byte {
	return []byte(strings.Join([]string{string(t.kind), s.Account, s.Region, name}, "\x00"))
}

// loadRow keeps a value until its table is opened. A kind that this version does
// not know stays where it is.
func (c *Catalog) loadRow(key, value []byte) error {
	parts := bytes.SplitN(key, []byte{0}, 4)
	if len(parts) != 4 {
		return errTruncated
	}
	kind := Kind(parts[0])
	c.rows[kind] = append(c.rows[kind], row{
		scope: Scope{Account: string(parts[1]), Region: string(parts[2])},
		name:  string(parts[3]), value: bytes.Clone(value),
	})
	return nil
}
