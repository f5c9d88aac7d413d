package kinesis

import "math/bits"

// place is where a record is: the frame, and its number among those of its shard
// in it.
type place struct {
	position uint64
	number   uint32
}

func (p place) next() place { return place{p.position, p.number + 1} }

func (p place) before(q place) bool {
	return p.position < q.position || p.position == q.position && p.number < q.number
}

// sequenceDigits is the length of every sequence number.
const sequenceDigits = 56

const sequenceMark = 2 // at both ends

// wide is a number of 192 bits, the least significant word first.
type wide [3]uint64

// sequenceOf is the number of a place in a shard. created is when the shard was
// made, ms.
func sequenceOf(created int64, shard uint32, p place) wide {
	var w wide
	w.or(sequenceMark, 184)
	w.or(uint64(created/1000)&(1<<36-1), 148)
	w.or(p.position, 84)
	w.or(uint64(p.number), 52)
	w.or(uint64(shard), 4)
	w.or(sequenceMark, 0)
	return w
}

// or sets bits from one on.
func (w *wide) or(v uint64, at uint) {
	word, shift := at/64, at%64
	w[word] |= v << shift
	if shift > 0 && word < 2 {
		w[word+1] |= v >> (64 - shift)
	}
}

// bits takes n bits out, from one on.
func (w wide) bits(at, n uint) uint64 {
	word, shift := at/64, at%64
	v := w[word] >> shift
	if shift > 0 && word < 2 {
		v |= w[word+1] << (64 - shift)
	}
	if n < 64 {
		v &= 1<<n - 1
	}
	return v
}

// appendSequence appends the 56 digits of a place's sequence number.
//
// hot: BenchmarkGetRecords
func appendSequence(dst []byte, created int64, shard uint32, p place) []byte {
	const chunk = 1e19 // the most digits that a word holds
	w := sequenceOf(created, shard, p)
	var digits [sequenceDigits]byte
	end := sequenceDigits
	for end > 0 {
		var rest uint64
		for i := 2; i >= 0; i-- {
			w[i], rest = bits.Div64(rest, w[i], chunk)
		}
		for i := 0; i < 19 && end > 0; i++ {
			end--
			digits[end] = byte('0' + rest%10)
			rest /= 10
		}
	}
	return append(dst, digits[:]...)
}

// sequence is what a sequence number says.
type sequence struct {
	created int64 // seconds
	shard   uint32
	place   place
}

// parseSequence reads a sequence number that this package has made.
func parseSequence(text string) (s sequence, ok bool) {
	if len(text) != sequenceDigits {
		return s, false
	}
	var w wide
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return s, false
		}
		carry := uint64(c - '0')
		for i := range w {
			over, low := bits.Mul64(w[i], 10)
			low, more := bits.Add64(low, carry, 0)
			w[i], carry = low, over+more
		}
		if carry != 0 {
			return s, false
		}
	}
	s = sequence{
		created: int64(w.bits(148, 36)), shard: uint32(w.bits(4, 32)),
		place: place{w.bits(84, 64), uint32(w.bits(52, 32))},
	}
	return s, w == sequenceOf(s.created*1000, s.shard, s.place)
}
