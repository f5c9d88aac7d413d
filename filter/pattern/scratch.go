package pattern

import "sync"

// scratch is what a match needs only in rare cases: a string to decode before a
// glob or regex sees it, an object whose names repeat under a wildcard, a space
// pattern with very many fields. It is pooled, so that these cases, too, do not
// allocate in the long run.
type scratch struct {
	text    []byte
	members []memberSpan
	table   []int32
	tokens  []token
	quotes  []uint64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newScratch() *scratch { return scratches.Get().(*scratch) }

// words returns n words to overwrite.
func (s *scratch) words(n int) []uint64 {
	if cap(s.quotes) < n {
		s.quotes = make([]uint64, n+n/4)
	}
	return s.quotes[:n]
}

// free gives s back unless a giant message has blown it up.
func (s *scratch) free() {
	if cap(s.text) <= 1<<20 && cap(s.members) <= 1<<16 {
		scratches.Put(s)
	}
}
