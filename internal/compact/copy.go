package compact

import "fmt"

// Copies tells whether a block of batches of another file is worth to be copied
// as it lies there: it is about as large as blocks of this file are, and no small
// one would have to end before it.
func (w *Writer) Copies(f *File, block int) bool {
	h, err := f.checked(block, kindBatches)
	if err != nil {
		return false
	}
	text, pending := int(h.columns[colText].raw), len(w.batches.raw[colText])
	return text >= w.opts.BlockBytes/4*3 && (pending == 0 || pending >= w.opts.BlockBytes/4) &&
		w.opts.NGrams == (h.columns[colGrams].size > 0)
}

// Copy adds a block of batches of another file without unfolding its text: as if
// each of them were given to Batch, in their order there. Errors are ErrOrder, or
// a *CorruptError of the other file; then nothing was added.
func (w *Writer) Copy(f *File, block int) error {
	if w.err != nil {
		return w.err
	}
	h, rows, buf, err := f.whole(block)
	if err != nil {
		return err
	}
	first, last := rows[0].key(), rows[len(rows)-1].key()
	if err := w.flushBatches(); err != nil {
		return err
	}
	if w.seq > 0 || len(w.locators) > 0 && first.Compare(w.last) <= 0 {
		return fmt.Errorf("copy block from batch %d on to compacted file: %w", first.Number, ErrOrder)
	}
	h.offset = w.offset
	w.packed = append(appendHeader(w.packed[:0], &h), buf.stored...)
	for i := range rows {
		w.locators = append(w.locators, locator{rows[i].number, uint32(len(w.headers)), uint32(i)})
	}
	w.headers = append(w.headers, h)
	w.blockOf(&h)
	w.last = last
	w.stats.Blocks++
	w.stats.Batches += uint64(h.rows)
	w.stats.Events += uint64(h.events)
	w.stats.TextBytes += int64(h.columns[colText].raw)
	for i, c := range h.columns {
		w.stats.Columns[i] += int64(c.size)
	}
	return w.write(w.packed)
}

func (r *row) key() Key { return Key{Group: r.GroupUID, Least: r.Base, Number: r.number} }

// whole reads a block of batches as it is stored, checked, with its rows.
func (f *File) whole(block int) (h header, rows []row, buf columnsBuffer, err error) {
	at, err := f.checked(block, kindBatches)
	if err != nil {
		return h, nil, buf, err
	}
	if rows, err = f.places(block, at); err != nil {
		return h, nil, buf, err
	}
	if len(rows) == 0 {
		return h, nil, buf, f.damaged(block, at.offset, "no rows")
	}
	cols, err := f.stored(block, at, &buf, 0, columns)
	if err != nil {
		return h, nil, buf, err
	}
	for i, col := range cols {
		if checksum(col) != at.columns[i].sum {
			return h, nil, buf, f.damaged(block, at.at(i), columnNames[i]+": "+errChecksum.Error())
		}
	}
	return *at, rows, buf, nil
}
