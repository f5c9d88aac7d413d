package bulk

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// millis reads the member timestamp: a number of milliseconds, or an instant as
// RFC 3339 has it. A fraction of a millisecond is dropped.
func millis(text []byte) (ms int64, ok bool) {
	if text[0] == '"' {
		return instant(text[1 : len(text)-1])
	}
	if n, ok := integer(text); ok {
		return n, true
	}
	return scaled(text, 1)
}

// seconds reads the member time: a number of seconds, or a text that holds one.
func seconds(text []byte) (ms int64, ok bool) {
	if text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	if n, ok := integer(text); ok && n < math.MaxInt64/1000 {
		return n * 1000, true
	}
	return scaled(text, 1000)
}

// maxDigits is how many digits never overflow an int64.
const maxDigits = 18

// integer reads digits and nothing else.
func integer(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > maxDigits {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// scaled reads any other number. One beyond an int64 is as far as an int64 goes:
// it is too old or too new all the same.
func scaled(text []byte, scale float64) (ms int64, ok bool) {
	if len(text) > 64 || bytes.ContainsFunc(text, notOfNumber) {
		return 0, false // true, null, an object, a text
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && math.IsInf(f, 0) {
		err = nil
	}
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	// A sum of seconds and thousandths is seldom exact: 0.1 ms forgives that.
	f = math.Floor(f*scale + 1e-4)
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	case f <= math.MinInt64:
		return math.MinInt64, true
	}
	return int64(f), true
}

func notOfNumber(c rune) bool { return (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", c) }

// instant reads RFC 3339. What does not look like it costs no error value.
func instant(text []byte) (ms int64, ok bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || text[4] != '-' || text[10] != 'T' {
		return 0, false
	}
	var t time.Time
	if t.UnmarshalText(text) != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}
