package otlp

import (
	"encoding/hex"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Form is what is stored of a record.
type Form uint8

// The forms; the package comment describes them.
const (
	Body Form = iota
	Record
)

// AppendMessage appends the record's message. It returns false, having appended
// anything, if the record cannot be stored.
func (r *Reader) AppendMessage(dst []byte, form Form) ([]byte, bool) {
	w := writer{dst: dst}
	ok := form == Record || w.body(r.record.body)
	if ok && len(w.dst) == len(dst) {
		ok = r.appendRecord(&w)
	}
	if ok {
		r.Replaced += w.replaced
	}
	return w.dst, ok
}

// body appends a body as text.
func (w *writer) body(b []byte) bool {
	v, ok := parseValue(b)
	switch {
	case !ok:
		return false
	case v.kind == noValue:
		return true
	case v.kind == stringValue:
		w.plain(v.bytes)
		return true
	case v.kind == bytesValue:
		w.base64(v.bytes)
		return true
	}
	return w.value(b, 0)
}

// appendRecord appends the whole record as a JSON object.
func (r *Reader) appendRecord(w *writer) bool {
	if !r.hasHead && !r.makeHead() {
		return false
	}
	w.dst = append(w.dst, r.head...)
	rec := &r.record
	w.number("timeUnixNano", rec.time)
	w.number("observedTimeUnixNano", rec.observed)
	if rec.severity != 0 {
		w.member("severityNumber")
		w.dst = strconv.AppendInt(w.dst, int64(rec.severity), 10)
		w.text(",")
	}
	w.string("severityText", rec.severityText)
	w.string("eventName", rec.eventName)
	if rec.body != nil {
		if w.member("body"); !w.value(rec.body, 0) {
			return false
		}
		w.text(",")
	}
	if !w.attributesMember(rec.raw, 6) {
		return false
	}
	w.number("droppedAttributesCount", uint64(rec.dropped))
	w.number("flags", uint64(rec.flags))
	w.hex("traceId", rec.trace)
	w.hex("spanId", rec.span)
	if w.dst[len(w.dst)-1] == ',' {
		w.dst = w.dst[:len(w.dst)-1]
	}
	w.text("}")
	return true
}

// makeHead writes what all records of a scope begin with.
func (r *Reader) makeHead() bool {
	w := writer{dst: append(r.head[:0], '{')}
	if !w.source("resource", r.inResource, false) || !w.source("scope", r.inScope, true) {
		return false
	}
	r.head, r.hasHead = w.dst, true
	r.Replaced += w.replaced
	return true
}

// source appends a resource or a scope, which is field 1 of the message that it
// is told for; field 3 is the address of its schema.
func (w *writer) source(name string, b []byte, scope bool) bool {
	var all, schema []byte
	var f field
	for len(b) > 0 {
		var ok bool
		if b, ok = f.next(b); !ok {
			return false
		}
		switch {
		case f.is(1, protowire.BytesType):
			all = merge(all, f.bytes)
		case f.is(3, protowire.BytesType):
			schema = f.bytes
		}
	}
	start := len(w.dst)
	w.member(name)
	w.text("{")
	empty := len(w.dst)
	ok := false
	if scope {
		ok = w.scope(all)
	} else {
		ok = w.attributesMember(all, 1)
	}
	w.string("schemaUrl", schema)
	if len(w.dst) == empty {
		w.dst = w.dst[:start]
		return ok
	}
	w.dst[len(w.dst)-1] = '}' // for the comma
	w.text(",")
	return ok
}

func (w *writer) scope(b []byte) bool {
	var name, version []byte
	var f field
	for rest := b; len(rest) > 0; {
		var ok bool
		if rest, ok = f.next(rest); !ok {
			return false
		}
		switch {
		case f.is(1, protowire.BytesType):
			name = f.bytes
		case f.is(2, protowire.BytesType):
			version = f.bytes
		}
	}
	w.string("name", name)
	w.string("version", version)
	return w.attributesMember(b, 3)
}

// The following append a member and a comma behind it, unless it has no value.

func (w *writer) attributesMember(b []byte, number protowire.Number) bool {
	start := len(w.dst)
	w.member("attributes")
	from := len(w.dst)
	if !w.attributes(b, number, 0) {
		return false
	}
	if len(w.dst)-from == len("{}") {
		w.dst = w.dst[:start]
		return true
	}
	w.text(",")
	return true
}

func (w *writer) number(name string, n uint64) {
	if n != 0 {
		w.member(name)
		w.dst = strconv.AppendUint(w.dst, n, 10)
		w.text(",")
	}
}

func (w *writer) string(name string, s []byte) {
	if len(s) > 0 {
		w.member(name)
		w.quoted(s)
		w.text(",")
	}
}

func (w *writer) hex(name string, b []byte) {
	if len(b) > 0 {
		w.member(name)
		w.text(`"`)
		w.dst = hex.AppendEncode(w.dst, b)
		w.text(`",`)
	}
}

// member appends a member's name, which needs no escape.
func (w *writer) member(name string) {
	w.text(`"`)
	w.text(name)
	w.text(`":`)
}
