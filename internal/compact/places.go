package compact

// Place is a batch that may hold what is looked for.
type Place struct {
	Number          uint64
	Stream          uint64 // log stream uid
	Least, Greatest int64  // timestamps, ms
	Count           int    // events
	Bytes           int    // of text, a line feed each event included
	Block           int    // batches of one block are read together
}

// Places visits the batches of a log group, of one log stream of it or of all
// (stream 0), that have events in from <= timestamp < to. Least does not fall
// from one place to the next. needles are literals that every wanted event
// contains: a block whose filter proves that one of them is nowhere in it is
// passed over, and so is a damaged one; the first error that one gave is
// returned at the end.
func (f *File) Places(group, stream uint64, from, to int64, needles [][]byte, visit func(Place)) error {
	g, ok := f.find(group)
	if !ok || g.Least >= to || g.Greatest < from {
		return nil
	}
	var damage error
	for block := g.first; block < g.first+g.Blocks; block++ {
		h, err := f.checked(block, kindBatches)
		if err != nil {
			damage = firstError(damage, err)
			continue
		}
		if h.least >= to {
			break // blocks of a group begin later and later
		}
		if h.greatest < from || stream != 0 && !h.mayHoldStream(stream) || f.excluded(block, h, needles) {
			continue
		}
		rows, err := f.places(block, h)
		if err != nil {
			damage = firstError(damage, err)
			continue
		}
		for i := range rows {
			r := &rows[i]
			if r.Base >= to || r.greatest() < from || stream != 0 && r.StreamUID != stream {
				continue
			}
			visit(Place{r.number, r.StreamUID, r.Base, r.greatest(), int(r.count), int(r.text), block})
		}
	}
	return damage
}

// excluded tells whether the block's filter proves that a needle is not there.
// A filter that cannot be read proves nothing.
func (f *File) excluded(block int, h *header, needles [][]byte) bool {
	if len(needles) == 0 || h.columns[colGrams].size == 0 {
		return false
	}
	buf := f.cache.scratch.Get().(*columnsBuffer)
	defer f.cache.scratch.Put(buf)
	cols, err := f.read(block, h, buf, colGrams, columns)
	if err != nil {
		return false
	}
	for _, n := range needles {
		if excludes(cols[colGrams], n) {
			return true
		}
	}
	return false
}
