package firehose

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"sort"
	"sync"

	"github.com/cespare/xxhash/v2"

	"sluice/internal/event"
	"sluice/internal/vfs"
)

// spool keeps what a lane outside has read and not delivered, in scratch files.
// There is no truth in it: whatever it loses is read from the source again. A file
// is a run of chunks, a chunk a run of records:
//
//	+-----------+-------+------------+-----------+--------+---------+
//	| value u32 | flags | filter u16 | token u16 | number | arrived |
//	|           | u8    | length     | length    | u64    | ms u64  |
//	+-----------+-------+------------+-----------+--------+---------+
//	+-----------------------------+--------+-------+-------+
//	| key: stream u64, first u64, | filter | token | value |
//	| shard u32, part u32, lane   |        |       |       |
//	| u64                         |        |       |       |
//	+-----------------------------+--------+-------+-------+
//
// Flag 1: the value is a sealed batch. The list of chunks, with their hashes, is
// in memory, some 200 bytes each; a chunk is what a fetch brought, or chunkBytes
// of it.
//
// One goroutine adds, flushes, drops and resets; any may read. What is read must
// not be released meanwhile.
type spool struct {
	fs   vfs.FS
	dir  string
	more chan struct{} // a signal after more came, for the lane
	room chan struct{} // a signal after something was released

	// of the goroutine that adds
	open   *chunk // being filled
	buffer []byte // its frames
	file   *scratch

	mu     sync.Mutex    // guards what follows
	chunks []*chunk      // in order; each is never changed once it is listed
	next   Place         // behind everything that is here
	marks  keyMarks      // as of next
	base   Place         // of the lane: everything below is released
	before keyMarks      // as of base
	held   int64         // bytes in files
	files  int           // made so far: the next one's name
	broken bool          // a file is damaged: reset
	grown  chan struct{} // closed when next moves
}

// chunk is some records that follow each other.
type chunk struct {
	file       *scratch
	at, size   int64 // in the file
	sum        uint64
	first, end uint64 // positions: of the first record, and one that is behind the last
	token      string // of the place behind the last record
	count      int64
	bytes      int64 // of messages and data
	oldest     int64 // arrival at the source, ms
	fetched    int64 // ms
	marks      keyMarks
}

// scratch is one file. refs is guarded by the spool's mu.
type scratch struct {
	vfs.File
	name string
	size int64
	refs int // chunks in it, and one while it is written to
}

const (
	frameHead    = 4 + 1 + 2 + 2 + 8 + 8 + 32
	flagBatch    = 1
	chunkBytes   = 1 << 20
	scratchBytes = 16 << 20
)

// errSpool says that the scratch does not hold what was written there.
var errSpool = errors.New("scratch file is damaged")

// newSpool is a spool in a folder of its own, which is made with its first file.
func newSpool(fsys vfs.FS, dir string) *spool {
	return &spool{fs: fsys, dir: dir, more: make(chan struct{}, 1), room: make(chan struct{}, 1), grown: make(chan struct{})}
}

// reset empties the spool; what comes next lies at a place, behind these marks.
func (s *spool) reset(at Place, before keyMarks) {
	s.drop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.chunks {
		s.release(c)
	}
	if s.file != nil {
		s.unref(s.file)
		s.file = nil
	}
	s.chunks, s.next, s.base, s.before, s.marks, s.broken = nil, at, at, before, before.clone(), false
}

// close removes everything.
func (s *spool) close() {
	s.reset(Place{}, nil)
	// What is left over goes when the room opens the next time.
	_ = s.fs.Remove(s.dir)
}

// release lets go of a chunk. mu is held.
func (s *spool) release(c *chunk) {
	s.held -= c.size
	s.unref(c.file)
}

// unref removes a file that nobody needs any more. mu is held.
func (s *spool) unref(f *scratch) {
	if f.refs--; f.refs > 0 {
		return
	}
	_ = f.Close() // only scratch
	_ = s.fs.Remove(f.name)
}

// add takes a record that follows those before. A duplicate is not taken.
func (s *spool) add(r *Record, now int64) (taken bool, err error) {
	if len(r.Filter) > math.MaxUint16 || len(r.Place.Token) > math.MaxUint16 {
		return false, fmt.Errorf("spool record %d: a name of %d bytes", r.Number, max(len(r.Filter), len(r.Place.Token)))
	}
	c := s.open
	if r.Key != (Key{}) && (s.marks.has(r.Key) || c != nil && c.marks.has(r.Key)) {
		return false, nil
	}
	if c == nil {
		c = &chunk{first: r.Number, fetched: now, marks: keyMarks{}, oldest: r.Arrived}
		s.open = c
	}
	n, bytes, batch := int64(1), int64(len(r.Value)), false
	if r.Batch {
		if b, err := event.Open(r.Value); err == nil { // else it is delivered as some bytes
			n, bytes, batch = int64(b.Len()), int64(b.MessageBytes()), true
		}
	}
	s.buffer = appendFrame(s.buffer, r, batch)
	c.end, c.token = r.Number+1, r.Place.Token
	c.count, c.bytes, c.oldest = c.count+n, c.bytes+bytes, min(c.oldest, r.Arrived)
	if r.Key != (Key{}) {
		c.marks.put(r.Key, r.Number)
	}
	if len(s.buffer) >= chunkBytes {
		return true, s.flush(Place{r.Number + 1, r.Place.Token})
	}
	return true, nil
}

func appendFrame(dst []byte, r *Record, batch bool) []byte {
	flags := byte(0)
	if batch {
		flags = flagBatch
	}
	dst = append(le.AppendUint32(dst, uint32(len(r.Value))), flags)
	dst = le.AppendUint16(le.AppendUint16(dst, uint16(len(r.Filter))), uint16(len(r.Place.Token)))
	dst = le.AppendUint64(le.AppendUint64(dst, r.Number), uint64(r.Arrived))
	dst = le.AppendUint64(le.AppendUint64(dst, r.Key.Stream), r.Key.First)
	dst = le.AppendUint32(le.AppendUint32(dst, r.Key.Shard), r.Key.Part)
	dst = le.AppendUint64(dst, r.Key.Lane)
	return append(append(append(dst, r.Filter...), r.Place.Token...), r.Value...)
}

// flush writes and lists what was added: everything below next is here then.
func (s *spool) flush(next Place) error {
	c := s.open
	if c == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.grow(next)
		return nil
	}
	if err := s.rotate(); err != nil {
		return err
	}
	c.file, c.at, c.size, c.sum = s.file, s.file.size, int64(len(s.buffer)), xxhash.Sum64(s.buffer)
	if _, err := c.file.WriteAt(s.buffer, c.at); err != nil {
		return fmt.Errorf("write scratch: %w", err)
	}
	c.end = max(c.end, next.Number) // holes at the end belong to it
	s.open, s.buffer = nil, s.buffer[:0]

	s.mu.Lock()
	defer s.mu.Unlock()
	c.file.size += c.size
	c.file.refs++
	s.chunks = append(s.chunks, c)
	s.held += c.size
	s.grow(next)
	s.marks.merge(c.marks)
	signal(s.more)
	return nil
}

// grow wakes who waits for what is below next. mu is held.
func (s *spool) grow(next Place) {
	if s.next != next {
		s.next = next
		close(s.grown)
		s.grown = make(chan struct{})
	}
}

// await returns when everything below a position was read.
func (s *spool) await(ctx context.Context, position uint64) error {
	for {
		s.mu.Lock()
		next, grown := s.next.Number, s.grown
		s.mu.Unlock()
		if next >= position {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drop forgets what was added since the last flush.
func (s *spool) drop() { s.open, s.buffer = nil, s.buffer[:0] }

// rotate has a file at hand to write to.
func (s *spool) rotate() error {
	if s.file != nil && s.file.size < scratchBytes {
		return nil
	}
	s.mu.Lock()
	if s.file != nil {
		s.unref(s.file)
		s.file = nil
	}
	s.files++
	name := path.Join(s.dir, fmt.Sprintf("%08d", s.files))
	s.mu.Unlock()
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	f, err := vfs.Create(s.fs, name)
	if err != nil {
		return fmt.Errorf("make scratch file: %w", err)
	}
	s.file = &scratch{File: f, name: name, refs: 1}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// head is where fetching goes on, and how much is held.
func (s *spool) head() (next Place, held int64, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next, s.held, s.broken
}

// from is the index of the first chunk that has something at or after a position.
// mu is held.
func (s *spool) from(at uint64) int {
	return sort.Search(len(s.chunks), func(i int) bool { return s.chunks[i].end > at })
}

// span is the smallest run of chunks at or after from that reaches maxBytes.
func (s *spool) span(from uint64, maxBytes int64) event.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	span := event.Span{Range: event.Range{Start: from, End: from}}
	for _, c := range s.chunks[s.from(from):] {
		if span.Count > 0 && span.Bytes >= maxBytes {
			break
		}
		if span.Count == 0 || c.oldest < span.Oldest {
			span.Oldest = c.oldest
		}
		span.Range.End, span.Count, span.Bytes = c.end, span.Count+c.count, span.Bytes+c.bytes
	}
	return span
}

// fetched is when what lies at or after a position was read from the source, ms.
func (s *spool) fetched(at uint64) (ms int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.from(at); i < len(s.chunks) {
		return s.chunks[i].fetched, true
	}
	return 0, false
}

// advance releases what is below a place, which at made.
func (s *spool) advance(to Place, marks keyMarks) error {
	whole := s.within(to.Number)
	var rest *chunk
	if whole != nil {
		var err error
		if rest, err = s.cut(whole, to.Number); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.from(to.Number)
	for _, c := range s.chunks[:i] {
		s.release(c)
	}
	if i < len(s.chunks) && s.chunks[i] == whole { // and not one of after a reset
		s.held -= whole.size - rest.size
		s.chunks[i] = rest
	}
	s.chunks = slices.Delete(s.chunks, 0, i)
	s.base, s.before = to, marks
	if s.next.Number < to.Number { // a gap
		s.grow(to)
	}
	signal(s.room)
	return nil
}

// within is the chunk that has a position inside; nil if none has.
func (s *spool) within(position uint64) *chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.from(position); i < len(s.chunks) && s.chunks[i].first < position {
		return s.chunks[i]
	}
	return nil
}

// mend empties a spool of which a file is damaged, and tells whether it was.
func (s *spool) mend() bool {
	s.mu.Lock()
	broken, base, before := s.broken, s.base, s.before
	s.mu.Unlock()
	if broken {
		s.reset(base, before)
	}
	return broken
}

// refill has the spool emptied, and filled from a place on.
func (s *spool) refill(at Place, before keyMarks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base, s.before, s.broken = at, before, true
	signal(s.room)
}

// skip has the source read on from a place: there is nothing up to there.
func (s *spool) skip(to Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow(to)
}
