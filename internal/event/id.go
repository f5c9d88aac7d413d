package event

import (
	"cmp"
	"errors"
	"math/bits"
)

// ID is an event's identity as CloudWatch Logs prints it: the decimal number
//
//	timestamp_ms<<144 | ingestion_ms<<80 | request<<16 | index
//
// Its order is the order of FilterLogEvents: timestamp, ingestion time, request,
// place in the request.
type ID struct {
	Timestamp int64
	Ingested  int64
	Request   uint64
	Index     uint16
}

// idDigits is the width ids are padded to: what AWS prints for the years 1984
// to 2112.
const idDigits = 56

// ErrID says that a text is no event id.
var ErrID = errors.New("parse event id: not a decimal event id")

// Compare orders two ids as FilterLogEvents does.
func (id ID) Compare(other ID) int {
	return cmp.Or(
		cmp.Compare(id.Timestamp, other.Timestamp),
		cmp.Compare(id.Ingested, other.Ingested),
		cmp.Compare(id.Request, other.Request),
		cmp.Compare(id.Index, other.Index),
	)
}

// String is the decimal form.
func (id ID) String() string { return string(id.AppendText(nil)) }

// words is the 208-bit number, most significant word first.
func (id ID) words() [4]uint64 {
	return [4]uint64{
		uint64(id.Timestamp) >> 48,
		uint64(id.Timestamp)<<16 | uint64(id.Ingested)>>48,
		uint64(id.Ingested)<<16 | id.Request>>48,
		id.Request<<16 | uint64(id.Index),
	}
}

// AppendText appends the decimal form, at least 56 digits, to dst.
func (id ID) AppendText(dst []byte) []byte {
	const group = 1e19 // the greatest power of ten in 64 bits
	var digits [80]byte
	at := len(digits)
	for w := id.words(); w != [4]uint64{}; {
		var rest uint64
		for i := range w {
			w[i], rest = bits.Div64(rest, w[i], group)
		}
		for range 19 {
			at--
			digits[at] = '0' + byte(rest%10)
			rest /= 10
		}
	}
	for at < len(digits)-idDigits && digits[at] == '0' {
		at++
	}
	for at > len(digits)-idDigits {
		at--
		digits[at] = '0'
	}
	return append(dst, digits[at:]...)
}

// ParseID reads the decimal form back.
func ParseID(text string) (ID, error) {
	if len(text) == 0 || len(text) > 63 { // 2^208 has 63 digits
		return ID{}, ErrID
	}
	var w [4]uint64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return ID{}, ErrID
		}
		carry := uint64(text[i] - '0')
		for j := 3; j >= 0; j-- {
			hi, lo := bits.Mul64(w[j], 10)
			var c uint64
			w[j], c = bits.Add64(lo, carry, 0)
			carry = hi + c
		}
		if carry != 0 {
			return ID{}, ErrID
		}
	}
	if w[0]>>16 != 0 {
		return ID{}, ErrID
	}
	return ID{
		Timestamp: int64(w[0]<<48 | w[1]>>16),
		Ingested:  int64(w[1]<<48 | w[2]>>16),
		Request:   w[2]<<48 | w[3]>>16,
		Index:     uint16(w[3]),
	}, nil
}
