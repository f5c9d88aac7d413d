package grep

import (
	"bytes"
	"math/bits"

	"sluice/filter/pattern"
)

// span is a part of a block's text: whole lines with their line feeds.
type span struct{ start, end uint32 }

// worker works on one block at a time. All of its memory is used again.
type worker struct {
	s            *Search
	block        block
	before, done chan struct{} // the write turn comes and is passed on

	spans  []span // selected lines, or runs of them where the search is plain
	lines  int64  // how many lines that are
	others []span // the same after inversion

	// The block cut into lines, what each pattern matched of them, and their
	// union, a bit for each line.
	cut     []uint32
	matches pattern.Matches
	union   []uint64
	cursors []int // for each pattern, while printing

	out []byte
}

func newWorker(s *Search) *worker {
	return &worker{s: s, cursors: make([]int, len(s.cfg.Patterns))}
}

// run takes blocks until there are none.
func (w *worker) run(in *input) {
	for in.take(w) {
		left := int64(-1)
		if w.s.cfg.Limit > 0 {
			left = w.s.cfg.Limit - in.selected // the only worker has every turn
		}
		w.search(left)
		w.out = w.render(in, w.out[:0])
		<-w.before
		if in.err == nil {
			w.print(in)
		}
		w.done <- struct{}{}
	}
}

// print has the write turn.
func (w *worker) print(in *input) {
	in.selected += w.lines
	if err := w.write(); err != nil {
		in.err = &OutputError{err}
		in.ended.Store(true)
	}
	if limit := w.s.cfg.Limit; limit > 0 && in.selected >= limit {
		in.ended.Store(true)
	}
}

func (w *worker) write() error {
	out := w.s.out
	if w.s.plain {
		for _, x := range w.spans {
			if _, err := out.Write(w.block.text[x.start:x.end]); err != nil {
				return err
			}
		}
	} else if _, err := out.Write(w.out); err != nil {
		return err
	}
	if w.s.cfg.Prompt {
		return out.Flush()
	}
	return nil
}

// search selects lines of the block, at most so many if left is not negative.
//
// hot: BenchmarkFilter
func (w *worker) search(left int64) {
	w.spans, w.lines = w.spans[:0], 0
	if w.s.index != nil {
		w.find()
	} else {
		w.match()
	}
	w.lines = int64(len(w.spans))
	if w.s.cfg.Invert {
		w.invert()
	}
	if left >= 0 && w.lines > left {
		w.lines = left
		w.spans = w.spans[:left]
	}
}

// find looks for the literal in the whole text and cuts out lines around it.
func (w *worker) find() {
	text := w.block.text
	for pos := 0; ; {
		hit := w.s.index(text[pos:])
		if hit < 0 {
			return
		}
		hit += pos
		start := pos + bytes.LastIndexByte(text[pos:hit], '\n') + 1
		end := hit + bytes.IndexByte(text[hit:], '\n')
		if w.selects(text, start, hit, end) {
			w.spans = append(w.spans, span{uint32(start), uint32(end + 1)})
		}
		pos = end + 1
	}
}

// selects decides on the line at start, which the literal at hit begins in. A
// literal with a line feed in it is not in any line.
func (w *worker) selects(text []byte, start, hit, end int) bool {
	if w.s.exact {
		return w.s.index(text[hit:end]) == 0
	}
	return w.s.cfg.Patterns[0].Match(text[start:end])
}

// match cuts the text into lines and matches all patterns over them.
func (w *worker) match() {
	w.cut = appendLines(w.cut[:0], w.block.text)
	w.s.set.Match(pattern.Batch{Text: w.block.text, Ends: w.cut}, &w.matches)
	if len(w.s.cfg.Patterns) == 1 {
		for _, i := range w.matches.Of(0) {
			w.spans = append(w.spans, w.line(int(i)))
		}
		return
	}
	w.unite()
	for k, word := range w.union {
		for ; word != 0; word &= word - 1 {
			w.spans = append(w.spans, w.line(64*k+bits.TrailingZeros64(word)))
		}
	}
}

// unite marks the lines that any pattern matches.
func (w *worker) unite() {
	n := (len(w.cut) + 63) / 64
	if cap(w.union) < n {
		w.union = make([]uint64, n)
	}
	w.union = w.union[:n]
	clear(w.union)
	for p := range w.s.cfg.Patterns {
		for _, i := range w.matches.Of(p) {
			w.union[i/64] |= 1 << (i % 64)
		}
	}
}

// line returns line i of the cut text.
func (w *worker) line(i int) span {
	start := uint32(0)
	if i > 0 {
		start = w.cut[i-1] + 1
	}
	return span{start, w.cut[i] + 1}
}

// appendLines appends the offsets of all line feeds.
func appendLines(dst []uint32, text []byte) []uint32 {
	for pos := 0; pos < len(text); {
		i := bytes.IndexByte(text[pos:], '\n')
		if i < 0 {
			return dst
		}
		pos += i + 1
		dst = append(dst, uint32(pos-1))
	}
	return dst
}

// invert selects what was not, as runs of lines where those are printed as they
// are.
func (w *worker) invert() {
	w.others, w.lines = w.others[:0], 0
	pos := uint32(0)
	for _, x := range w.spans {
		w.other(pos, x.start)
		pos = x.end
	}
	w.other(pos, uint32(len(w.block.text)))
	w.spans, w.others = w.others, w.spans
}

func (w *worker) other(start, end uint32) {
	if start == end {
		return
	}
	text := w.block.text
	if w.s.plain || w.s.cfg.Count && w.s.cfg.Limit == 0 {
		w.others = append(w.others, span{start, end})
		w.lines += int64(bytes.Count(text[start:end], newline))
		return
	}
	for start < end {
		next := start + uint32(bytes.IndexByte(text[start:end], '\n')) + 1
		w.others = append(w.others, span{start, next})
		w.lines++
		start = next
	}
}
