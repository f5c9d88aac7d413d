package ship

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// JSONStamp finds the time of a JSON line in the given member of its object:
// RFC 3339 text, or a number of seconds (below 1e11, maybe with a fraction),
// milliseconds, microseconds or nanoseconds since 1970, told apart by size.
func JSONStamp(member string) func(line []byte) (ms int64, ok bool) {
	var in bytes.Reader
	decoder := jsontext.NewDecoder(&in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return func(line []byte) (int64, bool) {
		if line = bytes.TrimLeft(line, " \t"); len(line) == 0 || line[0] != '{' {
			return 0, false
		}
		in.Reset(line)
		decoder.Reset(&in, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if _, err := decoder.ReadToken(); err != nil {
			return 0, false
		}
		for decoder.PeekKind() == '"' {
			name, err := decoder.ReadToken()
			if err != nil {
				return 0, false
			}
			if name.String() == member {
				return readInstant(decoder)
			}
			if err := decoder.SkipValue(); err != nil {
				return 0, false
			}
		}
		return 0, false
	}
}

// maxInstant is nanoseconds in the year 5138; more is no time of a log line.
const maxInstant = 1e20

func readInstant(d *jsontext.Decoder) (ms int64, ok bool) {
	value, err := d.ReadToken()
	if err != nil {
		return 0, false
	}
	switch value.Kind() {
	case '"':
		t, err := time.Parse(time.RFC3339Nano, value.String())
		return t.UnixMilli(), err == nil && t.UnixMilli() >= 0
	case '0':
		n, err := strconv.ParseFloat(value.String(), 64)
		if err != nil || n < 0 || n > maxInstant {
			return 0, false
		}
		return milliseconds(n), true
	}
	return 0, false
}

// milliseconds tells the unit of a number since 1970 by its size. The ranges do
// not meet: 1e11 s is the year 5138, 1e11 ms is 1973.
func milliseconds(n float64) int64 {
	switch {
	case n < 1e11: // seconds; rounded, as .123 s is no exact fraction
		return int64(math.Round(n * 1e3))
	case n < 1e14:
		return int64(n)
	case n < 1e17:
		return int64(n / 1e3)
	}
	return int64(n / 1e6)
}
