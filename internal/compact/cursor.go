package compact

import (
	"bytes"

	"sluice/internal/event"
)

// Cursor is the memory of one reader that goes through many batches, of one file
// or of several, more or less in the order in which they lie there. Blocks are
// decoded into memory that is used again, and past the cache, which keeps what
// others look at. Its needles are looked for in the text of a block as it comes
// out of the decoder; only batches that hold all of them become batches again.
//
// A cursor belongs to one goroutine. A batch is a view into its memory, gone with
// the next call.
type Cursor struct {
	needles [][]byte
	open    [cursorBlocks]openBlock
	turn    uint64
	marks   map[blockAt]rowSet // of blocks that were open
}

const (
	// cursorBlocks is how many blocks are open: those of two files whose times
	// overlap. Where more do, blocks that were open before come from the cache.
	cursorBlocks = 2
	maxMarks     = 1 << 14
)

// NewCursor returns a cursor for batches with all the needles; all batches for
// none.
func NewCursor(needles ...[]byte) *Cursor {
	return &Cursor{needles: needles, marks: make(map[blockAt]rowSet)}
}

// blockAt names a block of a file.
type blockAt struct {
	file  *File // nil: none
	block uint32
}

// openBlock is a block with the memory that it was unfolded in.
type openBlock struct {
	blockAt
	used  uint64 // turn of the last look at it
	buf   columnsBuffer
	batch decoded
}

// Batch returns the batch of a position, or false where a needle is not in it.
// Errors are those of File.Batch.
func (c *Cursor) Batch(f *File, number uint64) (b event.Batch, ok bool, err error) {
	at, err := f.locate(number)
	switch {
	case err == ErrNotHere:
		return b, false, err
	case err != nil:
		b, err = f.search(number)
		return b, err == nil, err
	}
	name := blockAt{f, at.block}
	marked, known := c.marks[name]
	if known && !marked.has(int(at.row)) {
		return b, false, nil
	}
	o := c.find(name)
	if o == nil && known { // blocks overlap: the cache has more room for them
		b, err = f.Batch(number)
		return b, err == nil, err
	}
	if o == nil {
		o = c.oldest()
		if marked, err = o.load(f, int(at.block), c.needles); err != nil {
			return b, false, err
		}
		c.opened(o, name, marked)
	}
	c.turn++
	o.used = c.turn
	if !marked.has(int(at.row)) {
		return b, false, nil
	}
	if b, ok = o.batch.at(at); !ok {
		b, err = f.search(number)
	}
	return b, err == nil, err
}

func (c *Cursor) find(name blockAt) *openBlock {
	for i := range c.open {
		if c.open[i].blockAt == name {
			return &c.open[i]
		}
	}
	return nil
}

// oldest is the memory of the block that was not looked at for longest.
func (c *Cursor) oldest() *openBlock {
	oldest := &c.open[0]
	for i := range c.open {
		if c.open[i].used < oldest.used {
			oldest = &c.open[i]
		}
	}
	oldest.blockAt = blockAt{}
	return oldest
}

// opened notes what a block holds, and where it is open.
func (c *Cursor) opened(o *openBlock, name blockAt, rows rowSet) {
	if len(c.marks) >= maxMarks { // blocks that come back are decoded again
		clear(c.marks)
		for i := range c.open {
			c.open[i].blockAt = blockAt{}
		}
	}
	c.marks[name], o.blockAt = rows, name
}

// load unfolds a block and puts together the batches that hold all needles.
//
// hot: BenchmarkCursor
func (o *openBlock) load(f *File, block int, needles [][]byte) (rowSet, error) {
	h, err := f.checked(block, kindBatches)
	if err != nil {
		return nil, err
	}
	cols, err := f.stored(block, h, &o.buf, colPlaces, colGrams)
	if err != nil {
		return nil, err
	}
	if cols[colText], err = f.unfold(block, h, &o.buf, colText, cols[colText]); err != nil {
		return nil, err
	}
	if !holdsAll(cols[colText], needles) {
		return noRows, nil
	}
	for _, i := range []int{colPlaces, colEnds, colDeltas, colRest} {
		if cols[i], err = f.unfold(block, h, &o.buf, i, cols[i]); err != nil {
			return nil, err
		}
	}
	if err = o.batch.readRows(h, cols[colPlaces]); err != nil {
		return nil, f.damaged(block, h.offset, err.Error())
	}
	wanted := o.batch.holding(cols[colText], needles)
	if err = o.batch.assemble(&cols, wanted); err != nil {
		return nil, f.damaged(block, h.offset, err.Error())
	}
	return wanted, nil
}

// holding are the rows whose text holds all needles.
func (d *decoded) holding(text []byte, needles [][]byte) rowSet {
	if len(needles) == 0 {
		return nil
	}
	rows := make(rowSet, (len(d.rows)+63)/64)
	for i := range d.rows {
		n := d.rows[i].text
		if holdsAll(text[:n], needles) {
			rows[i/64] |= 1 << (i % 64)
		}
		text = text[n:]
	}
	return rows
}

func holdsAll(text []byte, needles [][]byte) bool {
	for _, n := range needles {
		if !bytes.Contains(text, n) {
			return false
		}
	}
	return true
}

// rowSet is a set of rows of a block; nil is all of them.
type rowSet []uint64

// noRows is the empty set.
var noRows = rowSet{}

func (s rowSet) has(row int) bool {
	return s == nil || row < 64*len(s) && s[row/64]>>(row%64)&1 != 0
}
