package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timePath leads to an event's time inside a JSON value; nil for none.
type timePath []string

// parseTimePath reads $.a.b. Names with dots cannot be written.
func parseTimePath(text string) (timePath, error) {
	if text == "" || text == "record" {
		return nil, nil
	}
	rest, ok := strings.CutPrefix(text, "$.")
	path := timePath(strings.Split(rest, "."))
	for _, name := range path {
		ok = ok && name != "" && !strings.ContainsAny(name, "[]*\"'")
	}
	if !ok {
		return nil, fmt.Errorf("%q is neither record nor a path of names, as $.time or $.meta.ts", text)
	}
	return path, nil
}

var errNoTime = errors.New("no time at the path")

// find reads the time at the path, in ms.
func (p timePath) find(value []byte) (int64, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(value), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for _, name := range p {
		if err := seek(d, name); err != nil {
			return 0, err
		}
	}
	token, err := d.ReadToken()
	if err != nil {
		return 0, err
	}
	switch token.Kind() {
	case '0':
		return timeOfNumber(token.String())
	case '"':
		return timeOfText(token.String())
	}
	return 0, errNoTime
}

// seek enters the object at hand and stops before the value of a name.
func seek(d *jsontext.Decoder, name string) error {
	if d.PeekKind() != '{' {
		return errNoTime
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return err
		}
		if token.String() == name {
			return nil
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	return errNoTime
}

// timeOfNumber tells the unit by the size: from 1973 on, s have at most 10 digits
// until 2286, ms 12 or 13, us 15 or 16, ns more.
func timeOfNumber(text string) (int64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 9.2e18 {
		return 0, errNoTime
	}
	switch {
	case f < 1e11:
		return int64(f * 1e3), nil
	case f < 1e14:
		return int64(f), nil
	case f < 1e17:
		return int64(f / 1e3), nil
	}
	return int64(f / 1e6), nil
}

func timeOfText(text string) (int64, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.UnixMilli() < 0 {
		return 0, errNoTime
	}
	return at.UnixMilli(), nil
}
