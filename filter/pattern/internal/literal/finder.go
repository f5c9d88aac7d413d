package literal

import "bytes"

// A part of this length of a literal is searched for and the rest compared:
// bytes.Index has a vector loop up to 63 bytes, and a much slower one beyond.
const maxCore = 32

// Finder finds one literal.
type Finder struct {
	literal []byte
	core    []byte // literal[coreAt:][:len(core)]
	coreAt  int
	rare    byte // literal[rareAt], its rarest byte
	rareAt  int
	check   byte // literal[checkAt], the rarest one of the others
	checkAt int
}

// NewFinder returns a Finder for literal.
func NewFinder(literal string) Finder {
	f := Finder{literal: []byte(literal)}
	n := min(len(literal), maxCore)
	f.coreAt = rarestWindow(literal, n)
	f.core = f.literal[f.coreAt:][:n]
	if len(literal) > 0 {
		f.rareAt = rarestWindow(literal, 1)
		f.rare = literal[f.rareAt]
		f.checkAt = secondRarest(literal, f.rareAt)
		f.check = literal[f.checkAt]
	}
	return f
}

// secondRarest returns the index of the rarest byte of s other than s[rarest],
// or rarest if there is no other.
func secondRarest(s string, rarest int) int {
	second := rarest
	for i := range len(s) {
		if s[i] != s[rarest] && (second == rarest || rank[s[i]] < rank[s[second]]) {
			second = i
		}
	}
	return second
}

// indexPortable is Index by means of package bytes.
func (f *Finder) indexPortable(text []byte) int {
	n := len(f.literal)
	if n == 0 {
		return 0
	}
	// A false start costs about as much as reading 20 bytes in the fallback.
	misses := 0
	for i := f.rareAt; i+n-f.rareAt <= len(text); i++ {
		j := bytes.IndexByte(text[i:len(text)-n+f.rareAt+1], f.rare)
		if j < 0 {
			return -1
		}
		i += j
		start := i - f.rareAt
		if text[start+f.checkAt] == f.check && string(text[start:start+n]) == string(f.literal) {
			return start
		}
		if misses++; misses > 16+i>>5 {
			return f.indexCore(text, start+1)
		}
	}
	return -1
}

// indexCore is indexPortable from offset on, for texts in which the rarest byte is
// common.
func (f *Finder) indexCore(text []byte, from int) int {
	n := len(f.literal)
	for from+n <= len(text) {
		j := bytes.Index(text[from+f.coreAt:len(text)-n+f.coreAt+len(f.core)], f.core)
		if j < 0 {
			return -1
		}
		from += j
		if string(text[from:from+n]) == string(f.literal) {
			return from
		}
		from++
	}
	return -1
}

// appendHits appends every occurrence in text as one of literal id.
func (f *Finder) appendHits(dst []Hit, text []byte, id uint32) []Hit {
	for from := 0; ; from++ {
		i := f.Index(text[from:])
		if i < 0 {
			return dst
		}
		from += i
		dst = append(dst, newHit(from, id))
	}
}
