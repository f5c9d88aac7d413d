package origins

import (
	"cmp"
	"context"
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

// Log is the log whose frames the marks come from.
type Log interface {
	// WaitDurable returns when a frame is durable.
	WaitDurable(ctx context.Context, seq uint64) error
}

// Marks are the high-water marks of one shard of the log. They are a
// wal.Folder; Mark may be called at any time.
type Marks struct {
	mu    sync.RWMutex // guards the fields below
	marks map[Key]mark
	log   Log // nil: what was folded is durable
}

// mark is a number, and the frame that has it: 0 where a snapshot has.
type mark struct{ number, seq uint64 }

// NewMarks returns marks to be given to the log's Config.Folders, and then the log
// to them (Follow).
func NewMarks() *Marks { return &Marks{marks: map[Key]mark{}} }

// Follow says whose frames are folded from now on.
func (m *Marks) Follow(log Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = log
}

// Mark is the first number of an origin's shard that no stored batch covers, 0
// if none came from there. What it says is durable, for whoever asks goes on there
// and has that kept elsewhere. Frames are folded before they are, and an Append
// that failed may have left one behind: Mark waits for it, and gives the log's
// error where it never will be.
func (m *Marks) Mark(ctx context.Context, stream uint64, shard uint32) (uint64, error) {
	m.mu.RLock()
	at, log := m.marks[Key{stream, shard}], m.log
	m.mu.RUnlock()
	if log != nil && at.seq > 0 {
		if err := log.WaitDurable(ctx, at.seq); err != nil {
			return 0, fmt.Errorf("find out what is stored: %w", err)
		}
	}
	return at.number, nil
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
	if m.marks[key].number < origin.Number {
		m.marks[key] = mark{origin.Number, f.Seq}
	}
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
		dst = le.AppendUint64(dst, m.marks[k].number)
	}
	return dst
}

// Restore implements wal.Folder.
func (m *Marks) Restore(src []byte) error {
	if len(src)%markSize != 0 {
		return fmt.Errorf("restore origins: %w: %d bytes", event.ErrCorrupt, len(src))
	}
	marks := make(map[Key]mark, len(src)/markSize)
	for ; len(src) > 0; src = src[markSize:] {
		marks[Key{le.Uint64(src), le.Uint32(src[8:])}] = mark{number: le.Uint64(src[12:])}
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
func (s Shards) Mark(ctx context.Context, stream uint64, shard uint32) (uint64, error) {
	var mark uint64
	for _, m := range s {
		at, err := m.Mark(ctx, stream, shard)
		if err != nil {
			return 0, err
		}
		mark = max(mark, at)
	}
	return mark, nil
}
