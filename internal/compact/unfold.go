package compact

// columnsBuffer is the memory that a block is read into and unfolded in.
type columnsBuffer struct {
	stored []byte
	raw    [columns][]byte
}

// read reads columns [from, to) of a block at once and unfolds them. They are
// views into buf.
func (f *File) read(block int, h *header, buf *columnsBuffer, from, to int) (cols [columns][]byte, err error) {
	stored, err := f.stored(block, h, buf, from, to)
	if err != nil {
		return cols, err
	}
	for i := from; i < to; i++ {
		if cols[i], err = f.unfold(block, h, buf, i, stored[i]); err != nil {
			return cols, err
		}
	}
	return cols, nil
}

// stored reads columns [from, to) of a block as they lie in the file.
func (f *File) stored(block int, h *header, buf *columnsBuffer, from, to int) (cols [columns][]byte, err error) {
	at, size := h.at(from), 0
	for _, c := range h.columns[from:to] {
		size += int(c.size)
	}
	buf.stored = sized(buf.stored, size)
	if _, err := f.file.ReadAt(buf.stored, at); err != nil {
		return cols, readError(f.file, block, at, columnNames[from], err)
	}
	rest := buf.stored
	for i := from; i < to; i++ {
		size := h.columns[i].size
		cols[i], rest = rest[:size:size], rest[size:]
	}
	return cols, nil
}

// unfold checks and unfolds one stored column.
func (f *File) unfold(block int, h *header, buf *columnsBuffer, which int, stored []byte) ([]byte, error) {
	c := h.columns[which]
	if int(c.raw) > cap(buf.raw[which]) && c.raw != c.size {
		buf.raw[which] = make([]byte, 0, c.raw+c.raw/8)
	}
	raw, err := unpack(f.cache.decoder, buf.raw[which], stored, c)
	if err != nil {
		return nil, f.damaged(block, h.at(which), columnNames[which]+": "+err.Error())
	}
	return raw, nil
}

// sized returns b with n bytes, made anew if it is too small.
func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, n+n/8)
	}
	return b[:n]
}

func (f *File) damaged(block int, offset int64, what string) error {
	return &CorruptError{File: f.file.Name(), Block: block, Offset: offset, What: what}
}

// checked returns the header of a block of a kind.
func (f *File) checked(block int, kind uint8) (*header, error) {
	if block < 0 || block >= int(f.footer.Blocks) {
		return nil, f.damaged(block, 0, "no such block")
	}
	h, err := f.header(block)
	if err != nil {
		return nil, err
	}
	if h.kind != kind {
		return nil, f.damaged(block, h.offset, "kind of block")
	}
	return h, nil
}

// batches reads and decodes a block of batches.
func (f *File) batches(block int) (*decoded, error) {
	key := cacheKey{f.id, cacheBatches, block}
	if v, ok := f.cache.get(key); ok {
		return v.(*decoded), nil
	}
	h, err := f.checked(block, kindBatches)
	if err != nil {
		return nil, err
	}
	d, err := f.readBatches(block, h)
	if err == nil {
		f.cache.put(key, d, d.size)
	}
	return d, err
}

func (f *File) readBatches(block int, h *header) (*decoded, error) {
	buf := f.cache.scratch.Get().(*columnsBuffer)
	defer f.cache.scratch.Put(buf)
	cols, err := f.read(block, h, buf, colPlaces, colGrams)
	if err != nil {
		return nil, err
	}
	d, err := assemble(h, &cols)
	if err != nil {
		return nil, f.damaged(block, h.offset, err.Error())
	}
	return d, nil
}

// frames reads and decodes a block of frames.
func (f *File) frames(block int) (*decodedFrames, error) {
	key := cacheKey{f.id, cacheFrames, block}
	if v, ok := f.cache.get(key); ok {
		return v.(*decodedFrames), nil
	}
	h, err := f.checked(block, kindFrames)
	if err != nil {
		return nil, err
	}
	d, err := f.readFrames(block, h)
	if err == nil {
		f.cache.put(key, d, d.size)
	}
	return d, err
}

func (f *File) readFrames(block int, h *header) (*decodedFrames, error) {
	// Payloads are views into the unfolded column: it is not given back.
	cols, err := f.read(block, h, new(columnsBuffer), colPlaces, colEnds)
	if err != nil {
		return nil, err
	}
	d, err := assembleFrames(h, &cols)
	if err != nil {
		return nil, f.damaged(block, h.offset, err.Error())
	}
	return d, nil
}

// places reads the places column of a block of batches: rows with number, log
// stream, times and sizes.
func (f *File) places(block int, h *header) ([]row, error) {
	key := cacheKey{f.id, cachePlaces, block}
	if v, ok := f.cache.get(key); ok {
		return v.([]row), nil
	}
	buf := f.cache.scratch.Get().(*columnsBuffer)
	defer f.cache.scratch.Put(buf)
	cols, err := f.read(block, h, buf, colPlaces, colText)
	if err != nil {
		return nil, err
	}
	if int64(h.rows) > int64(len(cols[colPlaces])) {
		return nil, f.damaged(block, h.offset, errColumn.Error())
	}
	rows := make([]row, h.rows)
	if err := readPlaces(cols[colPlaces], h, rows); err != nil {
		return nil, f.damaged(block, h.offset, err.Error())
	}
	f.cache.put(key, rows, len(rows)*rowBytes)
	return rows, nil
}
