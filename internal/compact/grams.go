package compact

import (
	"math/bits"
	"slices"
)

// The filter of a block says of a literal that it is nowhere in the text. It is
// a bitmap over hashed n-grams of the text, taken at every second offset: a
// literal that occurs begins at an even or at an odd one, so one of two series
// of its own n-grams must be there completely. That halves what building costs
// and how full the bitmap gets.
//
// Grams come in two classes by their first four bytes, each with bits of its
// own. Numbers, hex digits and their punctuation take nearly every combination,
// so they are looked at six bytes at a time; all else is words, of which logs
// know few: four bytes tell most of them apart, and numbers do not crowd them
// out. A literal with no gram (shorter than four bytes, or a number shorter
// than six) excludes no block.
//
//	+---------------+-----------------+-------------+---------------+
//	| word bits u32 | number bits u32 | word bitmap | number bitmap |
//	+---------------+-----------------+-------------+---------------+
//
// A bitmap that would say yes to nearly everything is left out, one with few
// bits set is folded to half, as often as it stays sparse.
const (
	gramsPerMille = 29  // size of the filter, of the text's
	gramsUnit     = 512 // bitmaps are multiples of it, so that they fold
	gramsFull     = 0.9 // share of set bits from which a bitmap tells nothing
	gramsSparse   = 0.1 // share below which half the bits do
	gramsHeader   = 8

	wordGram, numberGram = 4, 6
	wordMask, numberMask = (1<<32 - 1) << gramShift, (1<<48 - 1) << gramShift
	gramShift            = 16 // a gram stands in the upper bits of a word, the way the second of eight bytes does

	hashing = 0x9E3779B97F4A7C15 // odd, 2^64 by the golden ratio
)

// isNumber marks the bytes that make a gram one of numbers: all ones in the bits
// of a gram (gramAt) for those.
var isNumber = func() (t [256]uint64) {
	for _, c := range []byte("0123456789abcdefABCDEF-.:") {
		t[c] = numberMask
	}
	return t
}()

// class is 1 for four bytes of numbers.
func class(v uint64) uint8 {
	return uint8(isNumber[uint8(v)] & isNumber[uint8(v>>8)] & isNumber[uint8(v>>16)] & isNumber[uint8(v>>24)] >> 63)
}

var gramMask = [2]uint64{wordMask, numberMask}

// slot is a gram's bit in a bitmap of n bits. It is monotone in the hash, so
// that halving n halves the slot: that is what fold relies on.
func slot(gram uint64, n uint32) uint32 {
	at, _ := bits.Mul64(gram*hashing, uint64(n))
	return uint32(at)
}

// gramFilter builds the filters of one block after the other.
type gramFilter struct {
	bitmaps []uint64 // words, then numbers
}

// build appends the filter of a text to dst; nothing where it would be full.
func (f *gramFilter) build(dst, text []byte) []byte {
	total := uint32(len(text) * gramsPerMille / 125) // bits
	words := max(total/4/gramsUnit, 1) * gramsUnit
	numbers := max((total-total/4)/gramsUnit, 1) * gramsUnit
	f.bitmaps = slices.Grow(f.bitmaps[:0], int(words+numbers)/64)[:(words+numbers)/64]
	clear(f.bitmaps)
	whole := f.add(text, words, numbers)
	f.addTail(text[whole:], words, numbers)

	w, n := fold(f.bitmaps[:words/64]), fold(f.bitmaps[words/64:])
	if len(w)+len(n) == 0 {
		return dst
	}
	dst = le.AppendUint32(dst, uint32(64*len(w)))
	dst = le.AppendUint32(dst, uint32(64*len(n)))
	for _, v := range w {
		dst = le.AppendUint64(dst, v)
	}
	for _, v := range n {
		dst = le.AppendUint64(dst, v)
	}
	return dst
}

// add sets the bits of all grams that eight bytes can be loaded for and returns
// the first offset that is left.
//
// hot: BenchmarkGrams
func (f *gramFilter) add(text []byte, words, numbers uint32) int {
	bitmap, w, n := f.bitmaps, uint64(words)<<gramShift, (uint64(numbers)-uint64(words))<<gramShift
	whole, first := len(text), uint64(0) // first: numberMask where bytes 0 and 1 are of a number
	if len(text) >= 2 {
		first = isNumber[text[0]] & isNumber[text[1]]
	}
	for len(text) >= 8 {
		v := le.Uint64(text)
		middle := isNumber[uint8(v>>16)] & isNumber[uint8(v>>24)]
		last := isNumber[uint8(v>>32)] & isNumber[uint8(v>>40)]
		a, b := first&middle, middle&last
		i, _ := bits.Mul64((v<<gramShift&(wordMask|a))*hashing, w+n&a)
		j, _ := bits.Mul64((v&(wordMask|b))*hashing, w+n&b)
		i, j = i+w&a, j+w&b
		bitmap[i>>(6+gramShift)] |= 1 << (i >> gramShift & 63)
		bitmap[j>>(6+gramShift)] |= 1 << (j >> gramShift & 63)
		first = last
		text = text[4:]
	}
	return whole - len(text)
}

// addTail sets the bits of the last grams, which begin at the even offsets of
// fewer than eight bytes.
func (f *gramFilter) addTail(tail []byte, words, numbers uint32) {
	for i := 0; i < len(tail); i += 2 {
		gram, kind, ok := gramAt(tail[i:])
		if !ok {
			continue
		}
		bit := slot(gram, words)
		if kind == 1 {
			bit = words + slot(gram, numbers)
		}
		f.bitmaps[bit>>6] |= 1 << (bit & 63)
	}
}

// gramAt is the gram that b begins with, if it is long enough.
func gramAt(b []byte) (gram uint64, kind uint8, ok bool) {
	if len(b) < wordGram {
		return 0, 0, false
	}
	var eight [8]byte
	copy(eight[:], b)
	v := le.Uint64(eight[:])
	kind = class(v)
	if kind == 1 && len(b) < numberGram {
		return 0, 0, false
	}
	return v << gramShift & gramMask[kind], kind, true
}

// fold halves a bitmap while that leaves it telling, and drops a full one.
func fold(bitmap []uint64) []uint64 {
	for {
		set := 0
		for _, v := range bitmap {
			set += bits.OnesCount64(v)
		}
		switch share := float64(set) / float64(64*len(bitmap)); {
		case share > gramsFull:
			return nil
		case share > gramsSparse || len(bitmap)%2 != 0:
			return bitmap
		}
		for i := range len(bitmap) / 2 {
			bitmap[i] = half(bitmap[2*i]) | half(bitmap[2*i+1])<<32
		}
		bitmap = bitmap[:len(bitmap)/2]
	}
}

// half ors neighbouring bits and gathers them in the lower 32.
func half(v uint64) uint64 {
	v = (v | v>>1) & 0x5555555555555555
	v = (v | v>>1) & 0x3333333333333333
	v = (v | v>>2) & 0x0f0f0f0f0f0f0f0f
	v = (v | v>>4) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return (v | v>>16) & 0x00000000ffffffff
}

// excludes tells whether a filter proves that a literal is not in the text. A
// filter that is none excludes nothing.
func excludes(filter, literal []byte) bool {
	if len(filter) < gramsHeader {
		return false
	}
	words, numbers := le.Uint32(filter), le.Uint32(filter[4:])
	if uint64(words)+uint64(numbers) != uint64(len(filter)-gramsHeader)*8 || words%64 != 0 {
		return false
	}
	var bitmaps [2][]byte
	bitmaps[0], bitmaps[1] = filter[gramsHeader:gramsHeader+words/8], filter[gramsHeader+words/8:]
	return misses(bitmaps, literal) && len(literal) > 0 && misses(bitmaps, literal[1:])
}

// misses tells whether one of the grams at even offsets of b is not there.
func misses(bitmaps [2][]byte, b []byte) bool {
	for ; len(b) >= wordGram; b = b[2:] {
		gram, kind, ok := gramAt(b)
		bitmap := bitmaps[kind]
		if !ok || len(bitmap) == 0 {
			continue
		}
		bit := slot(gram, uint32(8*len(bitmap)))
		if bitmap[bit>>3]>>(bit&7)&1 == 0 {
			return true
		}
	}
	return false
}
