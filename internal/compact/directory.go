package compact

import (
	"sort"

	"sluice/internal/vfs"
)

const (
	headersPerPage  = 64
	locatorsPerPage = 1024
)

// page is where a part of the index lies.
type page struct {
	offset int64
	column
	begins uint64 // index: offset of its first block; locator: its first number
}

// group is a log group with its first block: its blocks follow one another.
type group struct {
	Group
	first int
}

// directory is what an open file holds in memory.
type directory struct {
	groups  []group // ascending UID
	index   []page
	locator []page // ascending begins
}

// find returns the group of a uid.
func (d *directory) find(uid uint64) (group, bool) {
	i := sort.Search(len(d.groups), func(i int) bool { return d.groups[i].UID >= uid })
	if i == len(d.groups) || d.groups[i].UID != uid {
		return group{}, false
	}
	return d.groups[i], true
}

func appendDirectory(dst []byte, d *directory) []byte {
	dst = le.AppendUint32(dst, uint32(len(d.groups)))
	dst = le.AppendUint32(dst, uint32(len(d.index)))
	dst = le.AppendUint32(dst, uint32(len(d.locator)))
	for _, g := range d.groups {
		dst = le.AppendUint64(dst, g.UID)
		dst = le.AppendUint32(dst, uint32(g.first))
		dst = le.AppendUint32(dst, uint32(g.Blocks))
		dst = le.AppendUint64(dst, g.Events)
		dst = le.AppendUint64(dst, uint64(g.Bytes))
		dst = le.AppendUint64(dst, uint64(g.Least))
		dst = le.AppendUint64(dst, uint64(g.Greatest))
	}
	for _, pages := range [][]page{d.index, d.locator} {
		for _, p := range pages {
			dst = le.AppendUint64(dst, uint64(p.offset))
			dst = le.AppendUint64(dst, p.begins)
			dst = le.AppendUint32(dst, p.size)
			dst = le.AppendUint32(dst, p.raw)
			dst = le.AppendUint32(dst, p.sum)
		}
	}
	return dst
}

// Bytes of an entry of the directory.
const (
	directoryHeader = 12
	groupBytes      = 48
	pageBytes       = 28
)

// parseDirectory checks that groups rise and their blocks follow one another
// up to the number of blocks that the footer tells.
func parseDirectory(b []byte, blocks int) (d directory, ok bool) {
	if len(b) < directoryHeader {
		return d, false
	}
	groups, index, locators := int64(le.Uint32(b)), int64(le.Uint32(b[4:])), int64(le.Uint32(b[8:]))
	b = b[directoryHeader:]
	if groups*groupBytes+(index+locators)*pageBytes != int64(len(b)) || index != int64(blocks+headersPerPage-1)/headersPerPage {
		return d, false
	}
	d.groups = make([]group, groups)
	next := 0
	for i := range d.groups {
		g := &d.groups[i]
		*g = group{first: int(le.Uint32(b[8:])), Group: Group{
			UID: le.Uint64(b), Blocks: int(le.Uint32(b[12:])),
			Events: le.Uint64(b[16:]), Bytes: int64(le.Uint64(b[24:])),
			Least: int64(le.Uint64(b[32:])), Greatest: int64(le.Uint64(b[40:])),
		}}
		if g.first != next || i > 0 && g.UID <= d.groups[i-1].UID || next+g.Blocks > blocks {
			return d, false
		}
		next += g.Blocks
		b = b[groupBytes:]
	}
	pages := make([]page, index+locators)
	for i := range pages {
		pages[i] = page{
			offset: int64(le.Uint64(b)), begins: le.Uint64(b[8:]),
			column: column{le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:])},
		}
		if pages[i].raw > maxRaw || pages[i].size > pages[i].raw {
			return d, false
		}
		b = b[pageBytes:]
	}
	d.index, d.locator = pages[:index:index], pages[index:]
	return d, true
}

// batchBlocks is the number of blocks that hold batches; frames follow.
func (d *directory) batchBlocks() int {
	if len(d.groups) == 0 {
		return 0
	}
	last := d.groups[len(d.groups)-1]
	return last.first + last.Blocks
}

// appendLocators writes a page of the locator, sorted by number.
func appendLocators(dst []byte, page []locator) []byte {
	before := locator{number: page[0].number}
	for _, l := range page {
		dst = appendUvarint(dst, l.number-before.number)
		before.number = l.number
	}
	for _, l := range page {
		dst = appendUvarint(dst, zigzag(int64(l.block)-int64(before.block)))
		before.block = l.block
	}
	for _, l := range page {
		dst = appendUvarint(dst, zigzag(int64(l.row)-int64(before.row)))
		before.row = l.row
	}
	return dst
}

// readLocators reads a page of n locators that begins with a number.
func readLocators(b []byte, begins uint64, n int) ([]locator, error) {
	if n > len(b) {
		return nil, errColumn
	}
	r, page := reader{rest: b}, make([]locator, n)
	before := locator{number: begins}
	for i := range page {
		before.number += r.uvarint()
		page[i].number = before.number
	}
	for i := range page {
		before.block = uint32(int64(before.block) + r.varint())
		page[i].block = before.block
	}
	for i := range page {
		before.row = uint32(int64(before.row) + r.varint())
		page[i].row = before.row
	}
	if !r.done() {
		return nil, errColumn
	}
	return page, nil
}

// writeIndex writes all that follows the blocks, and the copy of the footer
// before them.
func (w *Writer) writeIndex(first, last uint64) error {
	begin := w.offset
	d := directory{groups: w.groups}
	for at := 0; at < len(w.headers); at += headersPerPage {
		var raw []byte
		for i := at; i < min(at+headersPerPage, len(w.headers)); i++ {
			raw = appendHeader(raw, &w.headers[i])
		}
		d.index = append(d.index, w.page(raw, uint64(w.headers[at].offset)))
	}
	for at := 0; at < len(w.locators); at += locatorsPerPage {
		part := w.locators[at:min(at+locatorsPerPage, len(w.locators))]
		d.locator = append(d.locator, w.page(appendLocators(nil, part), part[0].number))
	}
	raw := appendDirectory(nil, &d)
	if len(raw) > maxRaw {
		return ErrTooManyGroups
	}
	ft := footer{shard: w.shard, first: first, last: last, copies: [2]page{w.page(raw, 0)}}
	if len(w.note) > 0 {
		ft.note = w.page(w.note, 0)
	}
	if err := w.write(make([]byte, headBytes+(headBytes-w.offset%headBytes)%headBytes)); err != nil {
		return err
	}
	ft.copies[1] = w.page(raw, 0)
	w.stats.FileBytes = w.offset + footerSize
	w.stats.IndexBytes = w.stats.FileBytes - begin + headBytes + int64(w.stats.Blocks)*headerSize
	ft.Stats = w.stats
	end := appendFooter(nil, &ft)
	if err := w.write(end); err != nil {
		return err
	}
	if _, err := w.file.WriteAt(end, 0); err != nil {
		w.err = err
	}
	return w.err
}

// page compresses and writes a part of the index.
func (w *Writer) page(raw []byte, begins uint64) page {
	p := page{offset: w.offset, begins: begins}
	w.packed, p.column = pack(w.encoder, w.packed[:0], raw)
	w.write(w.packed) // the error stays in w.err, and writeIndex ends with it
	return p
}

// readPage reads and unfolds a part of the index.
func readPage(f vfs.File, c *Cache, p page, what string) ([]byte, error) {
	stored := make([]byte, p.size)
	if _, err := f.ReadAt(stored, p.offset); err != nil {
		return nil, readError(f, -1, p.offset, what, err)
	}
	raw, err := unpack(c.decoder, nil, stored, p.column)
	if err != nil {
		return nil, &CorruptError{File: f.Name(), Block: -1, Offset: p.offset, What: what + ": " + err.Error()}
	}
	return raw, nil
}
