package literal

import (
	"encoding/binary"
	"math/bits"
)

// maxStride is the longest stride. Strides are powers of two: then the grams of
// several positions come from one load, by constant shifts.
const maxStride = 8

// A gram times hashFactor, shifted right by hashShift, is its place in a map
// of mapSize bytes: two thirds of the first-level cache where the map is
// restricted to 32 KiB, and well inside the second level where it is not.
const (
	hashFactor = 0x9E3779B1
	hashShift  = 15
	mapSize    = 1 << (32 - hashShift)
)

// sampler scans for the literals of one group.
type sampler struct {
	q, stride int
	mask      uint32 // the q low bytes of a little-endian load
	// known[h&spread] is not 0 if h is the hash of some gram.
	known  *[mapSize]uint8
	spread uint32
	// grams are sorted into buckets; bucket b is grams[heads[b]:heads[b+1]].
	grams []gram
	heads []uint32
	fold  uint8 // of a hash, to get a bucket
}

// gram is one sampled piece of one literal.
type gram struct {
	bytes   uint32
	literal uint32
	at      uint32 // its offset in the literal
	// check is the literal's rarest byte outside the gram, checkAt how far from
	// the gram's start it stands.
	check   byte
	checkAt int32
}

func newGram(literal string, id uint32, at, q int) gram {
	g := gram{bytes: pack(literal[at : at+q]), literal: id, at: uint32(at), check: literal[at]}
	best := 1 << 30
	for i := range len(literal) {
		if r := int(rank[literal[i]]); (i < at || i >= at+q) && r < best {
			best, g.check, g.checkAt = r, literal[i], int32(i-at)
		}
	}
	return g
}

func newSampler(literals []string, ids []uint32, p plan) sampler {
	s := sampler{q: p.q, stride: p.stride, mask: uint32(1<<(8*p.q) - 1)}
	var all []gram
	uses := map[string]int{}
	for _, id := range ids {
		l := literals[id]
		first := rarestSample(l, s.q, s.stride, uses)
		for at := first; at < first+s.stride; at++ {
			all = append(all, newGram(l, id, at, s.q))
			uses[l[at:at+s.q]]++
		}
	}
	s.fill(all)
	return s
}

// rarestSample returns the first of stride neighbouring grams of l whose
// commonest one is as rare as can be. Literals that share a gram are all
// compared where it is met, so a gram counts as commoner with each of uses.
func rarestSample(l string, q, stride int, uses map[string]int) int {
	best, bestScore := 0, 1<<30
	for first := 0; first+stride+q-1 <= len(l); first++ {
		worst := 0
		for at := first; at < first+stride; at++ {
			g := l[at : at+q]
			worst = max(worst, rankOf(g)+16*bits.Len(uint(uses[g])))
		}
		if worst < bestScore {
			best, bestScore = first, worst
		}
	}
	return best
}

// fill builds the map and the buckets.
func (s *sampler) fill(all []gram) {
	s.known = new([mapSize]uint8)
	s.spread = 1<<15 - 1
	if len(all) > 1000 {
		s.spread = mapSize - 1
	}
	logBuckets := min(bits.Len(uint(len(all))), 32-hashShift)
	s.fold = uint8(32 - hashShift - logBuckets)
	s.heads = make([]uint32, 1<<logBuckets+1)
	for _, g := range all {
		h := hash(g.bytes)
		s.known[h&s.spread] = 1
		s.heads[h>>s.fold+1]++
	}
	for b := 1; b < len(s.heads); b++ {
		s.heads[b] += s.heads[b-1]
	}
	s.grams = make([]gram, len(all))
	next := append([]uint32(nil), s.heads...)
	for _, g := range all {
		b := hash(g.bytes) >> s.fold
		s.grams[next[b]] = g
		next[b]++
	}
}

func hash(g uint32) uint32 { return g * hashFactor >> hashShift }

// appendHits appends the occurrences in text, nearly in order. Each stride has
// a loop of its own, which reads four positions an iteration.
func (s *sampler) appendHits(dst []Hit, text []byte, literals []string) []Hit {
	switch s.stride {
	case 1:
		return s.scan1(dst, text, literals)
	case 2:
		return s.scan2(dst, text, literals)
	case 4:
		return s.scan4(dst, text, literals)
	}
	return s.scan8(dst, text, literals)
}

// scan1 samples every position.
//
// hot: BenchmarkScanner
func (s *sampler) scan1(dst []Hit, text []byte, literals []string) []Hit {
	known, mask, spread := s.known, s.mask, s.spread
	rest := text
	for len(rest) >= 8 {
		v := binary.LittleEndian.Uint64(rest)
		k0 := known[uint32(v)&mask*hashFactor>>hashShift&spread]
		k1 := known[uint32(v>>8)&mask*hashFactor>>hashShift&spread]
		k2 := known[uint32(v>>16)&mask*hashFactor>>hashShift&spread]
		k3 := known[uint32(v>>24)&mask*hashFactor>>hashShift&spread]
		if k := k0 | k1<<1 | k2<<2 | k3<<3; k != 0 {
			dst = s.verify4(dst, text, len(text)-len(rest), k, literals)
		}
		rest = rest[4:]
	}
	return s.finish(dst, text, len(text)-len(rest), literals)
}

// scan2 samples every second position.
//
// hot: BenchmarkScanner
func (s *sampler) scan2(dst []Hit, text []byte, literals []string) []Hit {
	known, mask, spread := s.known, s.mask, s.spread
	rest := text
	for len(rest) >= 16 {
		v := binary.LittleEndian.Uint64(rest)
		w := binary.LittleEndian.Uint64(rest[4:])
		k0 := known[uint32(v)&mask*hashFactor>>hashShift&spread]
		k1 := known[uint32(v>>16)&mask*hashFactor>>hashShift&spread]
		k2 := known[uint32(w)&mask*hashFactor>>hashShift&spread]
		k3 := known[uint32(w>>16)&mask*hashFactor>>hashShift&spread]
		if k := k0 | k1<<1 | k2<<2 | k3<<3; k != 0 {
			dst = s.verify4(dst, text, len(text)-len(rest), k, literals)
		}
		rest = rest[8:]
	}
	return s.finish(dst, text, len(text)-len(rest), literals)
}

// scan4 samples every fourth position.
//
// hot: BenchmarkScanner
func (s *sampler) scan4(dst []Hit, text []byte, literals []string) []Hit {
	known, mask, spread := s.known, s.mask, s.spread
	rest := text
	for len(rest) >= 16 {
		v := binary.LittleEndian.Uint64(rest)
		w := binary.LittleEndian.Uint64(rest[8:])
		k0 := known[uint32(v)&mask*hashFactor>>hashShift&spread]
		k1 := known[uint32(v>>32)&mask*hashFactor>>hashShift&spread]
		k2 := known[uint32(w)&mask*hashFactor>>hashShift&spread]
		k3 := known[uint32(w>>32)&mask*hashFactor>>hashShift&spread]
		if k := k0 | k1<<1 | k2<<2 | k3<<3; k != 0 {
			dst = s.verify4(dst, text, len(text)-len(rest), k, literals)
		}
		rest = rest[16:]
	}
	return s.finish(dst, text, len(text)-len(rest), literals)
}

// scan8 samples every eighth position.
//
// hot: BenchmarkScanner
func (s *sampler) scan8(dst []Hit, text []byte, literals []string) []Hit {
	known, mask, spread := s.known, s.mask, s.spread
	rest := text
	for len(rest) >= 32 {
		k0 := known[binary.LittleEndian.Uint32(rest)&mask*hashFactor>>hashShift&spread]
		k1 := known[binary.LittleEndian.Uint32(rest[8:])&mask*hashFactor>>hashShift&spread]
		k2 := known[binary.LittleEndian.Uint32(rest[16:])&mask*hashFactor>>hashShift&spread]
		k3 := known[binary.LittleEndian.Uint32(rest[24:])&mask*hashFactor>>hashShift&spread]
		if k := k0 | k1<<1 | k2<<2 | k3<<3; k != 0 {
			dst = s.verify4(dst, text, len(text)-len(rest), k, literals)
		}
		rest = rest[32:]
	}
	return s.finish(dst, text, len(text)-len(rest), literals)
}

// finish looks at the samples from pos on one by one.
func (s *sampler) finish(dst []Hit, text []byte, pos int, literals []string) []Hit {
	for ; pos+4 <= len(text); pos += s.stride {
		if s.known[binary.LittleEndian.Uint32(text[pos:])&s.mask*hashFactor>>hashShift&s.spread] != 0 {
			dst = s.verify(dst, text, pos, literals)
		}
	}
	for ; pos+s.q <= len(text); pos += s.stride {
		dst = s.verify(dst, text, pos, literals)
	}
	return dst
}

// verify4 verifies those of the four samples from pos on whose bit is set.
func (s *sampler) verify4(dst []Hit, text []byte, pos int, known uint8, literals []string) []Hit {
	for ; known != 0; known &= known - 1 {
		dst = s.verify(dst, text, pos+bits.TrailingZeros8(known)*s.stride, literals)
	}
	return dst
}

// verify appends the occurrences whose gram is at pos.
func (s *sampler) verify(dst []Hit, text []byte, pos int, literals []string) []Hit {
	var g uint32
	if pos+4 <= len(text) {
		g = binary.LittleEndian.Uint32(text[pos:]) & s.mask
	} else {
		g = pack(text[pos : pos+s.q])
	}
	b := hash(g) >> s.fold
	for i, end := s.heads[b], s.heads[b+1]; i < end; i++ {
		c := &s.grams[i]
		if c.bytes != g {
			continue
		}
		if c.occurs(text, pos, literals[c.literal]) {
			dst = append(dst, newHit(pos-int(c.at), c.literal))
		}
	}
	return dst
}

// occurs reports whether literal l is there, its gram being at pos. The rarest
// other byte goes first: it mostly spares the comparison.
func (g *gram) occurs(text []byte, pos int, l string) bool {
	if at := pos + int(g.checkAt); uint(at) >= uint(len(text)) || text[at] != g.check {
		return false
	}
	start := pos - int(g.at)
	return start >= 0 && len(l) <= len(text)-start && string(text[start:start+len(l)]) == l
}

// pack returns the at most four bytes of b as a little-endian number.
func pack[T string | []byte](b T) uint32 {
	var g uint32
	for i := range len(b) {
		g |= uint32(b[i]) << (8 * i)
	}
	return g
}
