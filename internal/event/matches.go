package event

import (
	"fmt"
	"iter"
	"unicode/utf8"
)

// Matches is the frame in which the output of the filters and the input position
// it covers become durable together:
//
//	+-----------+------------+-------------+--------------------+
//	| input end | arrived ms | filters u32 | filters x tally    |
//	+-----------+------------+-------------+--------------------+
//	tally: | filter uid | read u64 | matched u64 | matched bytes u64 |
//	then entries up to the end of the frame:
//	+----------+-----+------------+--------+-------+-------+------+----------+
//	| size u32 | key | filter uid | source | count | bytes | kind | name len |
//	|          |     |            | number | u32   | u32   | u8   | u8       |
//	+----------+-----+------------+--------+-------+-------+------+----------+
//	| filter name | kind all: nothing; bitmap: one bit an event;            |
//	|             | copy: a sealed record of the matching events            |
//	|             | deltas: what metric filters made of the events          |
//	+-------------+---------------------------------------------------------+
//
// kind is three bits, those above are the filter's Traits. input end is the first
// position of the same shard that was not read yet.
type Matches struct {
	// InputEnd is the first position that the filters have not read.
	InputEnd uint64
	// Arrived is when the matches reached their streams, ms of the event clock.
	Arrived int64

	tallies []byte
	entries []byte
}

// Tally counts what one filter did.
type Tally struct {
	Filter        uint64
	Read, Matched uint64
	Bytes         uint64 // of the messages matched
}

// Match is one entry: the events of one batch that one filter sends to one
// stream.
type Match struct {
	Key    uint64 // stream
	Filter uint64 // filter uid
	Source uint64 // number of the batch's frame in the same shard
	Count  uint32 // events
	Bytes  uint32 // of their messages
	Kind   MatchKind
	Traits Traits // what else the filter asked for
	Name   []byte // the filter's name
	Body   []byte // bitmap or record
}

// MatchKind tells how an entry holds its events.
type MatchKind uint8

// The kinds of entry.
const (
	MatchAll    MatchKind = iota // every event of the source batch
	MatchBitmap                  // some, by a bitmap over the source batch
	MatchCopy                    // some, copied into a record of their own
	MatchDeltas                  // no events: samples of metrics; see AppendDeltas
)

const (
	matchesHeader = 8 + 8 + 4
	tallySize     = 32
	matchHeader   = 4 + 8 + 8 + 8 + 4 + 4 + 1 + 1
	maxFilterName = 255
)

// AppendMatches starts a frame's payload; AppendMatch adds the entries.
func AppendMatches(dst []byte, inputEnd uint64, arrived int64, tallies []Tally) []byte {
	dst = le.AppendUint64(dst, inputEnd)
	dst = le.AppendUint64(dst, uint64(arrived))
	dst = le.AppendUint32(dst, uint32(len(tallies)))
	for _, t := range tallies {
		dst = le.AppendUint64(dst, t.Filter)
		dst = le.AppendUint64(dst, t.Read)
		dst = le.AppendUint64(dst, t.Matched)
		dst = le.AppendUint64(dst, t.Bytes)
	}
	return dst
}

// AppendMatch adds the selected events of a batch to a payload. It copies a
// selection of less than half of the batch's bytes, if that is at most maxCopy
// bytes, and refers to the batch otherwise.
func AppendMatch(dst []byte, m Match, src Batch, sel Selection, maxCopy int) ([]byte, error) {
	d := Delivery{Batch: src, Selection: sel}
	m.Count, m.Bytes = uint32(d.Events()), uint32(d.Bytes())
	switch {
	case int(m.Count) == src.Len():
		m.Kind = MatchAll
	case int(m.Bytes) < src.MessageBytes()/2 && int(m.Bytes) <= maxCopy:
		m.Kind = MatchCopy
	default:
		m.Kind = MatchBitmap
	}
	name := cutName(m.Name)
	from := len(dst)
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint64(dst, m.Key)
	dst = le.AppendUint64(dst, m.Filter)
	dst = le.AppendUint64(dst, m.Source)
	dst = le.AppendUint32(dst, m.Count)
	dst = le.AppendUint32(dst, m.Bytes)
	dst = append(dst, packKind(m.Kind, m.Traits), byte(len(name)))
	dst = append(dst, name...)
	var err error
	switch m.Kind {
	case MatchBitmap:
		dst = appendBitmap(dst, src.Len(), sel)
	case MatchCopy:
		dst, err = AppendSelected(dst, src, sel)
	}
	le.PutUint32(dst[from:], uint32(len(dst)-from))
	return dst, err
}

// cutName shortens a filter's name to whole characters: what outsiders read of it is
// JSON.
func cutName(name []byte) []byte {
	if len(name) <= maxFilterName {
		return name
	}
	n := maxFilterName
	for n > maxFilterName-utf8.UTFMax && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// AppendDeltas adds samples of metrics to a payload, which body appends. What
// they look like is known to whoever keeps metrics.
func AppendDeltas(dst []byte, body func(dst []byte) []byte) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, matchHeader)...)
	dst[from+matchHeader-2] = byte(MatchDeltas)
	dst = body(dst)
	le.PutUint32(dst[from:], uint32(len(dst)-from))
	return dst
}

func appendBitmap(dst []byte, events int, sel Selection) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, (events+7)/8)...)
	for _, i := range sel {
		dst[from+int(i/8)] |= 1 << (i % 8)
	}
	return dst
}

// OpenMatches checks the bounds of a payload and returns its view. The records
// in it are checked by Delivery.
func OpenMatches(payload []byte) (Matches, error) {
	if len(payload) < matchesHeader {
		return Matches{}, fmt.Errorf("%w: matches of %d bytes", ErrCorrupt, len(payload))
	}
	m := Matches{InputEnd: le.Uint64(payload), Arrived: int64(le.Uint64(payload[8:]))}
	tallies := uint64(le.Uint32(payload[16:])) * tallySize
	rest := payload[matchesHeader:]
	if tallies > uint64(len(rest)) {
		return Matches{}, fmt.Errorf("%w: tallies of %d bytes in %d", ErrCorrupt, tallies, len(rest))
	}
	m.tallies, m.entries = rest[:tallies], rest[tallies:]
	for e := m.entries; len(e) > 0; {
		size, err := entrySize(e)
		if err != nil {
			return Matches{}, err
		}
		e = e[size:]
	}
	return m, nil
}

func entrySize(e []byte) (int, error) {
	if len(e) < matchHeader {
		return 0, fmt.Errorf("%w: match entry cut short", ErrCorrupt)
	}
	size := uint64(le.Uint32(e))
	if name := uint64(e[matchHeader-1]); size > uint64(len(e)) || size < matchHeader+name {
		return 0, fmt.Errorf("%w: match entry of %d bytes in %d", ErrCorrupt, size, len(e))
	}
	return int(size), nil
}

// Tallies yields what the filters did.
func (m Matches) Tallies() iter.Seq[Tally] {
	return func(yield func(Tally) bool) {
		for t := m.tallies; len(t) > 0; t = t[tallySize:] {
			if !yield(Tally{le.Uint64(t), le.Uint64(t[8:]), le.Uint64(t[16:]), le.Uint64(t[24:])}) {
				return
			}
		}
	}
}

// Deltas yields what AppendDeltas added, views into the payload.
func (m Matches) Deltas() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for entry := range m.all() {
			if entry.Kind == MatchDeltas && !yield(entry.Body) {
				return
			}
		}
	}
}

// Entries yields the matches, views into the payload.
func (m Matches) Entries() iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for entry := range m.all() {
			if entry.Kind != MatchDeltas && !yield(entry) {
				return
			}
		}
	}
}

// all yields every entry, samples too.
func (m Matches) all() iter.Seq[Match] {
	return func(yield func(Match) bool) {
		for e := m.entries; len(e) > 0; {
			size := int(le.Uint32(e))
			name := int(e[matchHeader-1])
			entry := Match{
				Key: le.Uint64(e[4:]), Filter: le.Uint64(e[12:]), Source: le.Uint64(e[20:]),
				Count: le.Uint32(e[28:]), Bytes: le.Uint32(e[32:]),
				Name: e[matchHeader : matchHeader+name], Body: e[matchHeader+name : size],
			}
			entry.Kind, entry.Traits = unpackKind(e[36])
			if !yield(entry) {
				return
			}
			e = e[size:]
		}
	}
}

// Delivery opens the entry's events. source returns the record of the batch that
// an entry without a copy refers to.
func (m Match) Delivery(source func(number uint64) (Batch, error)) (Delivery, error) {
	d := Delivery{Key: m.Key, Filter: string(m.Name), Traits: m.Traits, Position: Position{Number: m.Source}}
	var err error
	if m.Kind == MatchCopy {
		d.Batch, err = Open(m.Body)
	} else {
		d.Batch, err = source(m.Source)
	}
	if err == nil && m.Kind == MatchBitmap {
		d.Selection, err = m.selection(d.Batch.Len())
	}
	if err == nil && d.Events() != int(m.Count) {
		err = fmt.Errorf("%w: %d events in a match of %d", ErrCorrupt, d.Events(), m.Count)
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("open match of %d: %w", m.Source, err)
	}
	return d, nil
}

func (m Match) selection(events int) (Selection, error) {
	if len(m.Body) != (events+7)/8 || int(m.Count) > events {
		return nil, fmt.Errorf("%w: bitmap of %d bytes for %d events", ErrCorrupt, len(m.Body), events)
	}
	sel := make(Selection, 0, m.Count)
	for i := range events {
		if m.Body[i/8]>>(i%8)&1 != 0 {
			sel = append(sel, uint32(i))
		}
	}
	return sel, nil
}
