// Package eventid prints the ids of many events.
//
// What enters: event.ID values, one after the other. What leaves: their decimal
// form, appended to a buffer of the caller, as event.ID's own AppendText makes it.
// An id is the number
//
//	timestamp<<144 | ingested<<80 | request<<16 | index
//
// and of one batch only timestamp and index differ. So a Printer divides once, for
// the first event of a batch, and makes each further id of the one before it by
// additions of decimal numbers: how much greater the index is, and for each six bits
// of the milliseconds in between a multiple of 2^144 from a table. The numbers have a
// digit a byte, in words of eight digits that are added at once:
//
//	id     | 30000000 | 00000000 | ... | 00000007 |  56 digits, the last word first
//	2^144  |        0 |     2230 | ... | 05980416 |
//
// A Printer belongs to one goroutine and keeps a hundred bytes. Nothing here is
// durable.
package eventid

import (
	"encoding/binary"
	"slices"

	"sluice/internal/event"
)

// Digits is the length of an id of the years 1984 to 2112.
const Digits = 56

const (
	words = Digits / 8

	stepBits = 6 // of milliseconds that are added at once
	levels   = 6
	maxLater = 1 << (stepBits * levels) // milliseconds: two years
)

// number is decimal: a digit a byte, the lowest word first, in each the lowest digit
// in the lowest byte.
type number [words]uint64

// steps is k<<(6*level+144) for each level and k.
var steps = func() (t [levels][1 << stepBits]number) {
	one := parse(event.ID{Timestamp: 1}.AppendText(nil))
	for level := range t {
		of := &t[level]
		for k := 1; k < len(of); k++ {
			of[k] = of[k-1]
			of[k].add(&one, 0)
		}
		next := of[len(of)-1]
		next.add(&one, 0)
		one = next
	}
	return t
}()

// Printer prints ids, quickly if many follow each other that differ in timestamp
// and index alone and grow. Its zero value is ready.
type Printer struct {
	last  event.ID
	is    number // last
	known bool   // is is valid
}

// Append appends the decimal form of an id to dst.
//
// hot: BenchmarkAppend
func (p *Printer) Append(dst []byte, id event.ID) []byte {
	dst = slices.Grow(dst, Digits)
	n := len(dst)
	if !p.Put((*[Digits]byte)(dst[n:n+Digits]), id) {
		return id.AppendText(dst)
	}
	return dst[:n+Digits]
}

// Put prints an id that has as many digits as nearly all have, and reports false for
// others.
//
// hot: BenchmarkAppend
func (p *Printer) Put(to *[Digits]byte, id event.ID) bool {
	if !p.moveTo(id) {
		return false
	}
	for i, w := range &p.is {
		binary.BigEndian.PutUint64(to[8*(words-1-i):], w|'0'*ones)
	}
	return true
}

// moveTo adds to the last id what is between it and another one. It reports false,
// and knows nothing any more, if that has more digits.
func (p *Printer) moveTo(id event.ID) bool {
	later, ahead := uint64(id.Timestamp-p.last.Timestamp), uint64(id.Index)-uint64(p.last.Index)
	if !p.known || later >= maxLater || int64(ahead) < 0 || id.Ingested != p.last.Ingested || id.Request != p.last.Request {
		return p.start(id)
	}
	p.last.Timestamp, p.last.Index = id.Timestamp, id.Index
	over := uint64(0)
	if ahead > 1 {
		over = p.is.addSmall(ahead)
		ahead = 0
	}
	// The lowest bits are often 0, at times that no processor guesses.
	for level := 0; level == 0 || later != 0; level++ {
		over |= p.is.add(&steps[level][later%(1<<stepBits)], ahead)
		later, ahead = later>>stepBits, 0
	}
	p.known = over == 0
	return p.known
}

// start makes an id the last one. It reports false if that has more digits.
func (p *Printer) start(id event.ID) bool {
	var buffer [80]byte
	text := id.AppendText(buffer[:0])
	if p.known = len(text) == Digits; p.known {
		p.last, p.is = id, parse(text)
	}
	return p.known
}

func parse(text []byte) (n number) {
	for i := range n {
		n[i] = binary.BigEndian.Uint64(text[8*(words-1-i):]) ^ '0'*ones
	}
	return n
}

// add adds another number, and one more with a carry, and returns what is carried out
// of the highest word.
func (n *number) add(m *number, carry uint64) uint64 {
	n[0], carry = addDigits(n[0], m[0], carry)
	n[1], carry = addDigits(n[1], m[1], carry)
	n[2], carry = addDigits(n[2], m[2], carry)
	n[3], carry = addDigits(n[3], m[3], carry)
	n[4], carry = addDigits(n[4], m[4], carry)
	n[5], carry = addDigits(n[5], m[5], carry)
	n[6], carry = addDigits(n[6], m[6], carry)
	return carry
}

// addSmall adds what has eight digits at most.
func (n *number) addSmall(v uint64) (carry uint64) {
	if v >= 10 {
		v = digitsOf(v)
	}
	n[0], carry = addDigits(n[0], v, 0)
	for i := 1; carry != 0 && i < words; i++ {
		n[i], carry = addDigits(n[i], 0, carry)
	}
	return carry
}

const ones = 0x0101010101010101

// addDigits adds eight digits to eight. Each digit of the sum has 0xf6 added, which
// carries into the next byte what ten and more carry into the next digit; where
// nothing was carried, it is taken off again.
func addDigits(a, b, carry uint64) (sum, carried uint64) {
	a += 0xf6 * ones
	s := a + b + carry
	// Bytes that were not carried out of are 0xf6 to 0xff, the others 0 to 9. The
	// highest tells whether the word was.
	kept := s >> 4 & (6 * ones)
	return s&(15*ones) - kept, ^s >> 63
}

// digitsOf has a number below 10^8 as eight digits, the highest in the highest byte.
func digitsOf(v uint64) uint64 {
	var text [8]byte
	Put8(text[:], v)
	return binary.BigEndian.Uint64(text[:]) ^ '0'*ones
}

// Put8 prints a number below 10^8 as eight digits: it halves them into groups of four, two and one, all
// groups at once in the lanes of one word.
func Put8(to []byte, v uint64) {
	const (
		hundredth = 10486 // of 2^20, exact for what has four digits
		tenth     = 103   // of 2^10, exact for what has two
	)
	fours := v/10_000 | v%10_000<<32
	hundreds := fours * hundredth >> 20 & 0x0000_007f_0000_007f
	twos := hundreds | (fours-100*hundreds)<<16
	tens := twos * tenth >> 10 & 0x000f_000f_000f_000f
	ones := tens | (twos-10*tens)<<8
	binary.LittleEndian.PutUint64(to, ones|0x3030_3030_3030_3030)
}
