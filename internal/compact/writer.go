package compact

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Options say how a file is written. The zero value is good.
type Options struct {
	// BlockBytes is the text of a block: what a reader unfolds at once, and what
	// a filter excludes at once. Default 1 MiB: text of half the size is up to
	// 1 % larger, of twice the size no smaller. At most 8 MiB.
	BlockBytes int
	// NGrams adds a filter to each block: at most 2.9 % of the text.
	NGrams bool
	// Level is how hard columns are compressed; default Fastest.
	Level Level
}

const (
	defaultBlock = 1 << 20
	maxBlock     = 8 << 20
	// recordsPerText closes a block of tiny batches early: its records take so
	// many times the text when they are put together again.
	recordsPerText = 4
)

// Writer makes one file. It belongs to one goroutine. Every method fails after
// the first error of the file system; Discard is then what is left to do.
type Writer struct {
	fsys    vfs.FS
	file    vfs.File
	path    string
	opts    Options
	encoder *zstd.Encoder // of all but texts
	texts   textEncoder
	offset  int64 // where the next part goes
	err     error // the first one

	batches block
	frames  frameBlock
	packed  []byte // a block as it is written
	last    Key    // of the last batch
	seq     uint64 // of the last frame

	headers  []header
	groups   []group
	locators []locator
	stats    Stats
	shard    uint32
	note     []byte
}

// locator is where a batch is.
type locator struct {
	number     uint64
	block, row uint32
}

// Create begins a file at path+".tmp", replacing what is there.
func Create(fsys vfs.FS, path string, shard uint32, o Options) (*Writer, error) {
	if o.BlockBytes == 0 {
		o.BlockBytes = defaultBlock
	}
	if o.BlockBytes < 0 || o.BlockBytes > maxBlock {
		return nil, fmt.Errorf("compact: Options.BlockBytes is %d, more than %d", o.BlockBytes, maxBlock)
	}
	encoder, err := newEncoder(o.Level, 0)
	if err != nil {
		return nil, err
	}
	file, err := vfs.Create(fsys, path+temporary)
	if err != nil {
		return nil, fmt.Errorf("create compacted file: %w", err)
	}
	w := &Writer{fsys: fsys, file: file, path: path, opts: o, encoder: encoder, offset: headBytes, shard: shard}
	w.texts.level = o.Level
	w.batches.known = make(map[string]uint32)
	w.batches.reset()
	w.frames.reset()
	w.batches.raw[colText] = make([]byte, 0, o.BlockBytes+o.BlockBytes/2)
	w.packed = make([]byte, 0, o.BlockBytes)
	return w, nil
}

// temporary is the suffix of a file in the making.
const temporary = ".tmp"

// Batch adds a batch; it is copied. Batches come in the order of their Keys,
// before all frames. A batch that event.Open would refuse is refused.
func (w *Writer) Batch(number uint64, b event.Batch) error {
	key := KeyOf(number, b)
	switch {
	case w.err != nil:
		return w.err
	case w.seq > 0 || len(w.locators) > 0 && key.Compare(w.last) <= 0:
		return fmt.Errorf("write batch %d to compacted file: %w", number, ErrOrder)
	}
	if _, err := event.Open(b.Record()); err != nil {
		return fmt.Errorf("write batch %d to compacted file: %w", number, err)
	}
	if w.closes(b) {
		if err := w.flushBatches(); err != nil {
			return err
		}
	}
	w.locators = append(w.locators, locator{number, uint32(len(w.headers)), uint32(len(w.batches.rows))})
	w.batches.add(number, b)
	w.last = key
	w.stats.Batches++
	w.stats.Events += uint64(b.Len())
	w.stats.TextBytes += int64(len(b.Text()))
	return nil
}

// closes tells whether the block ends before b: another group begins, or it has
// its size, or b would make it much larger than that.
func (w *Writer) closes(b event.Batch) bool {
	c, limit := &w.batches, w.opts.BlockBytes
	text := len(c.raw[colText])
	return len(c.rows) > 0 && (b.GroupUID() != c.group || text >= limit || text+len(b.Text()) > limit+limit/2 ||
		c.records >= recordsPerText*limit)
}

func (w *Writer) flushBatches() error {
	c := &w.batches
	if len(c.rows) == 0 {
		return nil
	}
	c.finish(w.opts.NGrams)
	if err := w.writeBlock(&c.header, &c.raw); err != nil {
		return err
	}
	w.blockOf(&c.header)
	c.reset()
	return nil
}

// blockOf counts the last block for its log group.
func (w *Writer) blockOf(h *header) {
	if n := len(w.groups); n == 0 || w.groups[n-1].UID != h.group {
		w.groups = append(w.groups, group{Group: Group{UID: h.group, Least: h.least, Greatest: h.greatest}, first: len(w.headers) - 1})
	}
	g := &w.groups[len(w.groups)-1]
	g.Blocks++
	g.Events += uint64(h.events)
	g.Bytes += int64(h.columns[colText].raw)
	g.Least, g.Greatest = min(g.Least, h.least), max(g.Greatest, h.greatest)
}

// writeBlock compresses the columns and writes header and columns at once.
func (w *Writer) writeBlock(h *header, raw *[columns][]byte) error {
	h.offset = w.offset
	var head [headerSize]byte
	w.packed = append(w.packed[:0], head[:]...)
	for i, col := range raw {
		switch i {
		case colGrams:
			h.columns[i] = column{size: uint32(len(col)), raw: uint32(len(col)), sum: checksum(col)}
			w.packed = append(w.packed, col...)
		case colText:
			var err error
			if w.packed, h.columns[i], err = w.texts.pack(w.packed, col, h.group); err != nil {
				w.err = err
				return err
			}
		default:
			w.packed, h.columns[i] = pack(w.encoder, w.packed, col)
		}
		w.stats.Columns[i] += int64(h.columns[i].size)
	}
	appendHeader(w.packed[:0], h)
	w.headers = append(w.headers, *h)
	w.stats.Blocks++
	return w.write(w.packed)
}

// write appends bytes to the file.
func (w *Writer) write(b []byte) error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.file.WriteAt(b, w.offset); err != nil {
		w.err = fmt.Errorf("write compacted file: %w", err)
		return w.err
	}
	w.offset += int64(len(b))
	return nil
}

// Frame adds a frame of the log; its payload is copied. Frames come after all
// batches, in ascending order of Seq.
func (w *Writer) Frame(f wal.Frame) error {
	switch {
	case w.err != nil:
		return w.err
	case f.Seq <= w.seq:
		return fmt.Errorf("write frame %d to compacted file: %w", f.Seq, ErrOrder)
	case len(f.Payload) > maxRaw:
		return fmt.Errorf("write frame %d to compacted file: %d bytes, at most %d", f.Seq, len(f.Payload), maxRaw)
	}
	if err := w.flushBatches(); err != nil {
		return err
	}
	if c := &w.frames; len(c.frames) > 0 && len(c.payloads)+len(f.Payload) > w.opts.BlockBytes {
		if err := w.flushFrames(); err != nil {
			return err
		}
	}
	w.frames.add(f)
	w.seq = f.Seq
	w.stats.Frames++
	return nil
}

func (w *Writer) flushFrames() error {
	if len(w.frames.frames) == 0 {
		return nil
	}
	h, raw := w.frames.finish()
	err := w.writeBlock(&h, &raw)
	w.frames.reset()
	return err
}

// Note has the file carry some bytes for whoever makes it: they are durable when
// its content is. They are copied, and replace those of the call before.
func (w *Writer) Note(note []byte) { w.note = append(w.note[:0], note...) }

// Finish writes the indexes for a file of positions [first, last], makes it
// durable and gives it its name. The Writer is done then, also after an error.
func (w *Writer) Finish(first, last uint64) (Stats, error) {
	err := w.finish(first, last)
	if closeErr := w.file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close compacted file: %w", closeErr)
	}
	if err == nil {
		err = w.fsys.Rename(w.path+temporary, w.path)
	}
	if err == nil {
		err = w.fsys.SyncDir(filepath.Dir(w.path))
	}
	if err != nil {
		w.fsys.Remove(w.path + temporary) // nobody reads it: or the next start does
	}
	w.close()
	if err != nil {
		return Stats{}, fmt.Errorf("finish compacted file: %w", err)
	}
	return w.stats, nil
}

func (w *Writer) finish(first, last uint64) error {
	if err := w.flushBatches(); err != nil {
		return err
	}
	if err := w.flushFrames(); err != nil {
		return err
	}
	slices.SortFunc(w.locators, func(a, b locator) int {
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return 0
	})
	if err := w.inRange(first, last); err != nil {
		return err
	}
	if err := w.writeIndex(first, last); err != nil {
		return err
	}
	return w.file.Sync()
}

// inRange checks that no number lies outside of the file's range, or is there twice.
func (w *Writer) inRange(first, last uint64) error {
	for i, l := range w.locators {
		if l.number < first || l.number > last || i > 0 && l.number == w.locators[i-1].number {
			return fmt.Errorf("batch %d in a file of [%d, %d]: %w", l.number, first, last, ErrOrder)
		}
	}
	for _, h := range w.headers {
		if h.first < first || h.last > last {
			return fmt.Errorf("frames [%d, %d] in a file of [%d, %d]: %w", h.first, h.last, first, last, ErrOrder)
		}
	}
	return nil
}

// Discard gives the file up and removes what was written of it. It does nothing
// after Finish.
func (w *Writer) Discard() {
	if w.encoder == nil {
		return
	}
	w.file.Close()                    // what it held is not wanted
	w.fsys.Remove(w.path + temporary) // or the next start does
	w.close()
}

func (w *Writer) close() {
	w.encoder.Close() // writes nothing: only EncodeAll was used
	w.texts.close()
	w.encoder = nil
	if w.err == nil {
		w.err = fmt.Errorf("write compacted file: writer is closed")
	}
}
