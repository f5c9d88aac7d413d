package replay

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// number is 17 or "17": AWS's documents show both.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" {
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = number(v)
	return err
}

// record is a line of an error object. Conversion failures call code and message
// otherwise.
type record struct {
	ArrivalTimestamp         number
	ErrorCode, LastErrorCode string
	RawData                  *[]byte
}

var errNoRecord = errors.New("no rawData")

func parse(line []byte) (r record, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.RawData == nil {
		return r, errNoRecord
	}
	return r, nil
}

// Filter says which records are wanted. The zero Filter wants all.
type Filter struct {
	Since, Until time.Time // arrival: from Since on, before Until
	Codes        []string  // error codes, any of them
}

func (f *Filter) wants(r *record) bool {
	at := time.UnixMilli(int64(r.ArrivalTimestamp))
	if !f.Since.IsZero() && at.Before(f.Since) || !f.Until.IsZero() && !at.Before(f.Until) {
		return false
	}
	for _, code := range f.Codes {
		if code == r.ErrorCode || code == r.LastErrorCode {
			return true
		}
	}
	return len(f.Codes) == 0
}
