package otlp

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth is how deep lists and maps may lie in each other.
const maxDepth = 64

// kind is which member of an AnyValue is set, by its field number.
type kind = protowire.Number

const (
	noValue     kind = 0
	stringValue kind = 1
	boolValue   kind = 2
	intValue    kind = 3
	doubleValue kind = 4
	listValue   kind = 5
	mapValue    kind = 6
	bytesValue  kind = 7
)

// value is an AnyValue.
type value struct {
	kind  kind
	bytes []byte
	bits  uint64
}

// parseValue reads an AnyValue: of its members the last one counts, and a list or
// a map goes on if it stands twice in a row.
func parseValue(b []byte) (v value, ok bool) {
	var f field
	for len(b) > 0 {
		if b, ok = f.next(b); !ok {
			return v, false
		}
		switch {
		case f.kind == protowire.BytesType && (f.number == listValue || f.number == mapValue):
			if v.kind != f.number {
				v.bytes = nil
			}
			v.kind, v.bytes = f.number, merge(v.bytes, f.bytes)
		case f.kind == protowire.BytesType && (f.number == stringValue || f.number == bytesValue),
			f.kind == protowire.VarintType && (f.number == boolValue || f.number == intValue),
			f.kind == protowire.Fixed64Type && f.number == doubleValue:
			v = value{f.number, f.bytes, f.bits}
		case f.is(8, protowire.VarintType):
			v = value{} // an index into the strings of profiles, which logs have none of
		}
	}
	return v, true
}

// writer appends JSON and counts what it replaces.
type writer struct {
	dst      []byte
	replaced int
}

func (w *writer) text(s string) { w.dst = append(w.dst, s...) }

func (w *writer) quoted(s []byte) {
	var n int
	w.dst, n = appendQuoted(w.dst, s)
	w.replaced += n
}

func (w *writer) base64(b []byte) { w.dst = base64.StdEncoding.AppendEncode(w.dst, b) }

// plain appends text outside JSON.
func (w *writer) plain(s []byte) {
	if utf8.Valid(s) {
		w.dst = append(w.dst, s...)
		return
	}
	w.replaced += invalid(s)
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		w.dst = utf8.AppendRune(w.dst, r)
		s = s[size:]
	}
}

// invalid counts the bytes that are not UTF-8.
func invalid(s []byte) (n int) {
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		s = s[size:]
	}
	return n
}

// value appends a value as JSON; false if it is no protobuf or nests too deep.
func (w *writer) value(b []byte, depth int) bool {
	v, ok := parseValue(b)
	if !ok || depth > maxDepth {
		return false
	}
	switch v.kind {
	case stringValue:
		w.quoted(v.bytes)
	case bytesValue:
		w.text(`"`)
		w.base64(v.bytes)
		w.text(`"`)
	case listValue:
		return w.list(v.bytes, depth)
	case mapValue:
		return w.attributes(v.bytes, 1, depth)
	default:
		w.scalar(v)
	}
	return true
}

func (w *writer) scalar(v value) {
	switch v.kind {
	case boolValue:
		w.dst = strconv.AppendBool(w.dst, v.bits != 0)
	case intValue:
		w.dst = strconv.AppendInt(w.dst, int64(v.bits), 10)
	case doubleValue:
		w.double(math.Float64frombits(v.bits))
	default:
		w.text("null")
	}
}

func (w *writer) double(f float64) {
	switch {
	case math.IsNaN(f):
		w.text(`"NaN"`)
	case math.IsInf(f, 1):
		w.text(`"Infinity"`)
	case math.IsInf(f, -1):
		w.text(`"-Infinity"`)
	default:
		w.dst = strconv.AppendFloat(w.dst, f, 'g', -1, 64)
	}
}

func (w *writer) list(b []byte, depth int) bool {
	open := "["
	var f field
	for len(b) > 0 {
		var ok bool
		if b, ok = f.next(b); !ok {
			return false
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		w.text(open)
		open = ","
		if !w.value(f.bytes, depth+1) {
			return false
		}
	}
	if open == "[" {
		w.text(open)
	}
	w.text("]")
	return true
}

// attributes appends the key-value pairs of a message, which have one field
// number, as an object.
func (w *writer) attributes(b []byte, number protowire.Number, depth int) bool {
	open := "{"
	var f field
	for len(b) > 0 {
		var ok bool
		if b, ok = f.next(b); !ok {
			return false
		}
		if !f.is(number, protowire.BytesType) {
			continue
		}
		w.text(open)
		open = ","
		if !w.pair(f.bytes, depth) {
			return false
		}
	}
	if open == "{" {
		w.text(open)
	}
	w.text("}")
	return true
}

func (w *writer) pair(b []byte, depth int) bool {
	var key, val []byte
	var f field
	for len(b) > 0 {
		var ok bool
		if b, ok = f.next(b); !ok {
			return false
		}
		switch {
		case f.is(1, protowire.BytesType):
			key = f.bytes
		case f.is(2, protowire.BytesType):
			val = merge(val, f.bytes)
		}
	}
	w.quoted(key)
	w.text(":")
	return w.value(val, depth+1)
}
