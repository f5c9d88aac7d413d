package corpus

import (
	"bytes"
	"strconv"
)

const seqMember = `"seq":`

// appendSeq appends the sequence number as kinds carry it that have room for a
// member of their own.
func (g *Generator) appendSeq(dst []byte) []byte {
	if g.kind == Trace {
		return append(strconv.AppendUint(append(dst, "seq="...), g.seq, 10), ' ')
	}
	return append(strconv.AppendUint(append(dst, seqMember...), g.seq, 10), ',')
}

// Flow logs and access logs have fixed fields, so that the number hides in one
// that is random in life: scrambled, for it to compress as badly as that.
const (
	odd64, inverse64 = 0x9e3779b97f4a7c15, 0xf1de83e19937733d
	odd32, inverse32 = 0x9e3779b1, 0x0e8b2f51
)

func scramble64(x uint64) uint64   { x *= odd64; return x ^ x>>32 }
func unscramble64(x uint64) uint64 { return (x ^ x>>32) * inverse64 }
func scramble32(x uint32) uint32   { x *= odd32; return x ^ x>>16 }
func unscramble32(x uint32) uint32 { return (x ^ x>>16) * inverse32 }

// Seq reads the sequence number back from an event of a kind. Those of Access
// count modulo 2^32.
func Seq(kind Kind, event []byte) (seq uint64, ok bool) {
	switch kind {
	case VPC:
		x, ok := field(event, " eni-0", 16, 16)
		return unscramble64(x), ok
	case Access:
		x, ok := field(event, " /assets/", 16, 8)
		return uint64(unscramble32(uint32(x))), ok
	case Trace:
		return field(event, "] seq=", 10, 0)
	default:
		return field(event, seqMember, 10, 0)
	}
}

// field reads the number after mark: width digits, or all that follow for 0.
func field(event []byte, mark string, base, width int) (uint64, bool) {
	at := bytes.Index(event, []byte(mark))
	if at < 0 {
		return 0, false
	}
	digits := event[at+len(mark):]
	if width == 0 {
		for width < len(digits) && '0' <= digits[width] && digits[width] <= '9' {
			width++
		}
	}
	if width > len(digits) {
		return 0, false
	}
	x, err := strconv.ParseUint(string(digits[:width]), base, 64)
	return x, err == nil
}
