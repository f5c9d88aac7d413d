package bulk

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// millis reads the member timestamp: a number of milliseconds, or an instant as
// RFC 3339 has it. A fraction of a millisecond is dropped.
func (l *lastSecond) millis(text []byte) (ms int64, ok bool) {
	if text[0] == '"' {
		return l.instant(text[1 : len(text)-1])
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

// lastSecond is the second that an instant was read of last: the next one is of
// the same, mostly, and to compare it is cheaper than to read it.
type lastSecond struct {
	text [secondLen]byte
	ms   int64
}

const secondLen = len("2006-01-02T15:04:05")

// again reads the string at i if it is an instant of the same second as the one read
// before, with three to six digits behind the point, as most lines of a log have.
//
// hot: BenchmarkLines
func (l *lastSecond) again(src []byte, i int) (ms int64, ok bool) {
	const point = 1 + secondLen
	if len(src)-i < point+9 || src[i] != '"' || src[i+point] != '.' || [secondLen]byte(src[i+1:]) != l.text {
		return 0, false
	}
	w := le.Uint64(src[i+point+1:])
	end := bits.TrailingZeros64(nonDigits(w)) &^ 7
	if end < 3*8 || end > 6*8 || uint16(w>>end) != 'Z'|'"'<<8 {
		return 0, false
	}
	w -= 0x303030
	return l.ms + int64(w&0xff*100+w>>8&0xff*10+w>>16&0xff), true
}

// instant reads RFC 3339. What does not look like it costs no error value.
func (l *lastSecond) instant(text []byte) (ms int64, ok bool) {
	last := len(text) - 1
	if last < secondLen {
		return 0, false
	}
	if zulu := text[last] == 'Z'; zulu && [secondLen]byte(text) == l.text {
		if last == secondLen {
			return l.ms, true
		}
		if ms, ok := thousandths(text[secondLen:last]); ok {
			return l.ms + ms, true
		}
	} else if zulu {
		if ms, part, ok := instantUTC(text); ok {
			l.text, l.ms = [secondLen]byte(text), ms-part
			return ms, true
		}
	}
	if text[4] != '-' || text[10] != 'T' {
		return 0, false
	}
	var t time.Time
	if t.UnmarshalText(text) != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}

// daysTo1970 is what the sum of days in instantUTC is for 1970-01-01.
const daysTo1970 = 719_499

// instantUTC reads an instant of the form 2006-01-02T15:04:05.000Z, with any digits
// or none behind the point, as most programs write it; the Z was seen. part is how
// much of the time the digits behind the point are.
func instantUTC(text []byte) (ms, part int64, ok bool) {
	if text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return 0, 0, false
	}
	if last := len(text) - 1; last > secondLen {
		if part, ok = thousandths(text[secondLen:last]); !ok {
			return 0, 0, false
		}
	}
	var wrong byte
	two := func(i int) int64 {
		a, b := text[i]-'0', text[i+1]-'0'
		if a > 9 || b > 9 {
			wrong = 1
		}
		return int64(a)*10 + int64(b)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	// The 29th and later are left to package time, which knows the months, and so
	// is the year 0, before which division rounds the other way.
	if wrong != 0 || year < 1 || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false
	}
	// Days since 1970-03-01 in years that begin in March, so that a leap day is
	// the last of its year.
	if month -= 2; month <= 0 {
		month += 12
		year--
	}
	days := year*365 + year/4 - year/100 + year/400 + (month*367)/12 + day - daysTo1970
	return ((days*24+hour)*60+minute)*60_000 + second*1000 + part, part, true
}

// thousandths reads a point and one to nine digits.
func thousandths(text []byte) (ms int64, ok bool) {
	if text[0] != '.' || len(text) < 2 || len(text) > 10 {
		return 0, false
	}
	scale := int64(100)
	for _, c := range text[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms += int64(c-'0') * scale
		scale /= 10
	}
	return ms, true
}
