package compact

import (
	"fmt"
	"sort"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// File is a compacted file open for reading. Its methods may be called
// concurrently; none of them after Close.
type File struct {
	file   vfs.File
	cache  *Cache
	id     uint64 // in the cache
	footer footer
	directory
}

// Open reads footer and directory. cache may be shared by all files; nil gives
// the file a small one of its own.
func Open(fsys vfs.FS, path string, cache *Cache) (*File, error) {
	if cache == nil {
		cache = NewCache(8 << 20)
	}
	file, err := vfs.Open(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("open compacted file: %w", err)
	}
	f := &File{file: file, cache: cache, id: cache.files.Add(1)}
	if err := f.load(); err != nil {
		file.Close() // only read
		return nil, fmt.Errorf("open compacted file: %w", err)
	}
	return f, nil
}

func (f *File) load() (err error) {
	if f.footer, err = readFooter(f.file); err != nil {
		return err
	}
	for _, place := range f.footer.copies {
		var raw []byte
		if raw, err = readPage(f.file, f.cache, place, "directory"); err != nil {
			continue // there is a copy
		}
		d, ok := parseDirectory(raw, int(f.footer.Blocks))
		if ok {
			f.directory = d
			return nil
		}
		err = &CorruptError{File: f.file.Name(), Block: -1, Offset: place.offset, What: "directory"}
	}
	return err
}

// Close lets go of the file and of what the cache holds of it. Batches and
// frames that were read stay valid.
func (f *File) Close() error {
	f.cache.forget(f.id)
	return f.file.Close()
}

// Shard is the shard that the positions belong to.
func (f *File) Shard() uint32 { return f.footer.shard }

// Range returns the first and the last position that the file stands for. Not
// all of them need to be in it.
func (f *File) Range() (first, last uint64) { return f.footer.first, f.footer.last }

// Stats returns what is in the file.
func (f *File) Stats() Stats { return f.footer.Stats }

// Note returns what the writer noted in the file; nothing if it did not.
func (f *File) Note() ([]byte, error) {
	if f.footer.note.size == 0 {
		return nil, nil
	}
	return readPage(f.file, f.cache, f.footer.note, "note")
}

// Groups visits the log groups of the file in the order of their uids.
func (f *File) Groups(visit func(Group)) {
	for _, g := range f.groups {
		visit(g.Group)
	}
}

// header returns the index entry of a block.
func (f *File) header(block int) (*header, error) {
	number := block / headersPerPage
	key := cacheKey{f.id, cacheIndex, number}
	if v, ok := f.cache.get(key); ok {
		return headerOf(v.([]header), f, block)
	}
	page, err := f.indexPage(number)
	if err != nil {
		return nil, err
	}
	f.cache.put(key, page, len(page)*headerSize)
	return headerOf(page, f, block)
}

func headerOf(page []header, f *File, block int) (*header, error) {
	if i := block % headersPerPage; i < len(page) && page[i].kind != 0 {
		return &page[i], nil
	}
	return nil, &CorruptError{File: f.file.Name(), Block: block, What: "block header"}
}

// indexPage reads a page of the index, or makes it from the blocks.
func (f *File) indexPage(number int) ([]header, error) {
	raw, err := readPage(f.file, f.cache, f.index[number], "block index")
	if err != nil {
		return f.walk(number)
	}
	page := make([]header, 0, headersPerPage)
	for ; len(raw) >= headerSize; raw = raw[headerSize:] {
		h, what := parseHeader(raw)
		if what != "" {
			return nil, &CorruptError{File: f.file.Name(), Block: -1, Offset: f.index[number].offset, What: what}
		}
		page = append(page, h)
	}
	return page, nil
}

// walk makes a page of the index from the headers before the blocks. Behind a
// damaged one nothing more is found, up to the next page.
func (f *File) walk(number int) ([]header, error) {
	n := min(headersPerPage, int(f.footer.Blocks)-number*headersPerPage)
	page := make([]header, n)
	at := int64(f.index[number].begins)
	for i := range page {
		var b [headerSize]byte
		if _, err := f.file.ReadAt(b[:], at); err != nil {
			return page, readError(f.file, number*headersPerPage+i, at, "block header", err)
		}
		h, what := parseHeader(b[:])
		if what != "" || h.offset != at {
			break
		}
		page[i] = h
		at += h.size()
	}
	return page, nil
}

// Batch returns the batch of a position. Errors: ErrNotHere, a *CorruptError,
// or what the file system says.
func (f *File) Batch(number uint64) (event.Batch, error) {
	at, err := f.locate(number)
	switch {
	case err == ErrNotHere:
		return event.Batch{}, err
	case err != nil:
		return f.search(number)
	}
	d, err := f.batches(int(at.block))
	if err != nil {
		return event.Batch{}, err
	}
	if b, ok := d.at(at); ok {
		return b, nil
	}
	return f.search(number)
}

// at returns the batch that a locator leads to; false if it is another one.
func (d *decoded) at(l locator) (event.Batch, bool) {
	if int(l.row) >= len(d.rows) || d.rows[l.row].number != l.number {
		return event.Batch{}, false
	}
	return d.batches[l.row], true
}

// locate finds the block and the row of a position. Errors: ErrNotHere, or that
// of a locator that cannot be read.
func (f *File) locate(number uint64) (locator, error) {
	i := sort.Search(len(f.locator), func(i int) bool { return f.locator[i].begins > number }) - 1
	if i < 0 {
		return locator{}, ErrNotHere
	}
	page, err := f.locators(i)
	if err != nil {
		return locator{}, err
	}
	at := sort.Search(len(page), func(i int) bool { return page[i].number >= number })
	if at == len(page) || page[at].number != number {
		return locator{}, ErrNotHere
	}
	return page[at], nil
}

// locators reads a page of the locator.
func (f *File) locators(i int) ([]locator, error) {
	key := cacheKey{f.id, cacheLocator, i}
	if v, ok := f.cache.get(key); ok {
		return v.([]locator), nil
	}
	raw, err := readPage(f.file, f.cache, f.locator[i], "locator")
	if err != nil {
		return nil, err
	}
	n := min(locatorsPerPage, int(f.footer.Batches)-i*locatorsPerPage)
	page, err := readLocators(raw, f.locator[i].begins, n)
	if err != nil {
		return nil, &CorruptError{File: f.file.Name(), Block: -1, Offset: f.locator[i].offset, What: "locator"}
	}
	f.cache.put(key, page, len(page)*16)
	return page, nil
}

// search looks for a batch without the locator, in all blocks that span it.
func (f *File) search(number uint64) (event.Batch, error) {
	missing := ErrNotHere
	for block := range f.batchBlocks() {
		h, err := f.header(block)
		if err != nil {
			missing = err
			continue
		}
		if number < h.first || number > h.last {
			continue
		}
		rows, err := f.places(block, h)
		if err != nil {
			missing = err
			continue
		}
		for i := range rows {
			if rows[i].number == number {
				d, err := f.batches(block)
				if err != nil {
					return event.Batch{}, err
				}
				return d.batches[i], nil
			}
		}
	}
	return event.Batch{}, missing
}

// Frame returns the frame of a position. Errors as those of Batch.
func (f *File) Frame(seq uint64) (wal.Frame, error) {
	var found wal.Frame
	err := f.Frames(seq, seq+1, func(fr wal.Frame) error { found = fr; return nil })
	if err == nil && found.Seq == 0 {
		err = ErrNotHere
	}
	return found, err
}

// Frames visits the frames of positions [first, end) that are in the file, in
// their order, until visit returns an error. Damaged blocks are passed over;
// the first error that one gave is returned at the end.
func (f *File) Frames(first, end uint64, visit func(wal.Frame) error) error {
	var damage error
	for block := f.batchBlocks(); block < int(f.footer.Blocks); block++ {
		h, err := f.header(block)
		if err == nil && (h.last < first || h.first >= end) {
			continue
		}
		var d *decodedFrames
		if err == nil {
			d, err = f.frames(block)
		}
		if err != nil {
			damage = firstError(damage, err)
			continue
		}
		from := sort.Search(len(d.frames), func(i int) bool { return d.frames[i].Seq >= first })
		for _, fr := range d.frames[from:] {
			if fr.Seq >= end {
				return damage
			}
			if err := visit(fr); err != nil {
				return err
			}
		}
	}
	return damage
}

func firstError(before, now error) error {
	if before != nil {
		return before
	}
	return now
}
