package prefix

import (
	"strconv"
	"time"
)

var (
	months   = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays = []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	quarters = []string{"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"}
	eras     = []string{"Before Christ", "Anno Domini"}

	shortMonths   = cut(months, 3)
	shortWeekdays = cut(weekdays, 3)
	shortQuarters = []string{"Q1", "Q2", "Q3", "Q4"}
	shortEras     = []string{"BC", "AD"}

	narrowMonths   = cut(months, 1)
	narrowWeekdays = cut(weekdays, 1)
	narrowQuarters = cut(quarters, 1)
	narrowEras     = cut(eras, 1)
)

func cut(words []string, n int) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w[:n]
	}
	return out
}

// words are the texts of a field that has them at its width; nil means a number.
func (f field) words() []string {
	style := f.count - 3 // short, full, narrow
	switch {
	case f.letter == 'G' || f.letter == 'E':
		style = max(style, 0)
	case style < 0:
		return nil
	}
	switch f.letter {
	case 'M', 'L':
		return [][]string{shortMonths, months, narrowMonths}[style]
	case 'Q', 'q':
		return [][]string{shortQuarters, quarters, narrowQuarters}[style]
	case 'E', 'e', 'c':
		return [][]string{shortWeekdays, weekdays, narrowWeekdays}[style]
	case 'G':
		return [][]string{shortEras, eras, narrowEras}[style]
	}
	return nil
}

// append appends the field of an instant, in the instant's zone.
func (f field) append(dst []byte, t time.Time) []byte {
	switch f.letter {
	case 'M', 'L', 'Q', 'q', 'E', 'e', 'c', 'G':
		if words := f.words(); words != nil {
			return append(dst, words[f.ordinal(t)]...)
		}
		return appendNumber(dst, int64(f.ordinal(t)+1), f.count)
	case 'y', 'u', 'Y':
		return appendYear(dst, f.year(t), f.count)
	case 'a', 'B':
		return append(dst, dayPeriod(f.letter, t)...)
	case 'S':
		return append(dst, pad(int64(t.Nanosecond()), 9)[:f.count]...)
	case 'z', 'v':
		return append(dst, zoneName(f, t)...)
	case 'X', 'x', 'Z', 'O':
		return f.appendOffset(dst, t)
	}
	return appendNumber(dst, f.number(t), f.count)
}

// ordinal counts months, quarters, days of the week and eras from 0.
func (f field) ordinal(t time.Time) int {
	switch f.letter {
	case 'M', 'L':
		return int(t.Month()) - 1
	case 'Q', 'q':
		return (int(t.Month()) - 1) / 3
	case 'G':
		if t.Year() > 0 {
			return 1
		}
		return 0
	}
	return int(t.Weekday())
}

func (f field) year(t time.Time) int64 {
	switch year := int64(t.Year()); {
	case f.letter == 'Y':
		year, _ := week(t)
		return year
	case f.letter == 'y' && year <= 0: // of the era
		return 1 - year
	default:
		return year
	}
}

func (f field) number(t time.Time) int64 {
	hour := int64(t.Hour())
	ofDay := (hour*60+int64(t.Minute()))*60 + int64(t.Second())
	switch f.letter {
	case 'D':
		return int64(t.YearDay())
	case 'd':
		return int64(t.Day())
	case 'w':
		_, w := week(t)
		return w
	case 'W':
		first := t.AddDate(0, 0, 1-t.Day()).Weekday()
		return int64((t.Day()-1+int(first))/7 + 1)
	case 'F':
		return int64((t.Day()-1)%7 + 1)
	case 'H':
		return hour
	case 'k':
		return (hour+23)%24 + 1
	case 'K':
		return hour % 12
	case 'h':
		return (hour+11)%12 + 1
	case 'm':
		return int64(t.Minute())
	case 's':
		return int64(t.Second())
	case 'n':
		return int64(t.Nanosecond())
	case 'A':
		return ofDay*1000 + int64(t.Nanosecond())/1e6
	case 'N':
		return ofDay*1e9 + int64(t.Nanosecond())
	}
	return julian(t) // 'g'
}

// week is the week-based year and its week: weeks start on Sunday, and the one
// with January 1 is the first. So the Saturday of a week says what both are.
func week(t time.Time) (year, number int64) {
	year1, month, day := t.Date()
	saturday := time.Date(year1, month, day+6-int(t.Weekday()), 0, 0, 0, 0, time.UTC)
	return int64(saturday.Year()), int64((saturday.YearDay()-1)/7 + 1)
}

// julian is the modified Julian day: days since November 17, 1858.
func julian(t time.Time) int64 {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/86_400 + 40_587
}

func dayPeriod(letter byte, t time.Time) string {
	hour := t.Hour()
	switch {
	case letter == 'a' && hour < 12:
		return "AM"
	case letter == 'a':
		return "PM"
	case t.Minute() == 0 && hour == 0:
		return "midnight"
	case t.Minute() == 0 && hour == 12:
		return "noon"
	case hour >= 21 || hour < 6:
		return "at night"
	case hour < 12:
		return "in the morning"
	case hour < 18:
		return "in the afternoon"
	}
	return "in the evening"
}

func appendYear(dst []byte, year int64, width int) []byte {
	switch {
	case width == 2:
		return append(dst, pad(max(year, -year)%100, 2)...)
	case width >= 4 && width < 19 && len(strconv.FormatInt(year, 10)) > width && year > 0:
		dst = append(dst, '+')
	}
	return appendNumber(dst, year, width)
}

func appendNumber(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	return append(dst, pad(n, width)...)
}

func pad(n int64, width int) []byte {
	b := make([]byte, 0, max(width, 20))
	digits := strconv.FormatInt(n, 10)
	for range width - len(digits) {
		b = append(b, '0')
	}
	return append(b, digits...)
}
