package compact

import (
	"container/list"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// Cache keeps what was read of the files that share it: index pages and decoded
// blocks, the least recently used of them going first. Its methods may be called
// concurrently.
type Cache struct {
	decoder *zstd.Decoder
	files   atomic.Uint64 // the last id given to a file
	scratch sync.Pool     // of *columnsBuffer

	mu      sync.Mutex
	budget  int64
	used    int64
	entries map[cacheKey]*list.Element
	recent  list.List // of *cacheEntry, the most recently used first
	hits    uint64
	misses  uint64
}

// cacheKey names a part of a file.
type cacheKey struct {
	file uint64
	kind uint8
	at   int
}

// Kinds of what is cached.
const (
	cacheIndex   = iota // []header of a page
	cacheLocator        // []locator of a page
	cacheBatches        // *decoded
	cacheFrames         // *decodedFrames
	cachePlaces         // []row with what the places column tells
)

type cacheEntry struct {
	key   cacheKey
	value any
	size  int64
}

// NewCache returns a cache of at most so many bytes. What is larger than the
// budget is read every time.
func NewCache(budget int64) *Cache {
	c := &Cache{decoder: newDecoder(), budget: budget, entries: make(map[cacheKey]*list.Element)}
	c.scratch.New = func() any { return new(columnsBuffer) }
	return c
}

// CacheStats say what a cache did.
type CacheStats struct {
	Hits, Misses uint64
	Bytes        int64 // held now
}

// Stats returns the cache's counters.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return CacheStats{Hits: c.hits, Misses: c.misses, Bytes: c.used}
}

func (c *Cache) get(k cacheKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok {
		c.misses++
		return nil, false
	}
	c.hits++
	c.recent.MoveToFront(e)
	return e.Value.(*cacheEntry).value, true
}

// put keeps a value. Two readers that missed it at once both put it: the first
// stays.
func (c *Cache) put(k cacheKey, value any, size int) {
	cost := int64(size) + entryBytes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[k] != nil || cost > c.budget {
		return
	}
	c.entries[k] = c.recent.PushFront(&cacheEntry{k, value, cost})
	c.used += cost
	for c.used > c.budget {
		c.remove(c.recent.Back())
	}
}

const entryBytes = 200 // of the cache's own for one entry

func (c *Cache) remove(e *list.Element) {
	entry := c.recent.Remove(e).(*cacheEntry)
	delete(c.entries, entry.key)
	c.used -= entry.size
}

// forget drops everything of a file that was closed.
func (c *Cache) forget(file uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cacheEntry).key.file == file {
			c.remove(e)
		}
		e = next
	}
}
