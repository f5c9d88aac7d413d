package corpus

import (
	"math/bits"
	"strconv"
	"time"
)

// random is splitmix64: its few lines are here because the corpora must not
// change when a library does.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	x := uint64(*r)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below is a number in [0, n).
func (r *random) below(n uint32) uint32 {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return uint32(hi)
}

func (r *random) pick(from []string) string { return from[r.below(uint32(len(from)))] }

// appendHex appends the last n hexadecimal digits of x.
func appendHex(dst []byte, x uint64, n int) []byte {
	const digits = "0123456789abcdef"
	for n--; n >= 0; n-- {
		dst = append(dst, digits[x>>(4*n)&15])
	}
	return dst
}

// appendUUID appends a random identifier of the form 8-4-4-4-12.
func (r *random) appendUUID(dst []byte) []byte {
	hi, lo := r.next(), r.next()
	dst = appendHex(dst, hi>>32, 8)
	dst = appendHex(append(dst, '-'), hi>>16, 4)
	dst = appendHex(append(dst, '-'), hi, 4)
	dst = appendHex(append(dst, '-'), lo>>48, 4)
	return appendHex(append(dst, '-'), lo, 12)
}

func appendUint(dst []byte, x uint32) []byte { return strconv.AppendUint(dst, uint64(x), 10) }

// appendIP appends a dotted address whose first parts are given.
func (r *random) appendIP(dst []byte, first ...uint32) []byte {
	for _, part := range first {
		dst = append(appendUint(dst, part), '.')
	}
	for range 3 - len(first) {
		dst = append(appendUint(dst, r.below(256)), '.')
	}
	return appendUint(dst, 1+r.below(254))
}

// meanGap is the mean time between two events, in microseconds.
const meanGap = 550

// clock is the time of the last event. Dates are formatted once a second.
type clock struct {
	micros  int64
	second  int64 // the one that date and log are of
	date    [len("2006-01-02T15:04:05")]byte
	log     [len("02/Jan/2006:15:04:05 +0000")]byte
	started bool
}

func (c *clock) advance(micros int64) {
	c.micros += micros
	if s := c.micros / 1e6; s != c.second || !c.started {
		c.second, c.started = s, true
		t := time.Unix(s, 0).UTC()
		t.AppendFormat(c.date[:0], "2006-01-02T15:04:05")
		t.AppendFormat(c.log[:0], "02/Jan/2006:15:04:05 +0000")
	}
}

// appendFraction appends the part of a second in n digits, at most 6.
func (c *clock) appendFraction(dst []byte, n int) []byte {
	x := c.micros % 1e6
	for unit := int64(1e5); n > 0; n-- {
		dst = append(dst, '0'+byte(x/unit%10))
		unit /= 10
	}
	return dst
}
