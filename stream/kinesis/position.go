package kinesis

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Position is how far a shard was read: the sequence number of its last record
// that is done, or one of the forms below. It is kept as it is printed.
type Position string

const (
	// TrimHorizon is before the oldest record that the stream still has.
	TrimHorizon Position = ""
	// End is behind the last record of a shard that was split, merged or whose
	// stream was scaled down: its children may be read.
	End Position = "end"
	// Latest is the time at which a consumer met its stream for the first time.
	// It is a start only; rows of leases have the time.
	Latest Position = "latest"
)

// AtTime is before the first record that arrived at t or later.
func AtTime(t time.Time) Position { return Position("@" + strconv.FormatInt(t.UnixMilli(), 10)) }

// After is behind the record with a sequence number.
func After(sequence string) Position { return Position(sequence) }

// Time returns the time of a position that AtTime made.
func (p Position) Time() (t time.Time, ok bool) {
	text, ok := strings.CutPrefix(string(p), "@")
	if !ok {
		return time.Time{}, false
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms), err == nil
}

// Sequence returns the sequence number that the position is behind, "" for the
// other forms.
func (p Position) Sequence() string {
	if digits(string(p)) {
		return string(p)
	}
	return ""
}

// Valid tells whether it is one of the forms that a row may hold.
func (p Position) Valid() bool {
	_, isTime := p.Time()
	return p == TrimHorizon || p == End || isTime || digits(string(p))
}

// digits tells of a decimal number without leading zeros, as sequence numbers are.
func digits(text string) bool {
	if text == "" || text[0] == '0' && len(text) > 1 || len(text) > 128 {
		return false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// CompareSequences orders two sequence numbers of one shard, which are larger
// than any integer type.
func CompareSequences(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Before tells whether a position is certainly before another of its shard: both
// are sequence numbers, or the other is the end.
func (p Position) Before(q Position) bool {
	if p == End || q == End {
		return p != q && q == End
	}
	return p.Sequence() != "" && q.Sequence() != "" && CompareSequences(p.Sequence(), q.Sequence()) < 0
}

// checkStart completes the start of a configuration.
func checkStart(p Position) error {
	if p != Latest && !p.Valid() || p == End || p.Sequence() != "" {
		return fmt.Errorf("start %q is neither the trim horizon, the latest record nor a time", p)
	}
	return nil
}
