package requests

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Limit is how many requests of one shard are remembered at most.
const Limit = 262_144

// Span is for how long a request is remembered.
const Span = 10 * time.Minute

// Key is a request to one log stream.
type Key struct {
	Request uint64 // of event.Header
	Stream  uint64 // uid
}

// Seen remembers the latest requests of one shard of the log. It is a wal.Folder.
type Seen struct {
	limit int

	mu     sync.Mutex    // guards the fields below
	stored map[Key]int64 // when it was ingested, ms
	ring   []Key         // in the order of the log
	oldest int           // index into ring; 0 while the ring grows
}

// NewSeen returns a memory of limit requests, 0 meaning Limit, to be given to the
// log's Config.Folders.
func NewSeen(limit int) *Seen {
	if limit <= 0 {
		limit = Limit
	}
	return &Seen{limit: limit, stored: make(map[Key]int64)}
}

// at is when a request was stored, if it was within Span of now (ms).
func (s *Seen) at(k Key, now int64) (ingested int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ingested, ok = s.stored[k]
	age := now - ingested
	return ingested, ok && max(age, -age) <= Span.Milliseconds()
}

// forget takes a request back whose frame was sequenced but did not become
// durable. Its place in the ring goes with time.
func (s *Seen) forget(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stored, k)
}

// Len is the number of remembered requests.
func (s *Seen) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// ID implements wal.Folder.
func (s *Seen) ID() uint8 { return wal.FolderRequests }

// Fold implements wal.Folder. Batches that came from other logs were requests
// there; anonymous ones must not push out those that can be recognised.
//
// hot: BenchmarkFold
func (s *Seen) Fold(f wal.Frame) {
	if f.Type != wal.TypeBatch {
		return
	}
	b, err := event.View(f.Payload)
	if err != nil || b.Request()&named == 0 || b.Header().Origin.Number != 0 {
		return
	}
	s.mu.Lock()
	s.add(Key{b.Request(), b.StreamUID()}, b.Ingested())
	s.mu.Unlock()
}

// add remembers a request in place of the oldest.
func (s *Seen) add(k Key, ingested int64) {
	if _, there := s.stored[k]; there {
		s.stored[k] = ingested // forgotten and stored by a later attempt
		return
	}
	s.expire(ingested)
	s.stored[k] = ingested
	if len(s.ring) < s.limit {
		s.ring = append(s.ring, k)
		return
	}
	delete(s.stored, s.ring[s.oldest])
	s.ring[s.oldest] = k
	s.oldest = (s.oldest + 1) % s.limit
}

// expire forgets all when the last request is older than Span: a process that
// rests gives its memory back. Otherwise age is checked when asked.
func (s *Seen) expire(now int64) {
	if len(s.ring) == 0 {
		return
	}
	last := s.ring[(s.oldest+len(s.ring)-1)%len(s.ring)]
	if ingested, ok := s.stored[last]; ok && now-ingested > Span.Milliseconds() {
		s.stored, s.ring, s.oldest = make(map[Key]int64), nil, 0
	}
}

const entrySize = 8 + 8 + 8

var le = binary.LittleEndian

// AppendSnapshot implements wal.Folder. What is over Span is left out.
func (s *Seen) AppendSnapshot(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest := int64(0)
	for _, ingested := range s.stored {
		newest = max(newest, ingested)
	}
	head := len(dst)
	dst = le.AppendUint32(dst, 0)
	count := uint32(0)
	for i := range s.ring {
		k := s.ring[(s.oldest+i)%len(s.ring)]
		ingested, ok := s.stored[k]
		if !ok || newest-ingested > Span.Milliseconds() {
			continue
		}
		dst = le.AppendUint64(dst, k.Request)
		dst = le.AppendUint64(dst, k.Stream)
		dst = le.AppendUint64(dst, uint64(ingested))
		count++
	}
	le.PutUint32(dst[head:], count)
	return dst
}

var errSnapshot = errors.New("restore requests: the snapshot's length is not its count's")

// Restore implements wal.Folder. A snapshot may hold more than the limit, after
// the limit was lowered: the latest count.
func (s *Seen) Restore(src []byte) error {
	if len(src) < 4 || uint64(len(src)-4) != uint64(le.Uint32(src))*entrySize {
		return errSnapshot
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.ring, s.oldest = make(map[Key]int64), nil, 0
	for src = src[4:]; len(src) > 0; src = src[entrySize:] {
		s.add(Key{le.Uint64(src), le.Uint64(src[8:])}, int64(le.Uint64(src[16:])))
	}
	return nil
}
