package dfa

import (
	"regexp/syntax"
	"slices"
)

// States of every automaton with a fixed number. All others follow.
const (
	dead    = 0 // nothing can match any more
	matched = 1 // something has matched
	between = 2 // after a byte, with no attempt under way but the fresh one
)

// unknown marks a transition that was not computed yet.
const unknown = ^uint32(0)

// automaton numbers the states met so far and tabulates their transitions.
// One goroutine owns it.
type automaton struct {
	prog   *program
	stride uint32 // columns of the table
	// table[s*stride+c] is the successor of state s by column c, times stride.
	table []uint32
	// atEnd[s] says that the text matches if it ends in state s.
	atEnd []bool
	begin uint32 // the state before the first byte

	keys  []uint32 // the states' keys, one after the other
	spans []span   // where the key of each state lies in keys
	slots []uint32 // hash table of state numbers + 1, linear probing

	cur, next, scratch threads
	key                []uint32
}

type span struct{ lo, hi uint32 }

func newAutomaton(p *program) *automaton {
	n := len(p.insts)
	a := &automaton{prog: p, stride: uint32(len(p.sample)), cur: newThreads(n), next: newThreads(n), scratch: newThreads(n)}
	a.reset()
	return a
}

// reset forgets all states but the fixed ones.
func (a *automaton) reset() {
	a.table, a.atEnd, a.keys, a.spans = a.table[:0], a.atEnd[:0], a.keys[:0], a.spans[:0]
	if a.slots == nil {
		a.slots = make([]uint32, 64)
	}
	clear(a.slots)
	a.push(nil, false) // dead
	a.push(nil, true)  // matched
	for c := range a.stride {
		a.table[c], a.table[a.stride+c] = dead*a.stride, matched*a.stride
	}
	a.next.reset()
	a.next.add(a.prog, a.prog.start, false, false)
	a.key = appendKey(a.key[:0], &a.next, nil, false)
	a.push(a.key, a.ends(a.next.pcs, nil, false)) // between
	if a.next.matched {
		a.atEnd[between] = true
	}
	a.index(between)
	a.begin = between
	if a.prog.anchored || a.next.matched {
		a.next.reset()
		a.next.add(a.prog, a.prog.start, true, false)
		a.begin = a.intern(nil, true)
	}
}

// appendKey appends the key of the state (t, pending).
func appendKey(dst []uint32, t *threads, pending []byte, begin bool) []uint32 {
	head := uint32(len(pending))
	if begin {
		head |= 1 << 31
	}
	dst = append(dst, head)
	for _, b := range pending {
		dst = append(dst, uint32(b))
	}
	slices.Sort(t.pcs)
	return append(dst, t.pcs...)
}

// intern returns the number of the state (a.next, pending), a new one if it was
// not met before.
func (a *automaton) intern(pending []byte, begin bool) uint32 {
	if a.next.matched {
		return matched
	}
	if len(a.next.pcs) == 0 && len(pending) == 0 {
		return dead
	}
	a.key = appendKey(a.key[:0], &a.next, pending, begin)
	for i := hash(a.key); ; i++ {
		n := a.slots[i&uint32(len(a.slots)-1)]
		if n == 0 {
			break
		}
		if sp := a.spans[n-1]; slices.Equal(a.keys[sp.lo:sp.hi], a.key) {
			return n - 1
		}
	}
	s := uint32(len(a.spans))
	pcs := a.key[1+len(pending):]
	a.push(a.key, a.ends(pcs, pending, begin))
	a.index(s)
	return s
}

// ends reports whether a text matches that ends in the state (pcs, pending).
func (a *automaton) ends(pcs []uint32, pending []byte, begin bool) bool {
	if len(pending) == 0 {
		return a.scratch.endsInMatch(a.prog, pcs, begin)
	}
	a.cur.read(a.prog, pcs, pending, true, &a.scratch)
	return a.cur.matched || a.scratch.endsInMatch(a.prog, a.cur.pcs, false)
}

// push adds a state without looking for it.
func (a *automaton) push(key []uint32, atEnd bool) {
	lo := uint32(len(a.keys))
	a.keys = append(a.keys, key...)
	a.spans = append(a.spans, span{lo, uint32(len(a.keys))})
	a.atEnd = append(a.atEnd, atEnd)
	for range a.stride {
		a.table = append(a.table, unknown)
	}
}

// index enters state s into the hash table.
func (a *automaton) index(s uint32) {
	if 2*len(a.spans) > len(a.slots) {
		a.slots = make([]uint32, 2*len(a.slots))
		for old := uint32(between); old < s; old++ {
			a.index(old)
		}
	}
	sp := a.spans[s]
	i := hash(a.keys[sp.lo:sp.hi])
	for a.slots[i&uint32(len(a.slots)-1)] != 0 {
		i++
	}
	a.slots[i&uint32(len(a.slots)-1)] = s + 1
}

func hash(key []uint32) uint32 {
	h := uint64(len(key))
	for _, k := range key {
		h = (h ^ uint64(k)) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return uint32(h >> 16)
}

// fill computes, enters and returns the transition of state s by column c.
func (a *automaton) fill(s, c uint32) uint32 {
	sp := a.spans[s]
	key := a.keys[sp.lo:sp.hi]
	b := a.prog.sample[c]
	var buf [4]byte
	text := buf[:0]
	n := int(key[0] &^ (1 << 31))
	for _, p := range key[1 : 1+n] {
		text = append(text, byte(p))
	}
	text = append(text, b)
	from := key[1+n:]

	var pending []byte
	if n > 0 || b < 0x80 || !a.next.readHigh(a.prog, from, &a.scratch) {
		pending = a.next.read(a.prog, from, text, false, &a.scratch)
	}
	if len(pending) > 0 {
		pending = append(buf[:0], a.prog.pending[string(pending)]...)
	}
	to := a.intern(pending, false) * a.stride
	a.table[s*a.stride+c] = to
	return to
}

// tabulate computes all transitions and reports whether they stayed within
// the limits of cells and key words.
func (a *automaton) tabulate(cells, words int) bool {
	for s := uint32(between); int(s) < len(a.spans); s++ {
		for c := range a.stride {
			a.fill(s, c)
			if len(a.table) > cells || len(a.keys) > words {
				return false
			}
		}
	}
	return true
}

// supported reports whether every boundary test of prog is one the automaton
// knows.
func supported(prog *syntax.Prog) bool {
	for i := range prog.Inst {
		in := &prog.Inst[i]
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return false
		}
	}
	return true
}
