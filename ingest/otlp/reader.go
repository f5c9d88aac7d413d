package otlp

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Reader reads log records from one request. The zero value is ready for Reset.
type Reader struct {
	// Replaced counts the bytes that became U+FFFD in what was appended.
	Replaced int

	request, resourceLogs, scopeLogs []byte // what is left of each
	inResource, inScope              []byte // the whole of the two at hand

	record  record
	head    []byte // Record: resource and scope in JSON
	hasHead bool
	err     error
}

// record is the log record at hand, its parts views of the request.
type record struct {
	raw                    []byte
	time, observed         uint64
	severity               int32
	dropped, flags         uint32
	severityText, body     []byte
	trace, span, eventName []byte
}

// Reset begins with a request in protobuf, which must not change until its last
// record was used.
func (r *Reader) Reset(request []byte) {
	*r = Reader{request: request, head: r.head[:0]}
}

// Err is what is wrong with the request, after Next returned false.
func (r *Reader) Err() error { return r.err }

// Check tells what is wrong with the rest of the request, and leaves the Reader
// where it is.
func (r *Reader) Check() error {
	ahead := *r
	for ahead.Next() {
	}
	return ahead.err
}

// Next goes to the next record.
//
// hot: BenchmarkReader
func (r *Reader) Next() bool {
	var f field
	for {
		var level *[]byte
		switch {
		case len(r.scopeLogs) > 0:
			level = &r.scopeLogs
		case len(r.resourceLogs) > 0:
			level = &r.resourceLogs
		case len(r.request) > 0:
			level = &r.request
		default:
			return false
		}
		rest, ok := f.next(*level)
		if !ok {
			return r.fail()
		}
		*level = rest
		switch {
		case level == &r.scopeLogs && f.is(2, protowire.BytesType):
			if !r.record.parse(f.bytes) {
				return r.fail()
			}
			return true
		case level == &r.resourceLogs && f.is(2, protowire.BytesType):
			r.scopeLogs, r.inScope, r.hasHead = f.bytes, f.bytes, false
		case level == &r.request && f.is(1, protowire.BytesType):
			r.resourceLogs, r.inResource, r.hasHead = f.bytes, f.bytes, false
		}
	}
}

func (r *Reader) fail() bool {
	r.err = ErrMalformed
	r.request, r.resourceLogs, r.scopeLogs = nil, nil, nil
	return false
}

func (rec *record) parse(b []byte) bool {
	*rec = record{raw: b}
	var f field
	for len(b) > 0 {
		var ok bool
		if b, ok = f.next(b); !ok {
			return false
		}
		rec.set(&f)
	}
	return true
}

func (rec *record) set(f *field) {
	switch f.kind {
	case protowire.Fixed64Type:
		switch f.number {
		case 1:
			rec.time = f.bits
		case 11:
			rec.observed = f.bits
		}
	case protowire.BytesType:
		switch f.number {
		case 3:
			rec.severityText = f.bytes
		case 5:
			rec.body = merge(rec.body, f.bytes)
		case 9:
			rec.trace = f.bytes
		case 10:
			rec.span = f.bytes
		case 12:
			rec.eventName = f.bytes
		}
	case protowire.VarintType:
		switch f.number {
		case 2:
			rec.severity = int32(f.bits)
		case 7:
			rec.dropped = uint32(f.bits)
		}
	case protowire.Fixed32Type:
		if f.number == 8 {
			rec.flags = uint32(f.bits)
		}
	}
}

// Timestamp is the record's time in ms; false if it has none.
func (r *Reader) Timestamp() (ms int64, ok bool) {
	nanos := r.record.time
	if nanos == 0 {
		nanos = r.record.observed
	}
	return int64(nanos / 1e6), nanos != 0
}

// Text is the body if it is a string that can be stored as it is: not empty, and
// UTF-8.
func (r *Reader) Text() (text []byte, ok bool) {
	v, ok := parseValue(r.record.body)
	if !ok || v.kind != stringValue || len(v.bytes) == 0 || !utf8.Valid(v.bytes) {
		return nil, false
	}
	return v.bytes, true
}
