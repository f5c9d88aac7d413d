package pattern

import (
	"encoding/binary"
	"math/bits"
)

// texts finds a byte string among some fixed ones. Mostly its length and ends
// leave one to compare with; where they leave more, a hash table decides.
type texts struct {
	list  []string
	sole  [128]int16 // by glance: 0 none, several, or index in list + 1
	slots []int32    // open-addressed: index in list + 1
}

// glance is a hash at the cost of two loads.
func glance[T string | []byte](b T) int {
	if len(b) == 0 {
		return 0
	}
	return (len(b) + 5*int(b[0]) + 11*int(b[len(b)-1])) & 127
}

const several = -1

// add returns the index of text, a new one if it was not there.
func (t *texts) add(text string) int {
	if i := t.find([]byte(text)); i >= 0 {
		return i
	}
	t.list = append(t.list, text)
	if sole := &t.sole[glance(text)]; *sole == 0 && len(t.list) < 1<<15 {
		*sole = int16(len(t.list))
	} else {
		*sole = several
	}
	size := 4
	for size < 4*len(t.list) {
		size *= 2
	}
	t.slots = make([]int32, size)
	for i, s := range t.list {
		at := hashText([]byte(s))
		for t.slots[at&uint32(size-1)] != 0 {
			at++
		}
		t.slots[at&uint32(size-1)] = int32(i + 1)
	}
	return len(t.list) - 1
}

// find returns the index of b, or -1.
//
// hot: BenchmarkSet
func (t *texts) find(b []byte) int {
	switch i := t.sole[glance(b)]; {
	case i == several:
		return t.look(b)
	case i == 0 || t.list[i-1] != string(b):
		return -1
	default:
		return int(i - 1)
	}
}

// look is find in the hash table.
func (t *texts) look(b []byte) int {
	mask := uint32(len(t.slots) - 1)
	for at := hashText(b); ; at++ {
		i := t.slots[at&mask]
		if i == 0 {
			return -1
		}
		if t.list[i-1] == string(b) {
			return int(i - 1)
		}
	}
}

// hashText mixes the length and the ends of b, up to 16 bytes: enough to tell
// names apart, and quick.
func hashText(b []byte) uint32 {
	n := len(b)
	h := uint64(n)
	switch {
	case n >= 8:
		h += binary.LittleEndian.Uint64(b) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[n-8:]), 29)
	case n >= 4:
		h += uint64(binary.LittleEndian.Uint32(b))<<32 | uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		h += uint64(b[0])<<32 | uint64(b[n/2])<<16 | uint64(b[n-1])<<8
	}
	return uint32(h * 0x9E3779B97F4A7C15 >> 32)
}
