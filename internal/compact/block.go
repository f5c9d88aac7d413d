package compact

import (
	"sluice/internal/event"
)

// block collects the batches of one log group until their columns are written.
type block struct {
	header
	rows    []row
	raw     [columns][]byte
	indexes []byte // of the rest column, behind the names
	records int    // bytes of the batches as records
	sources [][]byte
	known   map[string]uint32 // sources by their bytes
	grams   gramFilter
}

// reset empties the block and keeps its memory.
func (b *block) reset() {
	b.header = header{kind: kindBatches}
	b.rows, b.indexes, b.records = b.rows[:0], b.indexes[:0], 0
	for i := range b.raw {
		b.raw[i] = b.raw[i][:0]
	}
	b.sources = b.sources[:0]
	clear(b.known)
}

// add copies a batch into the columns.
func (b *block) add(number uint64, batch event.Batch) {
	parts := batch.Parts()
	_, greatest := batch.Span()
	r := row{
		number: number, Fields: batch.Fields(), span: uint32(greatest - batch.Base()),
		count: uint32(batch.Len()), text: uint32(len(parts.Text)), source: b.source(parts.Source),
	}
	if len(b.rows) == 0 {
		b.group, b.first, b.last = r.GroupUID, number, number
		b.least, b.greatest = r.Base, greatest
	}
	b.first, b.last = min(b.first, number), max(b.last, number)
	b.least, b.greatest = min(b.least, r.Base), max(b.greatest, greatest)
	b.addStream(r.StreamUID)
	b.header.rows++
	b.events += r.count
	b.records += len(batch.Record())
	b.rows = append(b.rows, r)
	b.raw[colText] = append(b.raw[colText], parts.Text...)
	b.raw[colEnds] = appendFeeds(b.raw[colEnds], parts)
	b.raw[colDeltas] = appendDeltas(b.raw[colDeltas], parts.Deltas)
	b.indexes = appendIndexes(b.indexes, parts.Indexes)
}

// source returns the place of a batch's names in the table.
func (b *block) source(names []byte) uint32 {
	if at, ok := b.known[string(names)]; ok {
		return at
	}
	s := string(names)
	b.known[s] = uint32(len(b.sources))
	b.sources = append(b.sources, []byte(s))
	return b.known[s]
}

// finish makes the columns that need all rows.
func (b *block) finish(ngrams bool) {
	b.raw[colPlaces] = appendPlaces(b.raw[colPlaces], &b.header, b.rows)
	b.raw[colRest] = appendRest(b.raw[colRest], b.rows, b.sources, b.indexes)
	if ngrams {
		b.raw[colGrams] = b.grams.build(b.raw[colGrams], b.raw[colText])
	}
}

// decoded is a block's batches, put together again in one allocation.
type decoded struct {
	rows    []row
	batches []event.Batch // views into it
	size    int           // bytes, for the cache
}

// assemble puts the records of a block together from its unfolded columns.
func assemble(h *header, cols *[columns][]byte) (*decoded, error) {
	if int64(h.rows) > int64(len(cols[colPlaces])) {
		return nil, errColumn
	}
	rows := make([]row, h.rows)
	if err := readPlaces(cols[colPlaces], h, rows); err != nil {
		return nil, err
	}
	sources, indexes, err := readRest(cols[colRest], rows)
	if err != nil {
		return nil, err
	}
	size := 0
	for i := range rows {
		size += rows[i].RecordSize(rows[i].sizes(sources))
		if size > maxRecords {
			return nil, errColumn
		}
	}
	d := &decoded{rows: rows, batches: make([]event.Batch, len(rows)), size: size + len(rows)*rowBytes}
	records, text := make([]byte, size), cols[colText]
	feeds, deltas := reader{rest: cols[colEnds]}, reader{rest: cols[colDeltas]}
	for i := range rows {
		sizes := rows[i].sizes(sources)
		n := rows[i].RecordSize(sizes)
		parts, err := rows[i].Assemble(records[:n:n], sizes)
		if err != nil {
			return nil, err
		}
		text = text[copy(parts.Text, text):]
		copy(parts.Source, sources[rows[i].source])
		if err := readFeeds(&feeds, parts); err != nil {
			return nil, err
		}
		readDeltas(&deltas, parts.Deltas)
		readIndexes(&indexes, parts.Indexes)
		if d.batches[i], err = event.Reseal(records[:n:n]); err != nil {
			return nil, err
		}
		records = records[n:]
	}
	if !feeds.done() || !deltas.done() || !indexes.done() {
		return nil, errColumn
	}
	return d, nil
}

// rowBytes is about what a row and its view take in memory.
const rowBytes = 96 + 160
