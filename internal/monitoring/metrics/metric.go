package metrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/catalog"
)

// ErrCorrupt says that bytes are not what this package writes.
var ErrCorrupt = errors.New("metric bytes are corrupt")

// Dimension is one name and value of a metric's identity.
type Dimension struct{ Name, Value string }

// Metric names one series of a scope. Without a Unit it names the series of all
// units.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
	Unit            string
}

// AppendKey appends a series' identity: the same for the same metric, whatever
// the order of its dimensions. All units of a metric share the key's beginning.
//
//	| account | region | namespace | name | dimensions n | n x (name | value) | unit |
//
// Texts are preceded by their length, numbers are uvarints.
func AppendKey(dst []byte, s catalog.Scope, m Metric) []byte {
	return appendText(appendMetric(dst, s, m), m.Unit)
}

// appendMetric appends a key without its unit.
func appendMetric(dst []byte, s catalog.Scope, m Metric) []byte {
	dims := m.Dimensions
	if !slices.IsSortedFunc(dims, byName) {
		dims = slices.Clone(dims)
		slices.SortFunc(dims, byName)
	}
	dst = AppendKeyHead(dst, s, m.Namespace, m.Name, len(dims))
	for _, d := range dims {
		dst = appendText(appendText(dst, d.Name), d.Value)
	}
	return dst
}

// AppendKeyHead appends what stands before the dimensions. Whoever makes many
// keys that differ in values only appends them behind it: AppendKeyText for each
// name and value, in the order of names, and for the unit.
func AppendKeyHead(dst []byte, s catalog.Scope, namespace, name string, dimensions int) []byte {
	for _, text := range [...]string{s.Account, s.Region, namespace, name} {
		dst = appendText(dst, text)
	}
	return binary.AppendUvarint(dst, uint64(dimensions))
}

// AppendKeyText appends a name, a value or the unit.
func AppendKeyText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func appendText(dst []byte, text string) []byte { return AppendKeyText(dst, text) }

func byName(a, b Dimension) int { return strings.Compare(a.Name, b.Name) }

// maxDimensions bounds what a key may hold; CloudWatch's own limit is 30.
const maxDimensions = 64

// parseKey is the inverse of AppendKey.
func parseKey(key string) (s catalog.Scope, m Metric, err error) {
	rest := []byte(key)
	text := func() (t string) {
		if err == nil {
			t, rest, err = cutText(rest)
		}
		return t
	}
	s.Account, s.Region, m.Namespace, m.Name = text(), text(), text(), text()
	n, size := binary.Uvarint(rest)
	if err != nil || size <= 0 || n > maxDimensions {
		return s, m, fmt.Errorf("%w: key", ErrCorrupt)
	}
	rest = rest[size:]
	for range n {
		m.Dimensions = append(m.Dimensions, Dimension{text(), text()})
	}
	if m.Unit = text(); err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: key goes on", ErrCorrupt)
	}
	return s, m, err
}

func cutText(b []byte) (text string, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, fmt.Errorf("%w: text cut short", ErrCorrupt)
	}
	return string(b[size : size+int(n)]), b[size+int(n):], nil
}

// metricOf cuts the unit off a key: what all units of a metric share. The key
// was parsed before.
func metricOf(key string) string {
	rest := []byte(key)
	skip := func() {
		if n, size := binary.Uvarint(rest); size > 0 && n <= uint64(len(rest)-size) {
			rest = rest[size+int(n):]
		}
	}
	for range 4 {
		skip()
	}
	n, size := binary.Uvarint(rest)
	rest = rest[max(size, 0):]
	for range 2 * min(n, maxDimensions) {
		skip()
	}
	return key[:len(key)-len(rest)]
}
