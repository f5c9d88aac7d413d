package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"sluice/internal/crc32c"
)

// Limits of one batch. The Builder refuses more; whoever takes unlimited bodies
// splits.
const (
	MaxEvents = 65_535
	MaxText   = 16 << 20
	MaxSpan   = 1<<32 - 1 // ms between the least and the greatest timestamp
	maxSource = 4 * 4096
)

const (
	magic      = "SLB1"
	version    = 1
	headerSize = 80

	flagIndexes = 1 << 0
	knownFlags  = flagIndexes
)

// Offsets in the header, as drawn in the package doc.
const (
	offVersion   = 4
	offFlags     = 5
	offHops      = 6
	offRecord    = 8
	offText      = 12
	offCount     = 16
	offSource    = 20
	offBase      = 24
	offIngested  = 32
	offRequest   = 40
	offGroup     = 48
	offStream    = 56
	offShard     = 64
	offFirst     = 68
	offNumber    = 72
	sourceHeader = 8
	crcSize      = 4
)

var (
	le = binary.LittleEndian
)

// ErrCorrupt says that bytes are no sealed batch. Errors of Open wrap it.
var ErrCorrupt = errors.New("corrupt batch")

// Header is what a batch carries besides its events.
type Header struct {
	Ingested  int64    // ms, when the events were accepted
	Request   uint64   // names the request in event ids
	GroupUID  uint64   // log group; uids are never used again
	StreamUID uint64   // log stream
	Origin    Position // where the batch was stored first; zero for events born here
	Hops      uint8    // how many sluices it travelled through
}

// Source names where events come from, for people; uids are what counts.
type Source struct {
	Account, Region, LogGroup, LogStream string
}

// Batch is one sealed record. The zero Batch has no events. It is a view: it
// shares, and never changes, the bytes it was opened on.
type Batch struct {
	rec     []byte
	text    []byte
	ends    []byte
	deltas  []byte
	indexes []byte // empty unless the record has explicit indexes
	source  []byte
}

// Open checks a record (crc and every bound) and returns its view. What follows
// the record in rec is ignored.
func Open(rec []byte) (Batch, error) {
	b, err := layout(rec)
	if err != nil {
		return Batch{}, err
	}
	body := b.rec[:len(b.rec)-crcSize]
	if crc32c.Sum(body) != le.Uint32(b.rec[len(body):]) {
		return Batch{}, fmt.Errorf("%w: checksum mismatch", ErrCorrupt)
	}
	if err := b.checkEnds(); err != nil {
		return Batch{}, err
	}
	return b, b.checkSource()
}

// View returns the view of a record that this process sealed or opened before
// and that lay behind a checksum since, without the checks of Open.
func View(rec []byte) (Batch, error) { return layout(rec) }

// layout finds the parts of a record and checks that they lie inside it.
func layout(rec []byte) (Batch, error) {
	if len(rec) < headerSize || string(rec[:4]) != magic {
		return Batch{}, fmt.Errorf("%w: no batch header", ErrCorrupt)
	}
	if rec[offVersion] != version || rec[offFlags]&^knownFlags != 0 {
		return Batch{}, fmt.Errorf("%w: version %d, flags %#x not known", ErrCorrupt, rec[offVersion], rec[offFlags])
	}
	size, text := int64(le.Uint32(rec[offRecord:])), int64(le.Uint32(rec[offText:]))
	count, source := int64(le.Uint32(rec[offCount:])), int64(le.Uint32(rec[offSource:]))
	if text > MaxText || count > MaxEvents || source > maxSource || source < sourceHeader {
		return Batch{}, fmt.Errorf("%w: a part is over its limit", ErrCorrupt)
	}
	var indexes int64
	if rec[offFlags]&flagIndexes != 0 {
		indexes = 2 * count
	}
	if want := headerSize + text + 8*count + indexes + source + crcSize; want != size || size > int64(len(rec)) {
		return Batch{}, fmt.Errorf("%w: parts of %d bytes in a record of %d, %d at hand", ErrCorrupt, want, size, len(rec))
	}
	b := Batch{rec: rec[:size:size]}
	next := func(n int64) []byte {
		part := rec[:n:n]
		rec = rec[n:]
		return part
	}
	next(headerSize)
	b.text, b.ends, b.deltas = next(text), next(4*count), next(4*count)
	b.indexes, b.source = next(indexes), next(source)
	return b, nil
}

// checkEnds proves that the ends rise, stay in the text and are each followed
// by the separator.
func (b Batch) checkEnds() error {
	start := 0
	for i := range b.Len() {
		end := int(le.Uint32(b.ends[4*i:]))
		if end < start || end >= len(b.text) || b.text[end] != '\n' {
			return fmt.Errorf("%w: end of event %d", ErrCorrupt, i)
		}
		start = end + 1
	}
	if start != len(b.text) {
		return fmt.Errorf("%w: text after the last event", ErrCorrupt)
	}
	return nil
}

func (b Batch) checkSource() error {
	size := sourceHeader
	for i := range 4 {
		size += int(le.Uint16(b.source[2*i:]))
	}
	if size != len(b.source) {
		return fmt.Errorf("%w: source names", ErrCorrupt)
	}
	return nil
}

// Len is the number of events.
func (b Batch) Len() int { return len(b.ends) / 4 }

// Record is the sealed record itself.
func (b Batch) Record() []byte { return b.rec }

// Text is all messages, each followed by one line feed.
func (b Batch) Text() []byte { return b.text }

// MessageBytes is the sum of the messages' lengths.
func (b Batch) MessageBytes() int { return len(b.text) - b.Len() }

// AppendEnds appends the end of every message in Text to dst.
func (b Batch) AppendEnds(dst []uint32) []uint32 {
	for ends := b.ends; len(ends) >= 4; ends = ends[4:] {
		dst = append(dst, le.Uint32(ends))
	}
	return dst
}

// span is where message i lies in Text.
func (b Batch) span(i int) (start, end int) {
	if i > 0 {
		start = int(le.Uint32(b.ends[4*i-4:])) + 1
	}
	return start, int(le.Uint32(b.ends[4*i:]))
}

// Message is event i's text.
func (b Batch) Message(i int) []byte {
	start, end := b.span(i)
	return b.text[start:end:end]
}

// Lines is the text of events [from, to), each with its line feed.
func (b Batch) Lines(from, to int) []byte {
	if from >= to {
		return nil
	}
	start, _ := b.span(from)
	_, end := b.span(to - 1)
	return b.text[start : end+1 : end+1]
}

// LineBytes is the length of Lines, for callers that ask about few events at a time.
func (b *Batch) LineBytes(from, to int) int {
	if from >= to {
		return 0
	}
	start, _ := b.span(from)
	_, end := b.span(to - 1)
	return end + 1 - start
}

// Timestamp is event i's time in ms.
func (b Batch) Timestamp(i int) int64 { return b.Base() + int64(le.Uint32(b.deltas[4*i:])) }

// Base is the least timestamp of the batch, in ms.
func (b Batch) Base() int64 { return int64(le.Uint64(b.rec[offBase:])) }

// Span returns the least and the greatest timestamp, in ms.
func (b Batch) Span() (least, greatest int64) {
	var max uint32
	for d := b.deltas; len(d) >= 4; d = d[4:] {
		if v := le.Uint32(d); v > max {
			max = v
		}
	}
	return b.Base(), b.Base() + int64(max)
}

// InOrder tells whether no event is earlier than the one before it.
func (b Batch) InOrder() bool {
	last := uint32(0)
	for d := b.deltas; len(d) >= 4; d = d[4:] {
		v := le.Uint32(d)
		if v < last {
			return false
		}
		last = v
	}
	return true
}

// Index is event i's place in the request that brought it.
func (b Batch) Index(i int) uint16 {
	if len(b.indexes) > 0 {
		return le.Uint16(b.indexes[2*i:])
	}
	return uint16(le.Uint32(b.rec[offFirst:]) + uint32(i))
}

// ID is event i's identity.
func (b Batch) ID(i int) ID {
	return ID{Timestamp: b.Timestamp(i), Ingested: b.Ingested(), Request: b.Request(), Index: b.Index(i)}
}

// Header returns what the batch carries besides its events.
func (b Batch) Header() Header {
	return Header{
		Ingested: b.Ingested(), Request: b.Request(),
		GroupUID: b.GroupUID(), StreamUID: b.StreamUID(),
		Origin: Position{Shard: le.Uint32(b.rec[offShard:]), Number: le.Uint64(b.rec[offNumber:])},
		Hops:   b.rec[offHops],
	}
}

// Ingested is when the events were accepted, in ms.
func (b Batch) Ingested() int64 { return int64(le.Uint64(b.rec[offIngested:])) }

// Request names the request in event ids.
func (b Batch) Request() uint64 { return le.Uint64(b.rec[offRequest:]) }

// GroupUID is the log group's uid.
func (b Batch) GroupUID() uint64 { return le.Uint64(b.rec[offGroup:]) }

// StreamUID is the log stream's uid.
func (b Batch) StreamUID() uint64 { return le.Uint64(b.rec[offStream:]) }

// Source returns the names of where the events come from. It allocates.
func (b Batch) Source() Source {
	rest := b.source[sourceHeader:]
	name := func(i int) string {
		n := le.Uint16(b.source[2*i:])
		s := string(rest[:n])
		rest = rest[n:]
		return s
	}
	return Source{Account: name(0), Region: name(1), LogGroup: name(2), LogStream: name(3)}
}

// Runs yields the runs [from, to) of neighbouring events that a selection
// holds; all events for nil.
func (b Batch) Runs(sel Selection) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if sel == nil {
			if b.Len() > 0 {
				yield(0, b.Len())
			}
			return
		}
		for i := 0; i < len(sel); {
			j := i + 1
			for j < len(sel) && sel[j] == sel[j-1]+1 {
				j++
			}
			if !yield(int(sel[i]), int(sel[j-1])+1) {
				return
			}
			i = j
		}
	}
}
