package dfa

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// program is what all automatons of one expression share. Read-only.
type program struct {
	insts []syntax.Inst
	start uint32
	// anchored says that ^ occurs, so that the state before the first byte
	// differs from the state between bytes.
	anchored bool
	alphabet
}

// threads is a set of instructions: those that wait for a rune or for the end
// of text. Epsilon instructions are followed when they are added.
type threads struct {
	pcs     []uint32 // in the order added, sorted by intern
	seen    []uint32 // seen[pc] == stamp: already visited
	stamp   uint32
	stack   []uint32
	matched bool // the match instruction was reached
}

func newThreads(n int) threads { return threads{seen: make([]uint32, n)} }

// reset empties t.
func (t *threads) reset() {
	t.pcs, t.matched = t.pcs[:0], false
	t.stamp++
	if t.stamp == 0 {
		clear(t.seen)
		t.stamp = 1
	}
}

// add follows the epsilon instructions from pc. atBegin and atEnd say which
// text boundaries hold here; an unfulfilled end-of-text test is kept, as the
// end may still come before the next rune.
func (t *threads) add(p *program, pc uint32, atBegin, atEnd bool) {
	t.stack = append(t.stack[:0], pc)
	for len(t.stack) > 0 {
		pc := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if t.seen[pc] == t.stamp {
			continue
		}
		t.seen[pc] = t.stamp
		in := &p.insts[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			t.stack = append(t.stack, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstNop:
			t.stack = append(t.stack, in.Out)
		case syntax.InstMatch:
			t.matched = true
		case syntax.InstFail:
		case syntax.InstEmptyWidth:
			op := syntax.EmptyOp(in.Arg)
			if op&syntax.EmptyBeginText != 0 && !atBegin {
				continue
			}
			if op&syntax.EmptyEndText != 0 && !atEnd {
				t.pcs = append(t.pcs, pc)
				continue
			}
			t.stack = append(t.stack, in.Out)
		default:
			t.pcs = append(t.pcs, pc)
		}
	}
}

// step sets t to what from becomes by reading r, plus a fresh attempt that
// starts after r: the search is unanchored.
func (t *threads) step(p *program, from []uint32, r rune) {
	t.reset()
	for _, pc := range from {
		in := &p.insts[pc]
		if consumes(in) && in.MatchRune(r) {
			t.add(p, in.Out, false, false)
		}
	}
	if !t.matched {
		t.add(p, p.start, false, false)
	}
}

// endsInMatch reports whether the end of text completes one of from's threads.
func (t *threads) endsInMatch(p *program, from []uint32, atBegin bool) bool {
	t.reset()
	for _, pc := range from {
		if p.insts[pc].Op == syntax.InstEmptyWidth {
			t.add(p, pc, atBegin, true)
		}
	}
	return t.matched
}

// readHigh sets t to the one set that from reaches by any number of runes from
// U+0080 on, and reports whether there is one. Where there is, the bytes of
// such runes need no decoding, however invalid they are.
func (t *threads) readHigh(p *program, from []uint32, scratch *threads) bool {
	t.step(p, from, p.high[0])
	if t.matched {
		for _, r := range p.high[1:] {
			if scratch.step(p, from, r); !scratch.matched {
				return false
			}
		}
		return true
	}
	slices.Sort(t.pcs)
	for i, r := range p.high {
		if i > 0 && !scratch.reaches(p, from, r, t.pcs) || !scratch.reaches(p, t.pcs, r, t.pcs) {
			return false
		}
	}
	return true
}

// reaches reports whether from becomes want, which is sorted, by reading r.
func (t *threads) reaches(p *program, from []uint32, r rune, want []uint32) bool {
	t.step(p, from, r)
	if t.matched {
		return false
	}
	slices.Sort(t.pcs)
	return slices.Equal(t.pcs, want)
}

// read sets t to what from becomes by reading text rune by rune as std does,
// and returns the bytes at its end that may be the start of a longer rune.
// With final set there are none: they too are read, as invalid.
func (t *threads) read(p *program, from []uint32, text []byte, final bool, scratch *threads) (pending []byte) {
	t.reset()
	t.pcs = append(t.pcs, from...)
	for len(text) > 0 && !t.matched {
		if !final && !utf8.FullRune(text) {
			return text
		}
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		scratch.pcs = append(scratch.pcs[:0], t.pcs...)
		t.step(p, scratch.pcs, r)
	}
	return nil
}
