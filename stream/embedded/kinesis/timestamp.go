package kinesis

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"sluice/internal/awsapi"
)

// instant is a timestamp as Kinesis writes it: in AWS JSON as all do, in CBOR 1.1 as
// a whole number of milliseconds with tag 1.
type instant struct{ awsapi.Timestamp }

func instantOf(ms int64) instant {
	return instant{awsapi.Timestamp{Time: time.UnixMilli(ms).UTC()}}
}

// The heads of CBOR that are written and read here.
const (
	cborEpoch   = 0xc1 // tag 1
	cborInteger = 0x00
	cborMinus   = 0x20
	cborBytes   = 0x40
	cborText    = 0x60
	cborArray   = 0x80
	cborMap     = 0xa0
	cborFloat   = 0xfb
)

// appendCBORHead appends the head of an item: its type and its value or length.
func appendCBORHead(dst []byte, kind byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, kind|byte(n))
	case n <= math.MaxUint8:
		return append(dst, kind|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, kind|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, kind|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, kind|27), n)
}

func appendCBORInstant(dst []byte, ms int64) []byte {
	dst = append(dst, cborEpoch)
	if ms < 0 {
		return appendCBORHead(dst, cborMinus, uint64(-1-ms))
	}
	return appendCBORHead(dst, cborInteger, uint64(ms))
}

// MarshalCBOR writes milliseconds.
func (t instant) MarshalCBOR() ([]byte, error) { return appendCBORInstant(nil, t.UnixMilli()), nil }

var errInstant = errors.New("timestamp is not a number of milliseconds with tag 1")

// UnmarshalCBOR reads milliseconds, whole or as a double.
func (t *instant) UnmarshalCBOR(b []byte) error {
	if len(b) < 2 || b[0] != cborEpoch {
		return errInstant
	}
	ms, ok := cborNumber(b[1:])
	const most = 1e14 // beyond the year 5000
	if !ok || !(math.Abs(ms) <= most) {
		return errInstant
	}
	t.Time = time.UnixMilli(int64(ms)).UTC()
	return nil
}

// cborNumber reads an integer or a double that fills b.
func cborNumber(b []byte) (v float64, ok bool) {
	kind, form, rest := b[0]&0xe0, b[0]&0x1f, b[1:]
	if b[0] == cborFloat && len(rest) == 8 {
		return math.Float64frombits(binary.BigEndian.Uint64(rest)), true
	}
	if kind != cborInteger && kind != cborMinus {
		return 0, false
	}
	var n uint64
	switch {
	case form < 24 && len(rest) == 0:
		n = uint64(form)
	case form >= 24 && form <= 27 && len(rest) == 1<<(form-24):
		for _, c := range rest {
			n = n<<8 | uint64(c)
		}
	default:
		return 0, false
	}
	if kind == cborMinus {
		return -1 - float64(n), true
	}
	return float64(n), true
}
