package compact

import (
	"bytes"
	"errors"

	"sluice/internal/event"
)

// maxRecords bounds the records of one block when they are put together again:
// a file that lies about its sizes must not cost more memory than this.
const maxRecords = 512 << 20

// row is what a block of batches keeps of each batch besides its events.
type row struct {
	number uint64
	event.Fields
	span   uint32 // greatest - least timestamp, ms
	count  uint32 // events
	text   uint32 // bytes
	source uint32 // in the block's table of names
}

func (r *row) greatest() int64 { return r.Base + int64(r.span) }

// sizes are those the row's record is laid out by.
func (r *row) sizes(sources [][]byte) event.Sizes {
	return event.Sizes{Text: int(r.text), Count: int(r.count), Source: len(sources[r.source])}
}

var (
	errColumn   = errors.New("column does not unfold")
	errChecksum = errors.New("checksum mismatch")
)

// appendPlaces writes the places column: what a query decides by, field after
// field, because values of one field resemble each other.
func appendPlaces(dst []byte, h *header, rows []row) []byte {
	number, base := h.first, h.least
	streams := make(map[uint64]uint64)
	var order []uint64
	for i := range rows {
		if _, known := streams[rows[i].StreamUID]; !known {
			streams[rows[i].StreamUID] = uint64(len(order))
			order = append(order, rows[i].StreamUID)
		}
	}
	dst = appendUvarint(dst, uint64(len(order)))
	for _, uid := range order {
		dst = le.AppendUint64(dst, uid)
	}
	for i := range rows {
		dst = appendUvarint(dst, zigzag(int64(rows[i].number-number)))
		number = rows[i].number
	}
	for i := range rows {
		dst = appendUvarint(dst, streams[rows[i].StreamUID])
	}
	for i := range rows {
		dst = appendUvarint(dst, zigzag(rows[i].Base-base))
		base = rows[i].Base
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].span))
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].count))
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].text))
	}
	return dst
}

// readPlaces reads the places column into rows, which has one element a batch.
func readPlaces(col []byte, h *header, rows []row) error {
	r := reader{rest: col}
	n := r.uvarint()
	if n > uint64(len(r.rest)/8) {
		return errColumn
	}
	uids := r.bytes(8 * int(n))
	number, base := h.first, h.least
	for i := range rows {
		number += uint64(r.varint())
		rows[i].number, rows[i].GroupUID = number, h.group
	}
	for i := range rows {
		at := r.uvarint()
		if at >= n {
			return errColumn
		}
		rows[i].StreamUID = le.Uint64(uids[8*at:])
	}
	for i := range rows {
		base += r.varint()
		rows[i].Base = base
	}
	for i := range rows {
		rows[i].span = uint32(r.uvarint())
	}
	var events, text uint64
	for i := range rows {
		rows[i].count = uint32(min(r.uvarint(), event.MaxEvents+1))
		events += uint64(rows[i].count)
	}
	for i := range rows {
		rows[i].text = uint32(min(r.uvarint(), event.MaxText+1))
		text += uint64(rows[i].text)
	}
	if !r.done() || events != uint64(h.events) || text != uint64(h.columns[colText].raw) {
		return errColumn
	}
	return nil
}

// appendRest writes the rest column: header fields, then names, then indexes.
func appendRest(dst []byte, rows []row, sources [][]byte, indexes []byte) []byte {
	for i := range rows {
		dst = append(dst, rows[i].Flags)
	}
	for i := range rows {
		dst = append(dst, rows[i].Hops, rows[i].Reserved)
	}
	for i := range rows {
		dst = appendUvarint(dst, zigzag(rows[i].Ingested-rows[i].Base))
	}
	for i := range rows {
		dst = le.AppendUint64(dst, rows[i].Request)
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].OriginShard))
	}
	for i := range rows {
		dst = appendUvarint(dst, rows[i].OriginNumber)
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].FirstIndex))
	}
	for i := range rows {
		dst = appendUvarint(dst, uint64(rows[i].source))
	}
	dst = appendUvarint(dst, uint64(len(sources)))
	for _, s := range sources {
		dst = appendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return append(dst, indexes...)
}

// readRest completes rows. indexes holds what is left: the events' indexes.
func readRest(col []byte, rows []row) (sources [][]byte, indexes reader, err error) {
	r := reader{rest: col}
	for i := range rows {
		rows[i].Flags = r.byte()
	}
	for i := range rows {
		rows[i].Hops, rows[i].Reserved = r.byte(), r.byte()
	}
	for i := range rows {
		rows[i].Ingested = rows[i].Base + r.varint()
	}
	for i := range rows {
		rows[i].Request = r.u64()
	}
	for i := range rows {
		rows[i].OriginShard = uint32(r.uvarint())
	}
	for i := range rows {
		rows[i].OriginNumber = r.uvarint()
	}
	for i := range rows {
		rows[i].FirstIndex = uint32(r.uvarint())
	}
	for i := range rows {
		rows[i].source = uint32(min(r.uvarint(), 1<<31))
	}
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		return nil, r, errColumn
	}
	sources = make([][]byte, n)
	for i := range sources {
		sources[i] = r.bytes(int(min(r.uvarint(), maxRaw)))
	}
	for i := range rows {
		if uint64(rows[i].source) >= n {
			return nil, r, errColumn
		}
	}
	if r.bad {
		return nil, r, errColumn
	}
	return sources, r, nil
}

// appendFeeds writes the ends column of one batch. Ends follow from the text
// once it is known how many line feeds each message holds: none, as a rule, and
// then one byte says so for all.
func appendFeeds(dst []byte, p event.Parts) []byte {
	count := len(p.Ends) / 4
	if bytes.Count(p.Text, lineFeed) == count {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	start := 0
	for ends := p.Ends; len(ends) >= 4; ends = ends[4:] {
		end := int(le.Uint32(ends))
		dst = appendUvarint(dst, uint64(bytes.Count(p.Text[start:end], lineFeed)))
		start = end + 1
	}
	return dst
}

var lineFeed = []byte{'\n'}

// readFeeds finds the ends of a batch's messages in its text.
// hot: BenchmarkReadBatches
func readFeeds(r *reader, p event.Parts) error {
	text, at := p.Text, 0
	several := r.byte() == 1
	for ends := p.Ends; len(ends) >= 4; ends = ends[4:] {
		skip := uint64(0)
		if several {
			skip = r.uvarint()
		}
		for {
			n := bytes.IndexByte(text[at:], '\n')
			if n < 0 {
				return errColumn
			}
			at += n
			if skip == 0 {
				break
			}
			skip--
			at++
		}
		le.PutUint32(ends, uint32(at))
		at++
	}
	if r.bad || at != len(text) {
		return errColumn
	}
	return nil
}

// appendDeltas writes a batch's timestamps as differences to the event before.
func appendDeltas(dst, deltas []byte) []byte {
	before := int64(0)
	for ; len(deltas) >= 4; deltas = deltas[4:] {
		d := int64(le.Uint32(deltas))
		dst = appendUvarint(dst, zigzag(d-before))
		before = d
	}
	return dst
}

// hot: BenchmarkReadBatches
func readDeltas(r *reader, deltas []byte) {
	d := int64(0)
	for ; len(deltas) >= 4; deltas = deltas[4:] {
		d += r.varint()
		le.PutUint32(deltas, uint32(d))
	}
}

func appendIndexes(dst, indexes []byte) []byte {
	before := int64(0)
	for ; len(indexes) >= 2; indexes = indexes[2:] {
		i := int64(le.Uint16(indexes))
		dst = appendUvarint(dst, zigzag(i-before))
		before = i
	}
	return dst
}

func readIndexes(r *reader, indexes []byte) {
	i := int64(0)
	for ; len(indexes) >= 2; indexes = indexes[2:] {
		i += r.varint()
		le.PutUint16(indexes, uint16(i))
	}
}
