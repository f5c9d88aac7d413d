package compact

import (
	"slices"

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

// decoded is a block's batches, put together again in one piece of memory.
type decoded struct {
	rows    []row
	batches []event.Batch // views into records; none for rows that nobody wanted
	records []byte
	size    int // bytes, for the cache
}

// assemble puts the records of a block together from its unfolded columns.
func assemble(h *header, cols *[columns][]byte) (*decoded, error) {
	d := new(decoded)
	if err := d.readRows(h, cols[colPlaces]); err != nil {
		return nil, err
	}
	return d, d.assemble(cols, nil)
}

// readRows takes the rows out of the places column.
func (d *decoded) readRows(h *header, places []byte) error {
	if int64(h.rows) > int64(len(places)) {
		return errColumn
	}
	d.rows = slices.Grow(d.rows[:0], int(h.rows))[:h.rows]
	return readPlaces(places, h, d.rows)
}

// assemble makes the records of the wanted rows, of all for nil. It reuses the
// memory of d, so that the batches it made before are gone.
func (d *decoded) assemble(cols *[columns][]byte, wanted rowSet) error {
	sources, indexes, err := readRest(cols[colRest], d.rows)
	if err != nil {
		return err
	}
	size := 0
	for i := range d.rows {
		if wanted.has(i) {
			size += d.rows[i].RecordSize(d.rows[i].sizes(sources))
		}
		if size > maxRecords {
			return errColumn
		}
	}
	d.size = size + len(d.rows)*rowBytes
	d.records = sized(d.records, size)
	d.batches = slices.Grow(d.batches[:0], len(d.rows))[:len(d.rows)]
	p := parts{records: d.records, sources: sources, text: cols[colText], feeds: reader{rest: cols[colEnds]},
		deltas: reader{rest: cols[colDeltas]}, indexes: indexes}
	for i := range d.rows {
		if !wanted.has(i) {
			d.batches[i] = event.Batch{}
			p.pass(&d.rows[i])
		} else if d.batches[i], err = p.next(&d.rows[i]); err != nil {
			return err
		}
	}
	if !p.feeds.done() || !p.deltas.done() || !p.indexes.done() {
		return errColumn
	}
	return nil
}

// parts walks the columns of a block row by row.
type parts struct {
	records                []byte // what is left of the memory for them
	sources                [][]byte
	text                   []byte
	feeds, deltas, indexes reader
}

// next makes the record of the next row.
func (p *parts) next(r *row) (event.Batch, error) {
	sizes := r.sizes(p.sources)
	n := r.RecordSize(sizes)
	record := p.records[:n:n]
	p.records = p.records[n:]
	to, err := r.Assemble(record, sizes)
	if err != nil {
		return event.Batch{}, err
	}
	p.text = p.text[copy(to.Text, p.text):]
	copy(to.Source, p.sources[r.source])
	if err := readFeeds(&p.feeds, to); err != nil {
		return event.Batch{}, err
	}
	readDeltas(&p.deltas, to.Deltas)
	readIndexes(&p.indexes, to.Indexes)
	return event.Reseal(record)
}

// pass goes past a row that nobody wants.
func (p *parts) pass(r *row) {
	p.text = p.text[r.text:]
	if p.feeds.byte() == 1 {
		p.feeds.skip(int(r.count))
	}
	p.deltas.skip(int(r.count))
	if r.Indexed() {
		p.indexes.skip(int(r.count))
	}
}

// rowBytes is about what a row and its view take in memory.
const rowBytes = 96 + 160
