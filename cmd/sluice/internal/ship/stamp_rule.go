package ship

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// StampRule says where the time of a line stands. The zero value: nowhere.
type StampRule struct {
	// Member is the member of a JSON line; see JSONStamp.
	Member string `json:"member,omitempty"`
	// Regex finds the time in a line: its first group, or all of the match.
	Regex string `json:"regex,omitempty"`
	// Format says how it is written: strftime's conversions, or one of rfc3339,
	// unix, unix_ms. Default rfc3339.
	Format string `json:"format,omitempty"`
	// Zone is the time zone of times that name none, as in the IANA database.
	// Default UTC.
	Zone string `json:"zone,omitempty"`
}

// Compile returns the function that finds the time of a line, nil for the zero
// rule. The function is for one goroutine.
func (r StampRule) Compile() (func(line []byte) (ms int64, ok bool), error) {
	switch {
	case r.Member != "" && r.Regex != "":
		return nil, errors.New("timestamps are found by a JSON member or by a regular expression, not by both")
	case r.Member != "":
		return JSONStamp(r.Member), nil
	case r.Regex == "" && r.Format != "":
		return nil, errors.New("a timestamp format needs the regular expression that finds the timestamp")
	case r.Regex == "":
		return nil, nil
	}
	find, err := regexp.Compile(r.Regex)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	read, err := instantReader(r.Format, zone)
	if err != nil {
		return nil, err
	}
	group := min(1, find.NumSubexp())
	return func(line []byte) (int64, bool) {
		at := find.FindSubmatchIndex(line)
		if at == nil || at[2*group] < 0 {
			return 0, false
		}
		return read(string(line[at[2*group]:at[2*group+1]]))
	}, nil
}

func instantReader(format string, zone *time.Location) (func(string) (int64, bool), error) {
	switch format {
	case "unix", "unix_ms":
		return func(text string) (int64, bool) {
			n, err := strconv.ParseFloat(text, 64)
			if format == "unix" {
				n *= 1e3
			}
			return int64(n), err == nil && n >= 0 && n < 1e14
		}, nil
	case "", "rfc3339":
		format = "%Y-%m-%dT%H:%M:%S%z"
	}
	layout, err := goLayout(format)
	if err != nil {
		return nil, err
	}
	withYear := strings.Contains(layout, "2006") || strings.Contains(layout, "06")
	zoned := strings.ReplaceAll(layout, "Z07:00", "-0700") // %z is written in both ways
	return func(text string) (int64, bool) {
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil && zoned != layout {
			t, err = time.ParseInLocation(zoned, text, zone)
		}
		if err == nil && !withYear {
			t = nearest(t, time.Now())
		}
		return t.UnixMilli(), err == nil && t.UnixMilli() >= 0
	}, nil
}

// nearest gives a time without a year, as syslog writes it, the year that brings
// it nearest to now: a line of December is not one of next December.
func nearest(t, now time.Time) time.Time {
	t = t.AddDate(now.Year()-t.Year(), 0, 0)
	switch d := t.Sub(now); {
	case d > 180*24*time.Hour:
		return t.AddDate(-1, 0, 0)
	case d < -180*24*time.Hour:
		return t.AddDate(1, 0, 0)
	}
	return t
}

// conversions are strftime's, in the words of package time. Fractions of a second
// need none: package time takes them behind the seconds.
var conversions = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'b': "Jan", 'B': "January", 'd': "02", 'e': "_2", 'j': "002",
	'H': "15", 'I': "03", 'p': "PM", 'M': "04", 'S': "05", 'a': "Mon", 'A': "Monday",
	'z': "Z07:00", 'Z': "MST", 'F': "2006-01-02", 'T': "15:04:05", '%': "%",
}

func goLayout(format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i == len(format) {
			return "", fmt.Errorf("timestamp format %q ends in the middle of a conversion", format)
		}
		if format[i] == 'f' || format[i] == 'L' {
			s := b.String() // .%f and ,%f: digits behind the seconds
			if !strings.HasSuffix(s, "05.") && !strings.HasSuffix(s, "05,") {
				return "", fmt.Errorf("timestamp format %q: %%%c stands behind %%S. or %%S,", format, format[i])
			}
			b.WriteString("999999999")
			continue
		}
		layout, known := conversions[format[i]]
		if !known {
			return "", fmt.Errorf("timestamp format %q: there is no %%%c", format, format[i])
		}
		b.WriteString(layout)
	}
	return b.String(), nil
}
