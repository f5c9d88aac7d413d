package compact

import (
	"errors"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// Damage is a part of a file that is not what was written.
type Damage struct {
	Block  int   // ordinal; -1 for the index, directory and footer
	Offset int64 // where the damaged part begins
	Length int64
	What   string
	// First and Last are the least and greatest number of what was lost, and
	// Lost how many batches or frames; zero where nothing is lost.
	First, Last, Lost uint64
}

// Verify reads and checks everything in the file and visits what is damaged.
// The error is the file system's.
func (f *File) Verify(visit func(Damage)) error {
	v := verifier{f: f, visit: visit}
	if err := v.ends(); err != nil {
		return err
	}
	for i, p := range f.index {
		if err := v.page(p, "block index", func() error { _, err := readPage(f.file, f.cache, f.index[i], "block index"); return err }); err != nil {
			return err
		}
	}
	for block := range int(f.footer.Blocks) {
		if err := v.block(block); err != nil {
			return err
		}
	}
	for i, p := range f.locator {
		if err := v.page(p, "locator", func() error { return f.checkLocators(i) }); err != nil {
			return err
		}
	}
	return nil
}

// verifier walks one file.
type verifier struct {
	f     *File
	visit func(Damage)
}

// corrupt turns damage into a visit and leaves other errors.
func (v *verifier) corrupt(err error, d Damage) error {
	var c *CorruptError
	if !errors.As(err, &c) {
		return err
	}
	d.What = c.What
	v.visit(d)
	return nil
}

// ends checks both footers and both directories.
func (v *verifier) ends() error {
	f := v.f
	size, err := f.file.Size()
	if err != nil {
		return err
	}
	var b [footerSize]byte
	for _, at := range []int64{0, size - footerSize} {
		if _, err := f.file.ReadAt(b[:], at); err != nil {
			return err
		}
		if ft, err := parseFooter(b[:]); err != nil || ft != f.footer {
			v.visit(Damage{Block: -1, Offset: at, Length: footerSize, What: "footer"})
		}
	}
	if err := v.page(f.footer.note, "note", func() error { _, err := f.Note(); return err }); err != nil {
		return err
	}
	for _, p := range f.footer.copies {
		if err := v.page(p, "directory", func() error { _, err := readPage(f.file, f.cache, p, "directory"); return err }); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) page(p page, what string, check func() error) error {
	return v.corrupt(check(), Damage{Block: -1, Offset: p.offset, Length: int64(p.size), What: what})
}

// block reads a block and compares it with its entry in the index.
func (v *verifier) block(number int) error {
	f := v.f
	h, err := f.header(number)
	if err != nil {
		return v.corrupt(err, Damage{Block: number})
	}
	damage := Damage{Block: number, Offset: h.offset, Length: h.size(), First: h.first, Last: h.last, Lost: uint64(h.rows)}
	if err := v.headerOnDisk(number, h); err != nil {
		return err
	}
	if h.kind == kindFrames {
		d, err := f.readFrames(number, h)
		if err == nil && !sameFrames(h, d.frames) {
			err = f.damaged(number, h.offset, "numbers of frames")
		}
		return v.corrupt(err, damage)
	}
	d, err := f.readBatches(number, h)
	if err == nil && !sameBatches(h, d) {
		err = f.damaged(number, h.offset, "batches are not those of the index")
	}
	if err != nil {
		return v.corrupt(err, damage)
	}
	return v.filter(number, h, d)
}

// headerOnDisk checks the header before a block, which only a damaged index needs.
func (v *verifier) headerOnDisk(number int, h *header) error {
	var b [headerSize]byte
	if _, err := v.f.file.ReadAt(b[:], h.offset); err != nil {
		return v.corrupt(readError(v.f.file, number, h.offset, "block header", err), Damage{Block: number, Offset: h.offset})
	}
	if stored, what := parseHeader(b[:]); what != "" || stored != *h {
		v.visit(Damage{Block: number, Offset: h.offset, Length: headerSize, What: "block header"})
	}
	return nil
}

// filter checks that the n-gram filter excludes no batch's text: it is made
// again and compared.
func (v *verifier) filter(number int, h *header, d *decoded) error {
	if h.columns[colGrams].size == 0 {
		return nil
	}
	at := Damage{Block: number, Offset: h.at(colGrams), Length: int64(h.columns[colGrams].size)}
	cols, err := v.f.read(number, h, new(columnsBuffer), colGrams, columns)
	if err != nil {
		return v.corrupt(err, at)
	}
	var text []byte
	for _, b := range d.batches {
		text = append(text, b.Text()...)
	}
	var filter gramFilter
	if string(filter.build(nil, text)) != string(cols[colGrams]) {
		at.What = "grams: not those of the text"
		v.visit(at)
	}
	return nil
}

func sameBatches(h *header, d *decoded) bool {
	for i, b := range d.batches {
		r := &d.rows[i]
		least, greatest := b.Span()
		if r.number < h.first || r.number > h.last || least != r.Base || greatest != r.greatest() ||
			least < h.least || greatest > h.greatest || !h.mayHoldStream(b.StreamUID()) {
			return false
		}
		if _, err := event.Open(b.Record()); err != nil {
			return false
		}
	}
	return len(d.batches) == int(h.rows)
}

func sameFrames(h *header, frames []wal.Frame) bool {
	for i, f := range frames {
		if f.Seq < h.first || f.Seq > h.last || i > 0 && f.Seq <= frames[i-1].Seq {
			return false
		}
	}
	return len(frames) == int(h.rows)
}

// checkLocators checks that a page of the locator leads to its batches.
func (f *File) checkLocators(i int) error {
	page, err := f.locators(i)
	if err != nil {
		return err
	}
	for _, l := range page {
		h, err := f.checked(int(l.block), kindBatches)
		if err != nil {
			continue // reported with its block
		}
		rows, err := f.places(int(l.block), h)
		if err == nil && (int(l.row) >= len(rows) || rows[l.row].number != l.number) {
			return &CorruptError{File: f.file.Name(), Block: -1, Offset: f.locator[i].offset, What: "locator"}
		}
	}
	return nil
}
