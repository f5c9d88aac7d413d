package literal

import (
	"math/bits"
	"slices"
)

// fingerprints scans for up to maxFingerprints literals of three bytes or more.
// The literals are dealt into eight buckets. For each of three neighbouring
// bytes two tables of 16 entries, by low and by high nibble, tell the buckets a
// byte is possible in, one bit each; a position where a bit survives all six
// look-ups is verified.
type fingerprints struct {
	tables  tables
	buckets [8][]gram
}

// tables are low and high ones in turns, each of them twice.
type tables [2 * fingerprintLength][lanes]uint8

const (
	fingerprintLength = 3
	maxFingerprints   = 48
	// lanes are how many positions are looked at at once, and windowBytes what is read
	// for that.
	lanes       = 32
	windowBytes = lanes + fingerprintLength - 1
)

// seekPrint returns the first multiple of lanes, below n, behind which there is a
// position that is possible in some bucket, n if there is none: which positions, and
// the buckets of each. n is a multiple of lanes, and text goes on behind it for
// windowBytes-lanes.
//
//go:noescape
func seekPrint(t *tables, text *byte, n int, possible *[lanes]uint8) (at int, which uint32)

// newFingerprints returns nil if the samplers are better.
func newFingerprints(literals []string, ids []uint32) *fingerprints {
	if !kernel || len(ids) == 0 || len(ids) > maxFingerprints {
		return nil
	}
	var all []gram
	for _, id := range ids {
		l := literals[id]
		if len(l) < fingerprintLength {
			return nil
		}
		all = append(all, newGram(l, id, rarestWindow(l, fingerprintLength), fingerprintLength))
	}
	// Neighbours in order share nibbles, so that a bucket admits little else.
	slices.SortFunc(all, func(a, b gram) int { return int(a.bytes) - int(b.bytes) })
	f := &fingerprints{}
	for i, g := range all {
		bucket := i * len(f.buckets) / len(all)
		f.buckets[bucket] = append(f.buckets[bucket], g)
		for k := range fingerprintLength {
			b := uint8(g.bytes >> (8 * k))
			for _, half := range []int{0, lanes / 2} {
				f.tables[2*k][half+int(b&15)] |= 1 << bucket
				f.tables[2*k+1][half+int(b>>4)] |= 1 << bucket
			}
		}
	}
	return f
}

// appendHits appends the occurrences in text, nearly in order. What is left
// behind the last full window is read from a padded copy.
func (f *fingerprints) appendHits(dst []Hit, text []byte, literals []string) []Hit {
	dst, pos := f.scan(dst, text, text, 0, literals)
	if pos+fingerprintLength <= len(text) {
		var last [windowBytes]byte
		copy(last[:], text[pos:])
		dst, _ = f.scan(dst, last[:], text, pos, literals)
	}
	return dst
}

// scan looks at all full windows of part, which is text from base on, perhaps
// with padding, and returns where in text it stopped.
//
// hot: BenchmarkScanner
func (f *fingerprints) scan(dst []Hit, part, text []byte, base int, literals []string) ([]Hit, int) {
	var possible [lanes]uint8
	n := max(0, len(part)-windowBytes+lanes) &^ (lanes - 1)
	for pos := 0; pos < n; pos += lanes {
		at, which := seekPrint(&f.tables, &part[pos], n-pos, &possible)
		pos += at
		for ; which != 0; which &= which - 1 {
			k := bits.TrailingZeros32(which)
			if at := base + pos + k; at+fingerprintLength <= len(text) {
				dst = f.verify(dst, text, at, possible[k], literals)
			}
		}
	}
	return dst, base + n
}

// verify appends the occurrences of literals of the given buckets whose
// fingerprint is at pos.
func (f *fingerprints) verify(dst []Hit, text []byte, pos int, buckets uint8, literals []string) []Hit {
	g := pack(text[pos : pos+fingerprintLength])
	for ; buckets != 0; buckets &= buckets - 1 {
		list := f.buckets[bits.TrailingZeros8(buckets)]
		for i := range list {
			if c := &list[i]; c.bytes == g && c.occurs(text, pos, literals[c.literal]) {
				dst = append(dst, newHit(pos-int(c.at), c.literal))
			}
		}
	}
	return dst
}
