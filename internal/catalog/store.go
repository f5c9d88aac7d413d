package catalog

import (
	"bytes"
	"maps"
	"slices"
	"sync"
)

// Bucket names a kind of definition in a Store.
type Bucket string

// The buckets, as described in the package doc.
const (
	LogGroups           Bucket = "log_groups"
	LogStreams          Bucket = "log_streams"
	SubscriptionFilters Bucket = "subscription_filters"
	DeliveryStreams     Bucket = "delivery_streams"
	Routes              Bucket = "routes"
	Sequence            Bucket = "sequence"
	Tables              Bucket = "tables"
)

// buckets lists them in the order they are read: a definition after the one it
// belongs to.
var buckets = []Bucket{Sequence, Routes, LogGroups, LogStreams, SubscriptionFilters, DeliveryStreams, Tables}

// Change is one step of a commit: it sets Key to Value, or removes Key when
// Value is nil, or removes every key that starts with Key when Prefix is set.
type Change struct {
	Bucket Bucket
	Key    []byte
	Value  []byte
	Prefix bool
}

// Store keeps framed values under keys.
type Store interface {
	// Load visits every key of every bucket. Key and value are valid until visit
	// returns.
	Load(visit func(b Bucket, key, value []byte) error) error

	// Commit makes all changes durable together, or none. It may be called
	// concurrently.
	Commit(changes []Change) error

	// Close ends the use of the store.
	Close() error
}

// Memory is a Store that forgets everything with the process. What was
// committed survives Close, so that a test can open it again.
type Memory struct {
	mu     sync.Mutex
	values map[Bucket]map[string][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{values: make(map[Bucket]map[string][]byte)}
}

// Load implements Store.
func (m *Memory) Load(visit func(b Bucket, key, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range buckets {
		for _, key := range slices.Sorted(maps.Keys(m.values[b])) {
			if err := visit(b, []byte(key), m.values[b][key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Commit implements Store.
func (m *Memory) Commit(changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ch := range changes {
		if m.values[ch.Bucket] == nil {
			m.values[ch.Bucket] = make(map[string][]byte)
		}
		m.apply(ch)
	}
	return nil
}

func (m *Memory) apply(ch Change) {
	values := m.values[ch.Bucket]
	switch {
	case ch.Prefix:
		maps.DeleteFunc(values, func(key string, _ []byte) bool {
			return bytes.HasPrefix([]byte(key), ch.Key)
		})
	case ch.Value == nil:
		delete(values, string(ch.Key))
	default:
		values[string(ch.Key)] = bytes.Clone(ch.Value)
	}
}

// Close implements Store.
func (m *Memory) Close() error { return nil }
