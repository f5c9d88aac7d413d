package compact

import (
	"hash/crc32"

	"sluice/internal/crc32c"
)

const (
	headerSize  = 192
	blockMagic  = 0x42434c53 // "SLCB"
	version     = 1
	kindBatches = 1
	kindFrames  = 2

	// maxRaw bounds what a column may unfold to, whatever its header says: more
	// than the longest frame the log takes.
	maxRaw = 64 << 20
)

func checksum(b []byte) uint32 { return crc32c.Sum(b) }

// The columns of a block, in their order in the file.
const (
	colPlaces = iota
	colText
	colEnds
	colDeltas
	colRest
	colGrams
	columns
)

// columnNames are those of Stats and of damage.
var columnNames = [columns]string{"places", "text", "ends", "deltas", "rest", "grams"}

// column is where one column lies and what it unfolds to.
type column struct{ size, raw, sum uint32 }

// header describes a block; it stands before the block and in the index.
type header struct {
	kind            uint8
	group           uint64
	least, greatest int64  // ms
	first, last     uint64 // least and greatest number
	rows, events    uint32 // batches or frames; events in them
	streams         [4]uint64
	columns         [columns]column
	offset          int64
}

func appendHeader(dst []byte, h *header) []byte {
	start := len(dst)
	dst = le.AppendUint32(dst, blockMagic)
	dst = append(dst, h.kind, version, 0, 0)
	dst = le.AppendUint64(dst, h.group)
	dst = le.AppendUint64(dst, uint64(h.least))
	dst = le.AppendUint64(dst, uint64(h.greatest))
	dst = le.AppendUint64(dst, h.first)
	dst = le.AppendUint64(dst, h.last)
	dst = le.AppendUint32(dst, h.rows)
	dst = le.AppendUint32(dst, h.events)
	for _, s := range h.streams {
		dst = le.AppendUint64(dst, s)
	}
	for _, c := range h.columns {
		dst = le.AppendUint32(dst, c.size)
		dst = le.AppendUint32(dst, c.raw)
		dst = le.AppendUint32(dst, c.sum)
	}
	dst = le.AppendUint64(dst, uint64(h.offset))
	dst = append(dst, make([]byte, headerSize-crc32.Size-(len(dst)-start))...)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// parseHeader reads a header from its 192 bytes; "" or what is wrong with it.
func parseHeader(b []byte) (h header, what string) {
	if le.Uint32(b) != blockMagic || checksum(b[:headerSize-crc32.Size]) != le.Uint32(b[headerSize-crc32.Size:]) {
		return h, "block header"
	}
	if b[5] != version {
		return h, "block of another version"
	}
	h = header{
		kind: b[4], group: le.Uint64(b[8:]),
		least: int64(le.Uint64(b[16:])), greatest: int64(le.Uint64(b[24:])),
		first: le.Uint64(b[32:]), last: le.Uint64(b[40:]),
		rows: le.Uint32(b[48:]), events: le.Uint32(b[52:]),
		offset: int64(le.Uint64(b[160:])),
	}
	for i := range h.streams {
		h.streams[i] = le.Uint64(b[56+8*i:])
	}
	for i := range h.columns {
		at := b[88+12*i:]
		h.columns[i] = column{le.Uint32(at), le.Uint32(at[4:]), le.Uint32(at[8:])}
		if h.columns[i].raw > maxRaw || h.columns[i].size > h.columns[i].raw {
			return h, "column sizes"
		}
	}
	return h, ""
}

// size is that of the whole block in the file.
func (h *header) size() int64 {
	n := int64(headerSize)
	for _, c := range h.columns {
		n += int64(c.size)
	}
	return n
}

// at is where a column begins in the file.
func (h *header) at(which int) int64 {
	n := h.offset + headerSize
	for _, c := range h.columns[:which] {
		n += int64(c.size)
	}
	return n
}

// streamBit is a stream's bit in the bitmap of streams.
func streamBit(uid uint64) uint64 { return uid * 0x9E3779B97F4A7C15 >> 56 }

func (h *header) addStream(uid uint64) {
	bit := streamBit(uid)
	h.streams[bit>>6] |= 1 << (bit & 63)
}

func (h *header) mayHoldStream(uid uint64) bool {
	bit := streamBit(uid)
	return h.streams[bit>>6]>>(bit&63)&1 != 0
}
