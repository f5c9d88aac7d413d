package jsonline

import "math/bits"

// checkAVX2 is checkBlock for blocks of text, of which there is at least one, up
// to the first that is wrong, of which wrong tells the bytes. It notes them in
// colons and elements and their events, whose places count from at, in events,
// where it may write up to 4 too many.
//
//go:noescape
func checkAVX2(carry *grammar, text *byte, blocks int, colons, elements *uint64, events *uint16, at int, wrong *lanes) (done, count int)

// hasKernel asks the processor for AVX2, BMI1, BMI2, POPCNT and PCLMULQDQ, and
// whether the system keeps its wide registers.
func hasKernel() bool

var kernel = hasKernel()

// insideLanes turns the words of a block over in which a string goes on from the
// word before: the lowest bit of the index is about the block before, the others
// say which words have an odd number of quotes.
var insideLanes = func() (t [2 << blockWords]lanes) {
	for i := range t {
		for k := range blockWords {
			odd := bits.OnesCount(uint(i) & (2<<k - 1))
			t[i][k] = -uint64(odd & 1)
		}
	}
	return t
}()

// sumLanes are minus one in the words whose bit the index has.
var sumLanes = func() (t [1 << blockWords]lanes) {
	for i := range t {
		for k := range blockWords {
			t[i][k] = -uint64(i >> k & 1)
		}
	}
	return t
}()

// check checks whole blocks up to the first that is wrong, and says which of its
// bytes is the first that is, blockBytes for none.
func (m *Marks) check(text []byte) (wrong int) {
	if !kernel {
		return m.checkGo(text)
	}
	blocks := len(text) / blockBytes
	colons, elements := m.colons[m.words:][:blocks*blockWords], m.elements[m.words:][:blocks*blockWords]
	events := m.events[m.count:][:blocks*blockBytes]
	var at lanes
	done, count := checkAVX2(&m.carry, &text[0], blocks, &colons[0], &elements[0], &events[0], m.words*wordBytes, &at)
	m.words += done * blockWords
	m.count += count
	m.Foreign = m.Foreign || m.carry.beyond.first() < blockBytes
	return at.first()
}
