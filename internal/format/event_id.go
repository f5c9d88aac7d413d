package format

import "math/bits"

// eventIDs prints the ids of a batch's events. An id is the decimal number
//
//	timestamp<<144 | ingested<<80 | request<<16 | index
//
// and event.ID prints any; of one batch only timestamp and index differ, so
// that a multiplication and an addition are left of the long divisions. It costs
// two thirds of event.ID's, of what was a tenth of a Parquet file of short lines.
//
// Numbers are limbs of 19 digits, the lowest first.
type eventIDs struct {
	batch limbs // of ingested and request
}

type limbs [4]uint64

const limb = 1e19

// shift144 is 2^144.
var shift144 = limbsOf([4]uint64{0, 1 << 16, 0, 0})

// limbsOf converts a number of 64-bit words, the highest first.
func limbsOf(words [4]uint64) (l limbs) {
	for i := range l {
		var rest uint64
		for j := range words {
			words[j], rest = bits.Div64(rest, words[j], limb)
		}
		l[i] = rest
	}
	return l
}

func (e *eventIDs) use(ingested int64, request uint64) {
	in := uint64(ingested)
	e.batch = limbsOf([4]uint64{0, in >> 48, in<<16 | request>>48, request << 16})
}

// hot: BenchmarkEventID
func (e *eventIDs) append(dst []byte, timestamp int64, index uint16) []byte {
	var l limbs
	carry := uint64(index)
	for i := range l {
		high, low := bits.Mul64(uint64(timestamp), shift144[i])
		low, more := bits.Add64(low, e.batch[i], 0)
		high += more
		low, more = bits.Add64(low, carry, 0)
		carry, l[i] = bits.Div64(high+more, low, limb)
	}
	var digits [19 * len(l)]byte
	for i, v := range l {
		putLimb((*[19]byte)(digits[19*(len(l)-1-i):]), v)
	}
	from := 0
	for from < len(digits)-56 && digits[from] == '0' { // at least 56 digits
		from++
	}
	return append(dst, digits[from:]...)
}

const pairs = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// putLimb prints 19 digits, as two numbers that the processor can work on side
// by side.
func putLimb(to *[19]byte, v uint64) {
	high, low := v/1e10, v%1e10
	for at := 8; at > 0; at -= 2 {
		h, l := high%100*2, low%100*2
		high, low = high/100, low/100
		to[at-1], to[at] = pairs[h], pairs[h+1]
		to[at+9], to[at+10] = pairs[l], pairs[l+1]
	}
	to[0] = '0' + byte(high)
	to[9], to[10] = pairs[low*2], pairs[low*2+1]
}
