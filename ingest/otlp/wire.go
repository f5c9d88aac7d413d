package otlp

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed says that a request is no protobuf of its kind.
var ErrMalformed = errors.New("read OTLP request: malformed protobuf")

// field is one field as it stands on the wire.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bytes  []byte // of kind BytesType
	bits   uint64 // of the kinds with numbers
}

// next takes the first field off b.
func (f *field) next(b []byte) (rest []byte, ok bool) {
	var n int
	f.number, f.kind, n = protowire.ConsumeTag(b)
	if n < 0 {
		return nil, false
	}
	b = b[n:]
	switch f.kind {
	case protowire.BytesType:
		f.bytes, n = protowire.ConsumeBytes(b)
	case protowire.VarintType:
		f.bits, n = protowire.ConsumeVarint(b)
	case protowire.Fixed64Type:
		f.bits, n = protowire.ConsumeFixed64(b)
	case protowire.Fixed32Type:
		var bits uint32
		bits, n = protowire.ConsumeFixed32(b)
		f.bits = uint64(bits)
	default: // groups, which OTLP never had
		n = protowire.ConsumeFieldValue(f.number, f.kind, b)
	}
	if n < 0 {
		return nil, false
	}
	return b[n:], true
}

// is tells whether the field has a number and the kind that belongs to it. One of
// another kind is unknown.
func (f *field) is(number protowire.Number, kind protowire.Type) bool {
	return f.number == number && f.kind == kind
}

// merge is what two encoded messages of one field mean.
func merge(a, b []byte) []byte {
	if a == nil {
		return b[:len(b):len(b)] // not nil: the field was there
	}
	return append(a, b...)
}
