//go:build goexperiment.simd && amd64 && go1.26 && !go1.27

package literal

import (
	"math/bits"
	"simd/archsimd"
	"slices"
)

// With GOEXPERIMENT=simd the search for several literals compares 32 positions at
// a time. The package is an experiment of Go 1.26, hence the narrow build
// constraint; the portable twin stays in use on processors without AVX2 and for the
// ends of a text, and TestVectorEqualsPortable holds both against each other.

var hasAVX2 = archsimd.X86.AVX2()

func load(b []byte) archsimd.Uint8x32 { return archsimd.LoadUint8x32((*[32]uint8)(b)) }

// fingerprints scans for up to maxFingerprints literals of three bytes or more.
// The literals are dealt into eight buckets. For each of three neighbouring
// bytes two tables of 16 entries, by low and by high nibble, tell the buckets a
// byte is possible in, one bit each; a position where a bit survives all six
// look-ups is verified.
type fingerprints struct {
	low, high [3]archsimd.Uint8x32
	buckets   [8][]gram
}

const (
	fingerprintLength = 3
	maxFingerprints   = 48
)

// newFingerprints returns nil if the samplers are better.
func newFingerprints(literals []string, ids []uint32) *fingerprints {
	if !hasAVX2 || len(ids) == 0 || len(ids) > maxFingerprints {
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
	var low, high [fingerprintLength][32]uint8
	for i, g := range all {
		bucket := i * len(f.buckets) / len(all)
		f.buckets[bucket] = append(f.buckets[bucket], g)
		for k := range fingerprintLength {
			b := uint8(g.bytes >> (8 * k))
			for _, lane := range []int{0, 16} {
				low[k][lane+int(b&15)] |= 1 << bucket
				high[k][lane+int(b>>4)] |= 1 << bucket
			}
		}
	}
	for k := range fingerprintLength {
		f.low[k], f.high[k] = archsimd.LoadUint8x32(&low[k]), archsimd.LoadUint8x32(&high[k])
	}
	return f
}

// windowLength is what one step reads: 32 fingerprints.
const windowLength = 32 + fingerprintLength - 1

// appendHits appends the occurrences in text, nearly in order. What is left
// behind the last full window is read from a padded copy.
func (f *fingerprints) appendHits(dst []Hit, text []byte, literals []string) []Hit {
	dst, pos := f.scan(dst, text, text, 0, literals)
	if pos+fingerprintLength <= len(text) {
		var last [windowLength]byte
		copy(last[:], text[pos:])
		dst, _ = f.scan(dst, last[:], text, pos, literals)
	}
	// SSE instructions stall on dirty AVX registers.
	archsimd.ClearAVXUpperBits()
	return dst
}

// scan looks at all full windows of part, which is text from base on, perhaps
// with padding, and returns where in text it stopped.
//
// hot: BenchmarkScanner
func (f *fingerprints) scan(dst []Hit, part, text []byte, base int, literals []string) ([]Hit, int) {
	nibble, zero := archsimd.BroadcastUint8x32(15), archsimd.BroadcastUint8x32(0)
	// The upper half of a product with 2^12 is a shift right by 4. A shift would
	// load its count by an SSE instruction, which stalls on dirty AVX registers.
	shift := archsimd.BroadcastUint16x16(1 << 12)
	low0, low1, low2 := f.low[0], f.low[1], f.low[2]
	high0, high1, high2 := f.high[0], f.high[1], f.high[2]
	var possible [32]uint8
	pos := 0
	for ; pos+windowLength <= len(part); pos += 32 {
		v0, v1, v2 := load(part[pos:]), load(part[pos+1:]), load(part[pos+2:])
		r := low0.PermuteOrZeroGrouped(v0.And(nibble).AsInt8x32()).
			And(high0.PermuteOrZeroGrouped(v0.AsUint16x16().MulHigh(shift).AsUint8x32().And(nibble).AsInt8x32())).
			And(low1.PermuteOrZeroGrouped(v1.And(nibble).AsInt8x32())).
			And(high1.PermuteOrZeroGrouped(v1.AsUint16x16().MulHigh(shift).AsUint8x32().And(nibble).AsInt8x32())).
			And(low2.PermuteOrZeroGrouped(v2.And(nibble).AsInt8x32())).
			And(high2.PermuteOrZeroGrouped(v2.AsUint16x16().MulHigh(shift).AsUint8x32().And(nibble).AsInt8x32()))
		found := ^r.Equal(zero).ToBits()
		if found == 0 {
			continue
		}
		r.Store(&possible)
		for ; found != 0; found &= found - 1 {
			k := bits.TrailingZeros32(found)
			if at := base + pos + k; at+fingerprintLength <= len(text) {
				dst = f.verify(dst, text, at, possible[k], literals)
			}
		}
	}
	return dst, base + pos
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
