package prefix

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
)

// zoneTable holds one line for each set of names: six names separated by "|"
// (short standard, daylight and generic, then full), a tab, and the ids of the
// time zones they belong to. It was printed by testdata/Zones.java.
//
//go:embed zones.tsv
var zoneTable string

type zoneNames [6]string

var zonesByID = sync.OnceValue(func() map[string]*zoneNames {
	zones := map[string]*zoneNames{}
	for line := range strings.Lines(zoneTable) {
		names, ids, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		var n zoneNames
		copy(n[:], strings.Split(names, "|"))
		for _, id := range strings.Fields(ids) {
			zones[id] = &n
		}
	}
	return zones
})

// LoadZone finds the time zone of a CustomTimeZone; none is UTC. Only zones that
// have names here are known, whatever else the machine's database holds, so that
// all machines know the same ones.
func LoadZone(id string) (*time.Location, error) {
	if id == "" {
		return time.UTC, nil
	}
	if zonesByID()[id] == nil {
		return nil, fmt.Errorf("time zone %q is not known", id)
	}
	zone, err := time.LoadLocation(id)
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	return zone, nil
}

// zoneName is what z and v print; a zone without a name prints its id.
func zoneName(f field, t time.Time) string {
	id := t.Location().String()
	names := zonesByID()[id]
	if names == nil {
		return id
	}
	i := 0
	switch {
	case f.letter == 'v':
		i = 2
	case daylight(id, t):
		i = 1
	}
	if f.count == 4 {
		i += 3
	}
	return names[i]
}

// daylight tells whether the JDK calls it daylight saving time. Some zones have
// their standard time in summer by law, and daylight saving of less than nothing
// in the other season; the JDK turns that round. Of Windhoek it believes that
// there is never anything else.
func daylight(id string, t time.Time) bool {
	switch id {
	case "Europe/Dublin", "Eire", "Africa/Casablanca", "Africa/El_Aaiun":
		return !t.IsDST()
	case "Africa/Windhoek":
		return true
	}
	return t.IsDST()
}

// appendOffset appends X, x, Z and O, the forms of the offset from UTC.
func (f field) appendOffset(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	switch {
	case f.letter == 'O' || f.letter == 'Z' && f.count == 4:
		return appendLocalizedOffset(dst, offset, f.count == 4)
	case f.letter == 'Z' && f.count < 4:
		return appendISOOffset(dst, offset, offsetForm{minutes: always}, "+0000")
	case f.letter == 'Z':
		return appendISOOffset(dst, offset, offsetForm{colon: true, minutes: always, seconds: asNeeded}, "Z")
	}
	zero := "Z"
	if f.letter == 'x' {
		zero = [...]string{"+00", "+0000", "+00:00", "+0000", "+00:00"}[f.count-1]
	}
	return appendISOOffset(dst, offset, [...]offsetForm{
		{minutes: asNeeded},
		{minutes: always},
		{minutes: always, colon: true},
		{minutes: always, seconds: asNeeded},
		{minutes: always, seconds: asNeeded, colon: true},
	}[f.count-1], zero)
}

type presence uint8

const (
	never presence = iota
	asNeeded
	always
)

type offsetForm struct {
	colon            bool
	minutes, seconds presence
}

// appendISOOffset appends the hours and what the form says; zero replaces an
// offset of which nothing but zeros would be printed.
func appendISOOffset(dst []byte, offset int, form offsetForm, zero string) []byte {
	start, sign, abs := len(dst), byte('+'), offset
	if offset < 0 {
		sign, abs = '-', -offset
	}
	hours, minutes, seconds := abs/3600%100, abs/60%60, abs%60
	dst = append(append(dst, sign), pad(int64(hours), 2)...)
	printed := hours
	for _, unit := range []struct {
		value int
		show  presence
	}{{minutes, form.minutes}, {seconds, form.seconds}} {
		if unit.show == always || unit.show == asNeeded && unit.value > 0 {
			if form.colon {
				dst = append(dst, ':')
			}
			dst = append(dst, pad(int64(unit.value), 2)...)
			printed += unit.value
		}
	}
	if printed == 0 {
		return append(dst[:start], zero...)
	}
	return dst
}

// appendLocalizedOffset appends GMT+8 or GMT+08:00.
func appendLocalizedOffset(dst []byte, offset int, full bool) []byte {
	dst = append(dst, "GMT"...)
	if offset == 0 {
		return dst
	}
	sign, abs := byte('+'), offset
	if offset < 0 {
		sign, abs = '-', -offset
	}
	hours, minutes, seconds := abs/3600%100, abs/60%60, abs%60
	width := 1
	if full {
		width = 2
	}
	dst = append(append(dst, sign), pad(int64(hours), width)...)
	if full || minutes > 0 || seconds > 0 {
		dst = append(append(dst, ':'), pad(int64(minutes), 2)...)
	}
	if seconds > 0 {
		dst = append(append(dst, ':'), pad(int64(seconds), 2)...)
	}
	return dst
}
