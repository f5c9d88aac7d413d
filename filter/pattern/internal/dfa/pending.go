package dfa

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// interval is a run of runes from U+0080 on that all satisfy the same
// instructions; runs of the same kind satisfy the same ones.
type interval struct {
	first rune
	kind  int
}

// newIntervals cuts the runes from U+0080 on, and returns one rune of each kind
// besides: U+FFFD first, which also stands for invalid bytes.
func newIntervals(prog *syntax.Prog, cuts map[rune]bool) (list []interval, samples []rune) {
	kinds := map[string]int{satisfied(prog, utf8.RuneError): 0}
	samples = []rune{utf8.RuneError}
	for r := range cuts {
		if utf8.RuneSelf <= r && r <= unicode.MaxRune {
			list = append(list, interval{first: r})
		}
	}
	slices.SortFunc(list, func(a, b interval) int { return int(a.first - b.first) })
	for i := range list {
		key := satisfied(prog, list[i].first)
		kind, ok := kinds[key]
		if !ok {
			kind = len(kinds)
			kinds[key] = kind
			samples = append(samples, list[i].first)
		}
		list[i].kind = kind
	}
	return list, samples
}

// satisfied describes the instructions that accept r.
func satisfied(prog *syntax.Prog, r rune) string {
	key := make([]byte, len(prog.Inst))
	for i := range prog.Inst {
		if in := &prog.Inst[i]; consumes(in) && in.MatchRune(r) {
			key[i] = 1
		}
	}
	return string(key)
}

// kindOf returns the kind of all runes from lo to hi, or -1 if they differ.
func kindOf(list []interval, lo, hi rune) int {
	kind := -1
	for i, iv := range list {
		end := rune(unicode.MaxRune)
		if i+1 < len(list) {
			end = list[i+1].first - 1
		}
		switch {
		case iv.first > hi || end < lo:
		case kind >= 0 && kind != iv.kind:
			return -1
		default:
			kind = iv.kind
		}
	}
	return kind
}

// outlook is all that matters about the bytes of an unfinished rune: how many
// there are (each is a U+FFFD if the rune turns out invalid), how many are
// missing, what the next one may be, and the kind of the rune.
type outlook struct {
	read, missing int
	low, high     byte
	kind          int
}

// canonicalPending maps the starts of encodings, made of sample bytes, to the
// first one with the same outlook. Without it the states would multiply by some
// hundred starts instead of some ten.
func canonicalPending(list []interval, sample []byte) map[string]string {
	canonical := map[string]string{}
	seen := map[outlook]string{}
	var visit func(start string)
	visit = func(start string) {
		for _, b := range sample {
			longer := start + string([]byte{b})
			if b < utf8.RuneSelf || utf8.FullRuneInString(longer) {
				continue
			}
			canonical[longer] = longer
			if o := look(list, longer); o.kind >= 0 {
				if _, ok := seen[o]; !ok {
					seen[o] = longer
				}
				canonical[longer] = seen[o]
			}
			visit(longer)
		}
	}
	visit("")
	return canonical
}

// look computes the outlook of start.
func look(list []interval, start string) outlook {
	o := outlook{read: len(start), low: 0x80, high: 0xBF}
	size := 2
	switch lead := start[0]; {
	case lead >= 0xF0:
		size = 4
	case lead >= 0xE0:
		size = 3
	}
	o.missing = size - len(start)
	if len(start) == 1 {
		switch start[0] {
		case 0xE0:
			o.low = 0xA0
		case 0xED:
			o.high = 0x9F
		case 0xF0:
			o.low = 0x90
		case 0xF4:
			o.high = 0x8F
		}
	}
	lo, hi := []byte(start+string([]byte{o.low})), []byte(start+string([]byte{o.high}))
	for len(lo) < size {
		lo, hi = append(lo, 0x80), append(hi, 0xBF)
	}
	first, _ := utf8.DecodeRune(lo)
	last, _ := utf8.DecodeRune(hi)
	o.kind = kindOf(list, first, last)
	return o
}
