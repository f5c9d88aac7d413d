package awsapi

import (
	"errors"
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// cborDecoding is strict and bounded: what a hostile body could make large is
// refused before it is allocated.
var cborDecoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   32,
		MaxArrayElements:  100_000,
		MaxMapPairs:       10_000,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

var cborEncoding = func() cbor.EncMode {
	mode, err := cbor.EncOptions{
		NilContainers: cbor.NilContainerAsEmpty,
		Sort:          cbor.SortNone,
	}.EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// maxCBORItems is maxModelValues where names are values, too: the bounds above are
// those of one list each, and an empty structure takes one byte.
const maxCBORItems = 600_000

// moreItemsThan tells whether a body has more than n data items, at any depth. What
// is no CBOR ends the count: the decoder says so.
func moreItemsThan(n int, body []byte) bool {
	if len(body) <= n {
		return false
	}
	for i := 0; i < len(body); {
		if n--; n < 0 {
			return true
		}
		kind, info := body[i]>>5, body[i]&31
		i++
		size := uint64(info)
		if info >= 24 {
			if size = 0; info <= 27 { // else of no definite size, or the end of such
				width := 1 << (info - 24)
				if len(body)-i < width {
					return false
				}
				for _, b := range body[i : i+width] {
					size = size<<8 | uint64(b)
				}
				i += width
			}
		}
		if kind == cborBytes || kind == cborText {
			if size > uint64(len(body)-i) {
				return false
			}
			i += int(size)
		}
	}
	return false
}

// Major types whose content follows their head.
const (
	cborBytes = 2
	cborText  = 3
)

// unmarshalCBOR decodes a body of rpc-v2-cbor. An empty body is an empty
// structure.
func unmarshalCBOR(body []byte, in any) error {
	if len(body) == 0 {
		return nil
	}
	if moreItemsThan(maxCBORItems, body) {
		return Serialization("Could not parse request body as CBOR: more than %d values", maxCBORItems)
	}
	if err := cborDecoding.Unmarshal(body, in); err != nil {
		return cborError(err)
	}
	return nil
}

// cborError says what is wrong without the decoder's Go types.
func cborError(err error) *Error {
	var wrongType *cbor.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return Serialization("%s cannot be converted to the type of %s", wrongType.CBORType, memberOf(wrongType.StructFieldName))
	}
	return Serialization("Could not parse request body as CBOR: %s", err)
}

// memberOf shortens "awsapi.putMetricDataInput.MetricData" to its last name.
func memberOf(field string) string {
	for i := len(field) - 1; i >= 0; i-- {
		if field[i] == '.' {
			return field[i+1:]
		}
	}
	if field == "" {
		return "the member"
	}
	return field
}

func appendCBOR(dst []byte, out any) ([]byte, error) {
	b, err := cborEncoding.Marshal(out)
	return append(dst, b...), err
}

// appendErrorCBOR writes an error of rpc-v2-cbor.
func appendErrorCBOR(dst []byte, m *ServiceModel, e *Error) []byte {
	b, err := appendCBOR(dst, struct {
		Type    string `cbor:"__type"`
		Message string `cbor:"message,omitempty"`
	}{m.errorType(e.Code), e.Message})
	if err != nil {
		return dst
	}
	return b
}

// epochTag is CBOR's "seconds since 1970".
const epochTag = 1

// MarshalCBOR writes tag 1: an integer where there are whole seconds, else a
// double.
func (t Timestamp) MarshalCBOR() ([]byte, error) {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return cborEncoding.Marshal(cbor.Tag{Number: epochTag, Content: ms / 1000})
	}
	return cborEncoding.Marshal(cbor.Tag{Number: epochTag, Content: float64(ms) / 1000})
}

// UnmarshalCBOR reads tag 1.
func (t *Timestamp) UnmarshalCBOR(b []byte) error {
	var tag cbor.RawTag
	if err := cborDecoding.Unmarshal(b, &tag); err != nil || tag.Number != epochTag {
		return errors.New("timestamp is not a number of seconds with tag 1")
	}
	var seconds float64
	if err := cborDecoding.Unmarshal(tag.Content, &seconds); err != nil || !(math.Abs(seconds) <= maxTimestamp) {
		return errors.New("timestamp is not a number of seconds with tag 1")
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
