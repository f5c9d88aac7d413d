package awsapi

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The query protocol sends a structure as a flat form: MetricData.member.1.Value=2.
// A body is cut into pairs and sorted once; everything under a path is then one
// run of pairs, found by binary search, and no tree is built.

const (
	// maxQueryPairs bounds the memory of a form: 1,000 metrics with 150 values
	// and counts each are 300,000.
	maxQueryPairs = 320_000
	// maxQueryDepth bounds the recursion of types that hold themselves.
	maxQueryDepth = 32
)

// form is sorted by key. Keys and values own their memory only where they were
// escaped; otherwise they share one copy of the body.
type form []pair

type pair struct{ key, value string }

var errTooManyPairs = errors.New("too many parameters")

// parseForm cuts a body into pairs. Of repeated keys the last one counts.
func parseForm(body []byte) (form, error) {
	n := bytes.Count(body, []byte("&")) + 1
	if n > maxQueryPairs {
		return nil, errTooManyPairs
	}
	pairs := make(form, 0, n)
	for part := range strings.SplitSeq(string(body), "&") {
		key, value, _ := strings.Cut(part, "=")
		key, err := url.QueryUnescape(key)
		if err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, errors.New("invalid UTF-8")
		}
		if key != "" {
			pairs = append(pairs, pair{key, value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return pairs, nil
}

// actionOf finds the operation and the version that a form names, without
// sorting it.
func actionOf(body []byte) (action, version string) {
	for part := range bytes.SplitSeq(body, []byte("&")) {
		key, value, _ := bytes.Cut(part, []byte("="))
		if len(value) > maxActionBytes {
			continue
		}
		switch string(key) {
		case "Action":
			action, _ = url.QueryUnescape(string(value))
		case "Version":
			version, _ = url.QueryUnescape(string(value))
		}
	}
	return action, version
}

// maxActionBytes is longer than any operation's name.
const maxActionBytes = 128

// get is the value of a key, the last one that was given.
func (f form) get(key string) (value string, ok bool) {
	end, _ := slices.BinarySearchFunc(f, key, func(p pair, key string) int {
		if p.key <= key {
			return -1
		}
		return 1
	})
	if end == 0 || f[end-1].key != key {
		return "", false
	}
	return f[end-1].value, true
}

// under is the run of pairs whose keys begin with prefix.
func (f form) under(prefix string) form {
	find := func(stop func(key string) bool) int {
		at, _ := slices.BinarySearchFunc(f, 0, func(p pair, _ int) int {
			if stop(p.key) {
				return 1
			}
			return -1
		})
		return at
	}
	from := find(func(key string) bool { return key >= prefix })
	to := find(func(key string) bool { return key >= prefix && !strings.HasPrefix(key, prefix) })
	return f[from:to]
}

// item is one element of a list or map.
type item struct {
	number int
	path   string // up to and including its number
}

// items lists what stands under prefix+number, by number. AWS counts from 1 and
// takes gaps.
func (f form) items(prefix string) ([]item, error) {
	var found []item
	for _, p := range f.under(prefix) {
		digits, _, _ := strings.Cut(p.key[len(prefix):], ".")
		if len(found) > 0 && found[len(found)-1].path == p.key[:len(prefix)+len(digits)] {
			continue
		}
		number, err := strconv.Atoi(digits)
		if err != nil || number < 0 {
			return nil, fmt.Errorf("%s is not numbered", p.key)
		}
		found = append(found, item{number, p.key[:len(prefix)+len(digits)]})
	}
	slices.SortFunc(found, func(a, b item) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(found); i++ {
		if found[i].number == found[i-1].number {
			return nil, fmt.Errorf("%s is given twice", found[i].path)
		}
	}
	return found, nil
}

// unmarshalForm decodes a body of the query protocol.
func unmarshalForm(body []byte, in any) error {
	f, err := parseForm(body)
	if err == nil {
		err = f.structure("", reflect.ValueOf(in).Elem(), 0)
	}
	if err != nil {
		return Serialization("Could not parse request body as a form: %s", err)
	}
	return nil
}

// structure sets the members of a struct from what stands under path, which is
// empty or ends with a dot.
func (f form) structure(path string, v reflect.Value, depth int) error {
	if depth > maxQueryDepth {
		return errors.New("nested too deeply")
	}
	for _, m := range membersOf(v.Type()) {
		if err := f.value(path+m.name, v.Field(m.index), depth); err != nil {
			return err
		}
	}
	return nil
}

// value sets v from path, or leaves it alone when nothing stands there.
func (f form) value(path string, v reflect.Value, depth int) error {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		if _, ok := f.get(path); !ok && len(f.under(path+".")) == 0 {
			return nil
		}
		v.Set(reflect.New(t.Elem()))
		return f.value(path, v.Elem(), depth)
	}
	switch {
	case t == timestampType, t == bytesType:
	case t.Kind() == reflect.Struct:
		if below := f.under(path + "."); len(below) > 0 {
			return below.structure(path+".", v, depth+1)
		}
		return nil
	case t.Kind() == reflect.Slice:
		return f.list(path, v, depth)
	case t.Kind() == reflect.Map:
		return f.mapping(path, v, depth)
	}
	text, ok := f.get(path)
	if !ok {
		return nil
	}
	if err := setScalar(v, text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// list sets a list. An empty one is sent as its name with an empty value.
func (f form) list(path string, v reflect.Value, depth int) error {
	below := f.under(path + ".member.")
	items, err := below.items(path + ".member.")
	if err != nil {
		return err
	}
	if len(items) == 0 {
		if _, ok := f.get(path); ok {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		if err := below.value(item.path, v.Index(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// mapping sets a map of strings.
func (f form) mapping(path string, v reflect.Value, depth int) error {
	below := f.under(path + ".entry.")
	items, err := below.items(path + ".entry.")
	if err != nil || len(items) == 0 {
		return err
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(items)))
	for _, item := range items {
		key, ok := below.get(item.path + ".key")
		if !ok {
			return fmt.Errorf("%s has no key", item.path)
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if err := below.value(item.path+".value", value, depth+1); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
	}
	return nil
}

// setScalar reads what is no list, map or structure.
func setScalar(v reflect.Value, text string) error {
	switch v.Type() {
	case timestampType:
		at, err := parseISO8601(text)
		v.Set(reflect.ValueOf(Timestamp{at}))
		return err
	case bytesType:
		b, err := base64.StdEncoding.DecodeString(text)
		v.SetBytes(b)
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Clone(text)) // not the whole body with it
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not an integer in range", text)
		}
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		n, ok := floatWord(text)
		if !ok {
			var err error
			if n, err = strconv.ParseFloat(text, 64); err != nil {
				return fmt.Errorf("%q is not a number in range", text)
			}
		}
		v.SetFloat(n)
	default:
		return fmt.Errorf("a %s has no form in the query protocol", v.Kind())
	}
	return nil
}

// parseISO8601 takes the forms that AWS's clients send; without a zone it is UTC.
func parseISO8601(text string) (time.Time, error) {
	for _, form := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time in ISO 8601", text)
}
