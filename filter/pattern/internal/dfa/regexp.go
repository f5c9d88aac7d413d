package dfa

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
)

// ErrBoundary is returned for an expression with a line or word boundary.
var ErrBoundary = errors.New("line and word boundaries are not supported")

// ErrTooLarge is returned for an expression of more than maxProgram steps.
var ErrTooLarge = errors.New("the expression has too many steps")

// maxProgram bounds a program: where tables do not help, a byte of a text costs as
// much as there are steps. Repeats write much in few characters, and a thousand
// characters of them need an hour for a MiB. This takes some that count to 1,000.
const maxProgram = 2048

// Limits of a table made at compile time: 32 Ki cells are 128 KiB. The second
// bounds the time a compilation may take, to some 40 ms.
const (
	eagerCells = 32 << 10
	eagerWords = 32 << 10
)

// Limits of a cache filled on demand.
const (
	lazyCells = 256 << 10
	lazyWords = 512 << 10
)

// A new state costs as much as std regexp needs for some 50 bytes. A search that
// meets more than a few hundred and one every patience bytes is handed to std;
// what it has added to the cache helps the next one.
const (
	freeMisses = 256
	patience   = 64
)

// Regexp is a compiled expression. It is safe for concurrent use.
type Regexp struct {
	expr     string
	always   bool // matches every text
	literals Literals

	// A small automaton, complete; nil if caches are used instead.
	table  []uint32
	atEnd  []bool
	stride uint32
	begin  uint32 // times stride
	column [256]uint8
	// leaves[b] != 0: byte b takes the state between attempts elsewhere.
	leaves [256]uint8
	// only is the one byte with leaves set, if there is exactly one.
	only    byte
	hasOnly bool

	prog   *program
	caches sync.Pool // of *automaton
	std    *regexp.Regexp
}

// Compile compiles expr, in the syntax of std regexp.
func Compile(expr string) (*Regexp, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	tree = tree.Simplify()
	prog, err := syntax.Compile(tree)
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > maxProgram {
		return nil, fmt.Errorf("compile %q: %w", expr, ErrTooLarge)
	}
	if !supported(prog) {
		return nil, fmt.Errorf("compile %q: %w", expr, ErrBoundary)
	}
	p := &program{insts: prog.Inst, start: uint32(prog.Start), alphabet: newAlphabet(prog)}
	for i := range prog.Inst {
		in := &prog.Inst[i]
		if in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&syntax.EmptyBeginText != 0 {
			p.anchored = true
		}
	}
	r := &Regexp{expr: expr, prog: p, literals: extract(tree)}
	r.caches.New = func() any { return newAutomaton(p) }
	r.freeze(newAutomaton(p))
	return r, nil
}

// freeze completes a if it is small and takes over its table.
func (r *Regexp) freeze(a *automaton) {
	r.always = a.begin == matched
	if r.always {
		return
	}
	if !a.tabulate(eagerCells, eagerWords) {
		r.std = regexp.MustCompile(r.expr) // Compile has parsed it
		return
	}
	r.table, r.atEnd, r.stride, r.begin, r.column = a.table, a.atEnd, a.stride, a.begin*a.stride, a.prog.column
	leaving := 0
	for b := range 256 {
		if r.table[between*r.stride+uint32(r.column[b])] != between*r.stride {
			r.leaves[b], r.only = 1, byte(b)
			leaving++
		}
	}
	r.hasOnly = leaving == 1
}

// String returns the expression.
func (r *Regexp) String() string { return r.expr }

// Literals returns what every match contains.
func (r *Regexp) Literals() *Literals { return &r.literals }

// Match reports whether text contains a match. The verdict is that of std
// regexp's Match.
func (r *Regexp) Match(text []byte) bool {
	switch {
	case r.always:
		return true
	case r.table != nil:
		return r.matchTable(text)
	}
	a := r.caches.Get().(*automaton)
	ok, decided := a.match(text)
	r.caches.Put(a)
	if !decided {
		return r.std.Match(text)
	}
	return ok
}

// matchTable is Match over the complete table.
//
// hot: BenchmarkMatch
func (r *Regexp) matchTable(text []byte) bool {
	s, rest := r.begin, between*r.stride
	for i := 0; i < len(text); i++ {
		if s <= rest {
			if s != rest {
				return s != dead
			}
			if i = r.skip(text, i); i == len(text) {
				break
			}
		}
		s = r.table[s+uint32(r.column[text[i]])]
	}
	return r.atEnd[s/r.stride]
}

// skip returns the index of the first byte from i on that starts an attempt.
func (r *Regexp) skip(text []byte, i int) int {
	if r.hasOnly {
		j := bytes.IndexByte(text[i:], r.only)
		if j < 0 {
			return len(text)
		}
		return i + j
	}
	for i < len(text) && r.leaves[text[i]] == 0 {
		i++
	}
	return i
}

// match is Match over the cache. It is not decided if the text needs too many
// new states.
//
// hot: BenchmarkMatch/lazy
func (a *automaton) match(text []byte) (ok, decided bool) {
	s, misses := a.begin*a.stride, 0
	for i, b := range text {
		to := a.table[s+uint32(a.prog.column[b])]
		if to == unknown {
			if misses++; misses > freeMisses+i/patience {
				return false, false
			}
			to = a.miss(&s, uint32(a.prog.column[b]))
		}
		if to <= matched*a.stride {
			return to != dead, true
		}
		s = to
	}
	return a.atEnd[s/a.stride], true
}

// miss fills the transition of state *s by column c. In a full cache it keeps
// only that state, under its new number, which it leaves in *s.
func (a *automaton) miss(s *uint32, c uint32) uint32 {
	n := *s / a.stride
	if len(a.table) > lazyCells || len(a.keys) > lazyWords {
		sp := a.spans[n]
		key := append([]uint32(nil), a.keys[sp.lo:sp.hi]...) // once per some thousand states
		n = a.restart(key)
		*s = n * a.stride
	}
	return a.fill(n, c)
}

// restart empties the cache and re-enters the state with the given key.
func (a *automaton) restart(key []uint32) uint32 {
	a.reset()
	k := int(key[0] &^ (1 << 31))
	var pending [4]byte
	for i := range k {
		pending[i] = byte(key[1+i])
	}
	a.next.reset()
	a.next.pcs = append(a.next.pcs, key[1+k:]...)
	return a.intern(pending[:k], key[0]>>31 != 0)
}
