package catalog

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// uidBlock is how many uids one commit reserves. A crash wastes at most so many.
const uidBlock = 4096

// Catalog is all definitions of one process. It is safe for concurrent use.
type Catalog struct {
	store      Store
	generation atomic.Uint64

	// Changes of one definition follow each other: whoever changes it holds its
	// stripe from the check until the change is visible, across the commit.
	// Readers never take one. Order: names, then groups, then children.
	names    stripes // a name in a scope: creation and deletion
	groups   stripes // a group uid: exclusive for its own changes and its filters, shared by changes of its streams
	children stripes // a stream's name, an ARN

	uids sequence

	mu       sync.RWMutex // guards what follows; never held across I/O
	scopes   map[Scope]*scope
	byUID    map[uint64]*group
	streams  map[uint64]*LogStream
	versions map[uint64]*SubscriptionFilter
	routes   map[string]uint64
	rows     map[Kind][]row // of tables that were not opened yet
}

// scope is the names of one account and region.
type scope struct {
	groups     directory[*group]
	deliveries directory[*DeliveryStream]
}

// group is a log group and what belongs to it.
type group struct {
	LogGroup
	streams directory[*LogStream]
	filters directory[*SubscriptionFilter] // the versions in force
}

// Open reads all definitions of a store. The catalog owns the store from then
// on; after an error the caller still does.
func Open(store Store) (*Catalog, error) {
	c := &Catalog{
		store:    store,
		scopes:   make(map[Scope]*scope),
		byUID:    make(map[uint64]*group),
		streams:  make(map[uint64]*LogStream),
		versions: make(map[uint64]*SubscriptionFilter),
		routes:   make(map[string]uint64),
		rows:     make(map[Kind][]row),
	}
	c.uids.commit = c.commit
	c.uids.next, c.uids.reserved = 1, 1
	if err := store.Load(c.load); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	c.sortAll()
	return c, nil
}

// OpenFile opens the catalog in a bbolt file, which is made when it is missing.
func OpenFile(path string) (*Catalog, error) {
	store, err := OpenBolt(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	c, err := Open(store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return c, nil
}

// Close closes the store. Definitions can still be read.
func (c *Catalog) Close() error { return c.store.Close() }

// Generation counts the changes of subscription filters since Open.
func (c *Catalog) Generation() uint64 { return c.generation.Load() }

func (c *Catalog) commit(changes ...Change) error {
	if err := c.store.Commit(changes); err != nil {
		return fmt.Errorf("commit definitions: %w", err)
	}
	return nil
}

// in returns the names of a scope, made when they are missing. mu is held.
func (c *Catalog) in(s Scope) *scope {
	sc := c.scopes[s]
	if sc == nil {
		sc = &scope{}
		c.scopes[s] = sc
	}
	return sc
}

// stripes are locks of many keys: two keys may share one, which costs time only.
type stripes [1024]sync.RWMutex

var stripeSeed = maphash.MakeSeed()

func (s *stripes) of(key string) *sync.RWMutex {
	return &s[maphash.String(stripeSeed, key)%uint64(len(s))]
}

func (s *stripes) ofUID(uid uint64) *sync.RWMutex { return &s[uid%uint64(len(s))] }

// ofChild tells equal names in different groups apart: streams often have them.
func (s *stripes) ofChild(uid uint64, name string) *sync.RWMutex {
	return &s[(maphash.String(stripeSeed, name)+uid)%uint64(len(s))]
}

// sequence gives out uids.
type sequence struct {
	commit func(...Change) error

	mu             sync.Mutex // held across the commit of a reservation: nobody can have a uid before it
	next, reserved uint64
}

func (s *sequence) take() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.reserved {
		if err := s.commit(set(Sequence, []byte("uid"), uidKey(s.reserved+uidBlock))); err != nil {
			return 0, err
		}
		s.reserved += uidBlock
	}
	s.next++
	return s.next - 1, nil
}
