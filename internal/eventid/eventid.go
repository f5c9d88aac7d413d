// Package eventid prints the ids of many events.
//
// What enters: event.ID values, one after the other. What leaves: their decimal
// form, appended to a buffer of the caller, as event.ID's own AppendText makes it.
// An id is the number
//
//	timestamp<<144 | ingested<<80 | request<<16 | index
//
// and of one batch only timestamp and index differ. So a Printer divides once, for
// the first event of a batch, and makes each further id of a multiple of 2^144 and
// an addition, in limbs of eight decimal digits:
//
//	text   | limb 6 | limb 5 | limb 4  | limb 3   | limb 2   | limb 1   | limb 0  |  56 digits
//	2^144  |      0 |   2230 | 7451985 | 30623141 | 53571827 | 26483615 | 5980416 |
//
// A Printer belongs to one goroutine and keeps a hundred bytes. Nothing here is
// durable.
package eventid

import (
	"encoding/binary"

	"sluice/internal/event"
)

const (
	digits = 56 // of an id of the years 1984 to 2112
	limb   = 100_000_000
	// maxSince is the milliseconds that an event may be younger than the first one:
	// a limb of 2^144 times that, and what is carried, stay below 2^64.
	maxSince = 1 << 36
)

// power is 2^144, the lowest limb first.
var power = [6]uint64{5_980_416, 26_483_615, 53_571_827, 30_623_141, 7_451_985, 2_230}

// Printer prints ids, quickly if many follow each other that differ in timestamp
// and index alone. Its zero value is ready.
type Printer struct {
	first event.ID // what base is for; its Index is 0
	base  [7]uint64
	fast  bool // base is valid

	last uint64       // since of the id in text
	low  uint64       // limb 0 of that id, without its index
	text [digits]byte // valid if same
	same bool
}

// Append appends the decimal form of an id to dst.
//
// hot: BenchmarkAppend
func (p *Printer) Append(dst []byte, id event.ID) []byte {
	since := uint64(id.Timestamp - p.first.Timestamp)
	if !p.fast || since >= maxSince || id.Ingested != p.first.Ingested || id.Request != p.first.Request {
		if !p.start(id) {
			return id.AppendText(dst)
		}
		since = 0
	}
	if p.same && since == p.last {
		if v := p.low + uint64(id.Index); v < limb {
			Put8(p.text[digits-8:], v)
			return append(dst, p.text[:]...)
		}
	}
	if !p.add(since, uint64(id.Index)) {
		return id.AppendText(dst)
	}
	return append(dst, p.text[:]...)
}

// start makes an id the first one. It reports false if that has more digits.
func (p *Printer) start(id event.ID) bool {
	p.first, p.same = id, false
	p.first.Index = 0
	var text [80]byte
	number := p.first.AppendText(text[:0])
	p.fast = len(number) == digits
	for i := range p.base {
		p.base[i] = 0
		for _, c := range number[len(number)-8*(i+1):][:8] {
			p.base[i] = 10*p.base[i] + uint64(c-'0')
		}
	}
	return p.fast
}

// add sets text to the first id, so many milliseconds later, with an index. It
// reports false, and leaves no text, if that takes a digit more.
func (p *Printer) add(since, index uint64) bool {
	v := p.base[0] + since*power[0]
	carry := v / limb
	p.low, p.last = v-carry*limb, since
	v = p.low + index
	if v >= limb { // once
		v -= limb
		carry++
		p.low -= limb // below 0: an index that carries less is not the text's
	}
	Put8(p.text[digits-8:], v)
	for i := 1; i < len(power); i++ {
		v = p.base[i] + since*power[i] + carry
		carry = v / limb
		Put8(p.text[digits-8*(i+1):], v-carry*limb)
	}
	v = p.base[6] + carry
	Put8(p.text[:], v)
	p.same = v < limb
	return p.same
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
