package prefix

import "time"

// Period is the time within which all instants evaluate to the same text, as far
// as the letters of a template tell: the unit of its finest timestamp field. A
// unit may be finer than need be (a week counts as days), never coarser.
type Period uint8

// Periods, from coarse to fine.
const (
	Always Period = iota // no timestamp at all
	Year
	Month
	Day
	Hour
	Minute
	Second
	Millisecond
)

// Period is that of the template's finest timestamp field.
func (t *Template) Period() Period {
	finest := Always
	for _, p := range t.parts {
		if p.kind == timestamp {
			for _, f := range p.pattern {
				finest = max(finest, f.period())
			}
		}
	}
	return finest
}

func (f field) period() Period {
	switch f.letter {
	case 0:
		return Always
	case 'G', 'y', 'u':
		return Year
	case 'M', 'L', 'Q', 'q':
		return Month
	case 'Y', 'D', 'd', 'w', 'W', 'F', 'E', 'e', 'c', 'g':
		return Day
	case 'a', 'h', 'H', 'k', 'K', 'z', 'v', 'X', 'x', 'Z', 'O':
		return Hour // offsets change with the clocks, on the hour
	case 'm', 'B': // noon and midnight last a minute
		return Minute
	case 's':
		return Second
	}
	return Millisecond
}

// Bounds are the start of the period that an instant lies in and that of the
// next one, in the instant's zone. The hour that a change of the clocks repeats
// is two periods, for its offset differs. Bounds of Always are zero.
func (p Period) Bounds(t time.Time) (start, end time.Time) {
	year, month, day := t.Date()
	switch p {
	case Always:
		return time.Time{}, time.Time{}
	case Year:
		return time.Date(year, 1, 1, 0, 0, 0, 0, t.Location()), time.Date(year+1, 1, 1, 0, 0, 0, 0, t.Location())
	case Month:
		return time.Date(year, month, 1, 0, 0, 0, 0, t.Location()), time.Date(year, month+1, 1, 0, 0, 0, 0, t.Location())
	case Day:
		return time.Date(year, month, day, 0, 0, 0, 0, t.Location()), time.Date(year, month, day+1, 0, 0, 0, 0, t.Location())
	}
	// Within an hour the offset stands; some zones' are not whole hours.
	unit := [...]time.Duration{Hour: time.Hour, Minute: time.Minute, Second: time.Second, Millisecond: time.Millisecond}[p]
	_, offset := t.Zone()
	local := t.UnixMilli() + int64(offset)*1000
	since := local % unit.Milliseconds()
	if since < 0 {
		since += unit.Milliseconds()
	}
	start = time.UnixMilli(t.UnixMilli() - since).In(t.Location())
	return start, start.Add(unit)
}
