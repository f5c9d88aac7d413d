package wal

import (
	"encoding/binary"

	"sluice/internal/crc32c"
)

const (
	frameHeader = 40 // bytes before the payload
	frameAlign  = 8  // every frame begins on a multiple of it

	maxSeq = 1 << 62 // no log gets there, and sums of sequences cannot overflow
)

var (
	le = binary.LittleEndian
)

// frameSize returns the bytes of a frame on disk.
func frameSize(payload int) int64 {
	return (int64(payload) + frameHeader + frameAlign - 1) &^ (frameAlign - 1)
}

// stamp is the part of a frame header that the log sets by itself.
type stamp struct {
	uuid  uint64 // of the segment
	seq   uint64
	index uint32 // seq - first seq of the commit block
}

// appendFrame appends a frame whose payload is the concatenation of parts.
// hot: BenchmarkEnqueue
func appendFrame(dst []byte, s stamp, t Type, key uint64, parts ...[]byte) []byte {
	start := len(dst)
	var h [frameHeader]byte
	le.PutUint64(h[8:], s.uuid)
	le.PutUint64(h[16:], s.seq)
	le.PutUint64(h[24:], key)
	le.PutUint32(h[32:], s.index)
	h[36] = byte(t)
	dst = append(dst, h[:]...)
	for _, p := range parts {
		dst = append(dst, p...)
	}
	frame := dst[start:]
	le.PutUint32(frame[0:], uint32(len(frame)-frameHeader))
	le.PutUint32(frame[4:], checksum(frame))
	var pad [frameAlign]byte
	return append(dst, pad[:frameSize(len(frame)-frameHeader)-int64(len(frame))]...)
}

// checksum covers the payload length and all that follows the crc itself.
func checksum(frame []byte) uint32 {
	return crc32c.Update(crc32c.Sum(frame[:4]), frame[8:])
}

func checksumOf(b []byte) uint32 { return crc32c.Sum(b) }

// trustedFrame reads the frame at the start of bytes that were verified before,
// and returns its size.
func trustedFrame(b []byte) (Frame, int) {
	n := int(le.Uint32(b))
	end := frameHeader + n
	return Frame{
		Type:    Type(b[36]),
		Key:     le.Uint64(b[24:]),
		Seq:     le.Uint64(b[16:]),
		Payload: b[frameHeader:end:end],
	}, int(frameSize(n))
}

func trustedSeq(b []byte) uint64 { return le.Uint64(b[16:]) }

// verdict is what parseFrame says of some bytes.
type verdict uint8

const (
	frameBad   verdict = iota // no frame of this segment begins here
	frameShort                // one may begin here: look again with as many bytes as the size says
	frameGood
)

// parsed is a verified frame with what the log stamped on it.
type parsed struct {
	Frame
	index uint32
}

// blockFirst returns the first sequence of the frame's commit block: everything
// before it was durable when the frame was written.
func (p parsed) blockFirst() uint64 { return p.Seq - uint64(p.index) }

// parseFrame judges the bytes at a frame boundary. size is the whole frame's
// when the verdict is frameGood, the bytes needed when it is frameShort.
func parseFrame(b []byte, uuid uint64) (p parsed, size int64, v verdict) {
	if len(b) < frameHeader {
		return p, frameHeader, frameShort
	}
	if le.Uint64(b[8:]) != uuid {
		return p, 0, frameBad
	}
	n := le.Uint32(b)
	size = frameSize(int(n))
	if size > int64(len(b)) {
		return p, size, frameShort
	}
	if checksum(b[:frameHeader+int(n)]) != le.Uint32(b[4:]) {
		return p, 0, frameBad
	}
	p.Frame, _ = trustedFrame(b)
	p.index = le.Uint32(b[32:])
	if p.Seq > maxSeq || p.Type < typeReserved && uint64(p.index) >= p.Seq {
		return p, 0, frameBad // sequences begin at 1
	}
	return p, size, frameGood
}
