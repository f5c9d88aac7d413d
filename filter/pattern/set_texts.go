package pattern

import "encoding/binary"

// texts finds a byte string among some fixed ones: an open-addressed table with
// a filter on the length before it.
type texts struct {
	list    []string
	slots   []int32 // index in list + 1
	lengths uint64  // bit n&63: some text has n bytes
}

// add returns the index of text, a new one if it was not there.
func (t *texts) add(text string) int {
	if i := t.find([]byte(text)); i >= 0 {
		return i
	}
	t.list = append(t.list, text)
	t.lengths |= 1 << (len(text) & 63)
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
	if t.lengths>>(uint(len(b))&63)&1 == 0 {
		return -1
	}
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
		h ^= binary.LittleEndian.Uint64(b) * 0x9E3779B97F4A7C15
		h ^= binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		h ^= uint64(binary.LittleEndian.Uint32(b))<<32 | uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		h ^= uint64(b[0])<<32 | uint64(b[n/2])<<16 | uint64(b[n-1])<<8
	}
	return uint32(h * 0x9E3779B97F4A7C15 >> 32)
}
