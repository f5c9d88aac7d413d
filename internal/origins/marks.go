package origins

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

var le = binary.LittleEndian

// Key names a mark.
type Key struct {
	Stream uint64 // uid of the log stream that the events went to; 0 for lanes
	Shard  uint32 // the origin's shard: a Kafka partition, say, or a lane
}

// Lane is the bit of an origin shard that makes it a lane: a run of positions of
// another log that is copied in order into one shard of this one, over as many
// log streams as it holds. A lane has one mark for all of them.
const Lane uint32 = 1 << 31

// Marks are the high-water marks of one shard of the log. They are a
// wal.Folder; Mark may be called at any time.
type Marks struct {
	mu    sync.RWMutex // guards marks
	marks map[Key]uint64
}

// NewMarks returns marks to be given to the log's Config.Folders.
func NewMarks() *Marks { return &Marks{marks: map[Key]uint64{}} }

// Mark is the first number of an origin's shard that no stored batch covers, 0
// if none came from there. It counts frames as they are sequenced: they are
// durable when a later Append to the same log stream returned.
func (m *Marks) Mark(stream uint64, shard uint32) uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.marks[Key{stream, shard}]
}

// ID implements wal.Folder.
func (m *Marks) ID() uint8 { return wal.FolderOrigins }

// Fold implements wal.Folder. Batches that were born here have no origin.
//
// hot: BenchmarkFold
func (m *Marks) Fold(f wal.Frame) {
	if f.Type != wal.TypeBatch {
		return
	}
	b, err := event.View(f.Payload)
	if err != nil {
		return // of another version
	}
	origin := b.Header().Origin
	if origin.Number == 0 {
		return
	}
	key := Key{b.StreamUID(), origin.Shard}
	if origin.Shard&Lane != 0 {
		key.Stream = 0
	}
	m.mu.Lock()
	m.marks[key] = max(m.marks[key], origin.Number)
	m.mu.Unlock()
}

const markSize = 8 + 4 + 8

// AppendSnapshot implements wal.Folder.
func (m *Marks) AppendSnapshot(dst []byte) []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	keys := slices.SortedFunc(maps.Keys(m.marks), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Shard, b.Shard))
	})
	for _, k := range keys {
		dst = le.AppendUint64(dst, k.Stream)
		dst = le.AppendUint32(dst, k.Shard)
		dst = le.AppendUint64(dst, m.marks[k])
	}
	return dst
}

// Restore implements wal.Folder.
func (m *Marks) Restore(src []byte) error {
	if len(src)%markSize != 0 {
		return fmt.Errorf("restore origins: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	marks := make(map[Key]uint64, len(src)/markSize)
	for ; len(src) > 0; src = src[markSize:] {
		marks[Key{le.Uint64(src), le.Uint32(src[8:])}] = le.Uint64(src[12:])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.marks = marks
	return nil
}

// Shards are the marks of all shards of a log. A log stream lies in one of them,
// but in another one when the number of shards has grown since.
type Shards []*Marks

// Mark is the greatest of the shards' marks.
func (s Shards) Mark(stream uint64, shard uint32) uint64 {
	var mark uint64
	for _, m := range s {
		mark = max(mark, m.Mark(stream, shard))
	}
	return mark
}
