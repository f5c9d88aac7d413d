package exporttask

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"sluice/internal/crc32c"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// spool is the batches of many log streams, laid out by stream. What is stored
// lies in the order of time, many streams in each block, while objects are
// written a stream at a time: without a spool, each stream would unfold every
// block anew. It is filled by one pass over the store and read by stream; it is
// the store to whoever reads from it, with the same positions.
//
// A part holds the next batches in the order of their beginnings. It counts once
// its header does, which is synced together with all of it, so that a task goes
// on behind its last whole part after a crash; records of that one are checked
// then. Parts begin at multiples of 4096, with zeros between. Little-endian:
//
//	+--------+---------+-------+--------+------------+
//	| "SLXT" | streams | zero  | crc32c | uids       |   the file's header
//	|        | u32     | u32   | u32    | u64 each   |
//	+--------+---------+-------+--------+------------+
//	0        4         8       12       16       24        32      40       48
//	+--------+---------+-------+--------+--------+---------+-------+--------+
//	| "SLXP" | streams | places| zero   | bytes  | last ms | shard | number |   parts
//	|        | u32     | u32   | crc32c | u64    | i64     | u64   | u64    |
//	+--------+---------+-------+--------+--------+---------+-------+--------+
//	+--------------------------------+---------------------------------------+---------+
//	| streams: uid u64, places u32,  | places: shard u32, number u64, bytes  | records |
//	| zero u32, first record u64     | u32, least ms i64, greatest ms i64    |         |
//	+--------------------------------+---------------------------------------+---------+
//
// The crc32c of a part is that of its header, with zero in its place, and of both
// tables. A part without records, of no streams, says that the spool is whole.
//
// A large one is written and read around the machine's page cache: see around.go.
type spool struct {
	fsys    vfs.FS
	path    string
	file    vfs.File
	direct  vfs.File // around the page cache; nil: through it
	streams []uint64 // ascending uids
	parts   []spoolPart
	end     int64
	last    store.Place // where the last part ends
	whole   bool

	mu   sync.Mutex // guards what follows
	idle []*spoolReader
}

// spoolPart is what is kept in memory of a part.
type spoolPart struct{ streams []spoolSlice }

// spoolSlice is where a stream's batches lie in a part.
type spoolSlice struct {
	uid     uint64
	count   int
	places  int64 // offset of its places
	records int64 // offset of its first record
}

const (
	spoolExtension  = ".spool"
	spoolMagic      = 0x54584c53 // "SLXT"; with "SLXS" parts followed each other without a gap
	spoolPartMagic  = 0x50584c53 // "SLXP"
	spoolHeader     = 16
	spoolPartHeader = 48
	spoolStreamSize = 24
	spoolPlaceSize  = 32
)

var (
	le       = binary.LittleEndian
	errSpool = errors.New("export spool is damaged")
)

// createSpool begins a spool for streams, replacing what is there.
func createSpool(fsys vfs.FS, path string, streams []uint64) (*spool, error) {
	s := &spool{fsys: fsys, path: path, streams: slices.Sorted(slices.Values(streams))}
	head := le.AppendUint32(nil, spoolMagic)
	head = le.AppendUint32(head, uint32(len(s.streams)))
	head = append(head, make([]byte, 8)...)
	for _, uid := range s.streams {
		head = le.AppendUint64(head, uid)
	}
	le.PutUint32(head[12:], crc32c.Sum(head))
	var err error
	if s.file, err = vfs.Create(fsys, path); err != nil {
		return nil, fmt.Errorf("create export spool: %w", err)
	}
	if _, err = s.file.WriteAt(head, 0); err != nil {
		return nil, fmt.Errorf("create export spool: %w", errors.Join(err, s.close()))
	}
	s.end = alignUp(int64(len(head)))
	return s, nil
}

// openSpool finds the whole parts of a spool that a process before this one
// began. errSpool: there is nothing that could be used.
func openSpool(fsys vfs.FS, path string) (*spool, error) {
	file, err := fsys.OpenFile(path, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	s := &spool{fsys: fsys, path: path, file: file}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *spool) load() error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	var head [spoolHeader]byte
	if err := s.readAt(head[:], 0); err != nil {
		return err
	}
	n := int64(le.Uint32(head[4:]))
	if le.Uint32(head[:]) != spoolMagic || n > (size-spoolHeader)/8 {
		return errSpool
	}
	uids := make([]byte, 8*n)
	if err := s.readAt(uids, spoolHeader); err != nil {
		return err
	}
	sum := le.Uint32(head[12:])
	clear(head[12:])
	if crc32c.Update(crc32c.Sum(head[:]), uids) != sum {
		return errSpool
	}
	for at := range n {
		s.streams = append(s.streams, le.Uint64(uids[8*at:]))
	}
	s.end = alignUp(spoolHeader + 8*n)
	end, last := s.end, s.last // before the last part
	for !s.whole {
		endNow, lastNow := s.end, s.last
		if s.loadPart(size) != nil {
			break
		}
		end, last = endNow, lastNow
	}
	if n := len(s.parts); n > 0 && !s.whole && s.checkRecords(s.parts[n-1]) != nil {
		s.parts, s.end, s.last = s.parts[:n-1], end, last // it was not synced
	}
	return s.file.Truncate(s.end)
}

// loadPart reads the tables of the part at the end, if there is one.
func (s *spool) loadPart(size int64) error {
	var head [spoolPartHeader]byte
	if err := s.readAt(head[:], s.end); err != nil {
		return err
	}
	streams, places := int64(le.Uint32(head[4:])), int64(le.Uint32(head[8:]))
	bytes := int64(le.Uint64(head[16:]))
	tables := streams*spoolStreamSize + places*spoolPlaceSize
	if rest := size - s.end - spoolPartHeader; le.Uint32(head[:]) != spoolPartMagic || bytes < 0 || tables > rest || bytes > rest-tables {
		return errSpool
	}
	raw := make([]byte, tables)
	if err := s.readAt(raw, s.end+spoolPartHeader); err != nil {
		return err
	}
	sum := le.Uint32(head[12:])
	clear(head[12:16])
	if crc32c.Update(crc32c.Sum(head[:]), raw) != sum {
		return errSpool
	}
	s.add(raw[:streams*spoolStreamSize], s.end+spoolPartHeader+streams*spoolStreamSize)
	if n := len(s.parts) - 1; !s.parts[n].within(places, s.end+spoolPartHeader+tables, bytes) {
		s.parts = s.parts[:n]
		return errSpool
	}
	s.end = alignUp(s.end + spoolPartHeader + tables + bytes)
	s.last = store.Place{Least: int64(le.Uint64(head[24:])), Position: event.Position{Shard: uint32(le.Uint64(head[32:])), Number: le.Uint64(head[40:])}}
	s.whole = streams == 0
	return nil
}

// add takes in a part's table of streams, whose places begin at an offset.
func (s *spool) add(table []byte, places int64) {
	var p spoolPart
	for ; len(table) >= spoolStreamSize; table = table[spoolStreamSize:] {
		c := spoolSlice{uid: le.Uint64(table), count: int(le.Uint32(table[8:])), places: places, records: int64(le.Uint64(table[16:]))}
		p.streams = append(p.streams, c)
		places += int64(c.count) * spoolPlaceSize
	}
	s.parts = append(s.parts, p)
}

// within tells whether a part's tables are about so many places and about records of
// so many bytes from an offset on.
func (p *spoolPart) within(places, from, bytes int64) bool {
	for _, c := range p.streams {
		if places -= int64(c.count); places < 0 || c.records < from || c.records > from+bytes {
			return false
		}
	}
	return places == 0
}

// checkRecords reads what a crash may have torn.
func (s *spool) checkRecords(p spoolPart) error {
	for _, c := range p.streams {
		table := make([]byte, c.count*spoolPlaceSize)
		if err := s.readAt(table, c.places); err != nil {
			return err
		}
		at := c.records
		for ; len(table) > 0; table = table[spoolPlaceSize:] {
			size := le.Uint32(table[12:])
			if at < 0 || at+int64(size) > s.end {
				return errSpool
			}
			record := make([]byte, size)
			if err := s.readAt(record, at); err != nil {
				return err
			}
			if _, err := event.Open(record); err != nil {
				return err
			}
			at += int64(len(record))
		}
	}
	return nil
}

func (s *spool) readAt(b []byte, at int64) error {
	if n, err := s.file.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return nil
}

// holds tells whether the spool is for a stream.
func (s *spool) holds(uid uint64) bool {
	_, found := slices.BinarySearch(s.streams, uid)
	return found
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if s.direct != nil {
		err = errors.Join(err, s.direct.Close())
	}
	s.file, s.direct = nil, nil
	return err
}

// reader returns the spool as one worker reads it, until it gives the reader back.
func (s *spool) reader() *spoolReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return &spoolReader{spool: s, records: map[event.Position]spoolRecord{}}
	}
	r := s.idle[n-1]
	s.idle = s.idle[:n-1]
	return r
}

func (s *spool) giveBack(r *spoolReader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, r)
}

// spoolReader is Events over a spool, for one goroutine.
type spoolReader struct {
	spool   *spool
	records map[event.Position]spoolRecord // of the last Places
	buf     []byte
	windows []*window
	last    *window // the one that was read last
}

type spoolRecord struct {
	at   int64
	size uint32
	end  int64 // of the stream's records in the part
}

// Durable is the store's affair.
func (r *spoolReader) Durable() []uint64 { return nil }

// Places visits those of one log stream. The positions that the query is for
// were left out when the spool was filled.
func (r *spoolReader) Places(_ context.Context, q store.Query, _ []uint64, visit func(store.Place)) error {
	clear(r.records)
	for _, p := range r.spool.parts {
		i, found := slices.BinarySearchFunc(p.streams, q.Stream, func(c spoolSlice, uid uint64) int { return cmp.Compare(c.uid, uid) })
		if !found {
			continue
		}
		c := p.streams[i]
		r.buf = slices.Grow(r.buf[:0], c.count*spoolPlaceSize)[:c.count*spoolPlaceSize]
		if err := r.spool.readAt(r.buf, c.places); err != nil {
			return err
		}
		at, end := c.records, c.records
		for table := r.buf; len(table) > 0; table = table[spoolPlaceSize:] {
			end += int64(le.Uint32(table[12:]))
		}
		for table := r.buf; len(table) > 0; table = table[spoolPlaceSize:] {
			place := store.Place{
				Position: event.Position{Shard: le.Uint32(table), Number: le.Uint64(table[4:])}, Stream: q.Stream,
				Least: int64(le.Uint64(table[16:])), Greatest: int64(le.Uint64(table[24:])),
			}
			size := le.Uint32(table[12:])
			if place.Least < q.To && place.Greatest >= q.From {
				r.records[place.Position] = spoolRecord{at, size, end}
				visit(place)
			}
			at += int64(size)
		}
	}
	return nil
}

// Batch visits a batch that Places has shown.
func (r *spoolReader) Batch(p event.Position, visit func(event.Batch) error) (err error) {
	record, ok := r.records[p]
	if !ok {
		return fmt.Errorf("%w: no batch %v", errSpool, p)
	}
	_, text := r.around(record)
	if text == nil {
		if r.buf, err = r.copy(record, r.buf); err != nil {
			return err
		}
		text = r.buf
	}
	b, err := event.View(text)
	if err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	return visit(b)
}

// Lend opens a batch that Places has shown, in a window if it can be.
func (r *spoolReader) Lend(p event.Position, o *opened) (err error) {
	record, ok := r.records[p]
	if !ok {
		return fmt.Errorf("%w: no batch %v", errSpool, p)
	}
	w, text := r.around(record)
	switch {
	case w == nil:
		o.record, err = r.copy(record, o.record)
		text = o.record
	case w.copied:
		o.record = append(o.record[:0], text...)
		w, text = nil, o.record
	}
	if err != nil {
		return err
	}
	if o.batch, err = event.View(text); err != nil {
		return fmt.Errorf("%w: %w", errSpool, err)
	}
	if w != nil {
		o.lender = w
		w.lent++
	}
	return nil
}

// copy reads a record through the page cache.
func (r *spoolReader) copy(record spoolRecord, dst []byte) ([]byte, error) {
	dst = slices.Grow(dst[:0], int(record.size))[:record.size]
	return dst, r.spool.readAt(dst, record.at)
}
