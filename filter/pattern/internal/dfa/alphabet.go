package dfa

import (
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// alphabet partitions the 256 bytes into columns: two bytes of one column take
// every state to the same successor.
type alphabet struct {
	column [256]uint8
	sample []byte // one byte of each column
	// high holds one rune of each kind from U+0080 on: runes of one kind satisfy
	// the same instructions. The first is U+FFFD.
	high []rune
	// pending maps each start of an encoding, in sample bytes, to one that has the
	// same future.
	pending map[string]string
	// ascii says that no instruction accepts a rune from U+0080 on.
	ascii bool
}

// newAlphabet derives the columns from the rune ranges of the program.
func newAlphabet(prog *syntax.Prog) alphabet {
	cuts := runeCuts(prog)
	list, samples := newIntervals(prog, cuts)
	a := alphabet{high: samples, ascii: true}
	for _, r := range samples {
		for i := range prog.Inst {
			if in := &prog.Inst[i]; consumes(in) && in.MatchRune(r) {
				a.ascii = false
			}
		}
	}
	a.split(cuts)
	a.pending = canonicalPending(list, a.sample)
	return a
}

// split fills column and sample. A cut at rune r makes every byte of r's
// encoding a column of its own: as UTF-8 keeps the order of runes, two
// encodings whose bytes agree column by column then lie on the same side of r.
func (a *alphabet) split(cuts map[rune]bool) {
	var first [257]bool // first[b]: a column starts at byte b
	first[utf8.RuneSelf] = true
	for r := range cuts {
		switch {
		case r < utf8.RuneSelf:
			first[r] = true
		case !a.ascii && r <= unicode.MaxRune:
			for _, b := range utf8.AppendRune(nil, r) {
				first[b], first[int(b)+1] = true, true
			}
		}
	}
	if !a.ascii {
		// What utf8.DecodeRune distinguishes: continuation bytes by the ranges
		// that E0, ED, F0 and F4 allow after them, and lead bytes by length.
		for _, b := range []byte{0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5} {
			first[b] = true
		}
	}
	for b := range 256 {
		if b == 0 || first[b] {
			a.sample = append(a.sample, byte(b))
		}
		a.column[b] = uint8(len(a.sample) - 1)
	}
}

// runeCuts returns the runes at which some instruction may change its mind.
func runeCuts(prog *syntax.Prog) map[rune]bool {
	cuts := map[rune]bool{utf8.RuneSelf: true, utf8.RuneError: true, utf8.RuneError + 1: true}
	cut := func(lo, hi rune) {
		for _, r := range []rune{lo, hi + 1} {
			if 0xD800 <= r && r < 0xE000 { // no text decodes to a surrogate
				r = 0xE000
			}
			cuts[r] = true
		}
	}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		switch {
		case in.Op == syntax.InstRuneAnyNotNL:
			cut('\n', '\n')
		case !consumes(in):
		case len(in.Rune) == 1:
			cut(in.Rune[0], in.Rune[0])
			for f := unicode.SimpleFold(in.Rune[0]); f != in.Rune[0]; f = unicode.SimpleFold(f) {
				cut(f, f)
			}
		default:
			for j := 0; j+1 < len(in.Rune); j += 2 {
				cut(in.Rune[j], in.Rune[j+1])
			}
		}
	}
	return cuts
}

// consumes reports whether in reads a rune.
func consumes(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}
