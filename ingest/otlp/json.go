package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// JSONError says where a request in JSON is wrong.
type JSONError struct {
	Offset int64
	Reason string // in words that show nothing of the request
}

func (e *JSONError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// AppendProtobuf rewrites a request in OTLP's JSON as protobuf. Unknown members
// and null mean nothing; numbers of 64 bits come as numbers or as texts; trace
// and span ids are hexadecimal, other bytes base64. It returns how many bytes
// that were not UTF-8 became U+FFFD, or a *JSONError.
func AppendProtobuf(dst, request []byte) (_ []byte, replaced int, err error) {
	t := transcribers.Get().(*transcriber)
	defer transcribers.Put(t)
	t.src, t.dst, t.replaced, t.depth = *bytes.NewBuffer(request), dst, 0, 0
	t.json.Reset(&t.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err = t.request()
	if err != nil {
		err = t.located(err, len(request))
	}
	dst, replaced = t.dst, t.replaced
	// Nothing of the request may stay reachable from the pool.
	t.src, t.dst = bytes.Buffer{}, nil
	t.json.Reset(&t.src)
	return dst, replaced, err
}

// transcriber rewrites one request.
type transcriber struct {
	src      bytes.Buffer
	json     jsontext.Decoder
	dst      []byte
	text     []byte // a string, unescaped
	replaced int
	depth    int
}

var transcribers = sync.Pool{New: func() any { return new(transcriber) }}

// maxMessages is how deep messages may lie in each other: maxDepth of lists and
// maps, which take three messages each, and what is around them.
const maxMessages = 4*maxDepth + 16

func (t *transcriber) located(err error, size int) error {
	var known *JSONError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &syntax):
		return &JSONError{syntax.ByteOffset, syntax.Err.Error()}
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return &JSONError{int64(size), "unexpected end"}
	}
	return err
}

func (t *transcriber) wrong(reason string) error {
	return &JSONError{t.json.InputOffset(), reason}
}

func (t *transcriber) request() error {
	if err := t.message(exportRequest); err != nil {
		return err
	}
	switch _, err := t.json.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return t.wrong("a value after the request")
	default:
		return err
	}
}

// message reads an object and appends its fields.
func (t *transcriber) message(m messageID) error {
	if t.json.PeekKind() != jsontext.KindBeginObject {
		return t.unexpected("an object")
	}
	if t.depth++; t.depth > maxMessages {
		return t.wrong("nested too deep")
	}
	if _, err := t.json.ReadToken(); err != nil {
		return err
	}
	for t.json.PeekKind() != jsontext.KindEndObject {
		name, err := t.json.ReadValue()
		if err != nil {
			return err
		}
		if t.text, err = jsontext.AppendUnquote(t.text[:0], name); err != nil {
			t.text = t.text[:0] // not UTF-8: no name of ours
		}
		if err := t.member(memberOf(m, t.text)); err != nil {
			return err
		}
	}
	t.depth--
	_, err := t.json.ReadToken()
	return err
}

// unexpected reads what is at hand: a syntax error says more than we could.
func (t *transcriber) unexpected(want string) error {
	if _, err := t.json.ReadValue(); err != nil {
		return err
	}
	return t.wrong("not " + want)
}

func (t *transcriber) member(m *member) error {
	switch {
	case m == nil, t.json.PeekKind() == jsontext.KindNull:
		return t.json.SkipValue()
	case !m.repeated:
		return t.field(m)
	case t.json.PeekKind() != jsontext.KindBeginArray:
		return t.unexpected("an array")
	}
	if _, err := t.json.ReadToken(); err != nil {
		return err
	}
	for t.json.PeekKind() != jsontext.KindEndArray {
		if err := t.field(m); err != nil {
			return err
		}
	}
	_, err := t.json.ReadToken()
	return err
}

// field appends one field with the value at hand.
func (t *transcriber) field(m *member) error {
	if m.kind != embedded {
		return t.scalar(m)
	}
	t.dst = protowire.AppendTag(t.dst, m.number, protowire.BytesType)
	at := len(t.dst)
	t.dst = append(t.dst, 0, 0, 0, 0) // the length, once it is known
	if err := t.message(m.of); err != nil {
		return err
	}
	putLength(t.dst[at:at+4], len(t.dst)-at-4)
	return nil
}

// putLength writes a varint of four bytes, whatever it takes: 256 MiB at most.
func putLength(dst []byte, n int) {
	for i := range 4 {
		dst[i] = byte(n>>(7*i))&0x7f | 0x80
	}
	dst[3] &= 0x7f
}

// scalar appends a field that is no message.
func (t *transcriber) scalar(m *member) error {
	raw, err := t.json.ReadValue()
	if err != nil {
		return err
	}
	if m.kind == boolean {
		if k := raw.Kind(); k != jsontext.KindTrue && k != jsontext.KindFalse {
			return t.wrong("not a boolean")
		}
		t.varint(m, protowire.EncodeBool(raw.Kind() == jsontext.KindTrue))
		return nil
	}
	isText := raw.Kind() == jsontext.KindString
	if isText {
		if t.text, err = jsontext.AppendUnquote(t.text[:0], raw); err != nil {
			t.replaced += max(1, invalid(raw))
		}
	} else if raw.Kind() == jsontext.KindNumber && m.kind < str {
		t.text = append(t.text[:0], raw...)
	} else {
		return t.wrong("a value of the wrong kind")
	}
	if m.kind < str {
		return t.number(m)
	}
	return t.bytes(m)
}

func (t *transcriber) varint(m *member, n uint64) {
	t.dst = protowire.AppendVarint(protowire.AppendTag(t.dst, m.number, protowire.VarintType), n)
}

// number appends a number that stands in t.text.
func (t *transcriber) number(m *member) error {
	text := string(t.text)
	ok := false
	switch m.kind {
	case double:
		var f float64
		if f, ok = parseDouble(text); ok {
			t.dst = protowire.AppendFixed64(protowire.AppendTag(t.dst, m.number, protowire.Fixed64Type), math.Float64bits(f))
		}
	case int64s, int32s:
		var n int64
		if n, ok = parseInt(text, m.kind.bits()); ok {
			t.varint(m, uint64(n))
		}
	default:
		var n uint64
		if n, ok = parseUint(text, m.kind.bits()); !ok {
			break
		}
		switch m.kind {
		case fixed64:
			t.dst = protowire.AppendFixed64(protowire.AppendTag(t.dst, m.number, protowire.Fixed64Type), n)
		case fixed32:
			t.dst = protowire.AppendFixed32(protowire.AppendTag(t.dst, m.number, protowire.Fixed32Type), uint32(n))
		default:
			t.varint(m, n)
		}
	}
	if !ok {
		return t.wrong("not a number of its kind")
	}
	return nil
}

// bytes appends what stands in t.text.
func (t *transcriber) bytes(m *member) error {
	text, n := t.text, len(t.text)
	var err error
	switch m.kind {
	case hexadecimal:
		text, err = hex.AppendDecode(text, text)
		t.text, text = text, text[n:]
	case base64s:
		text, err = appendBase64(text, text)
		t.text, text = text, text[n:]
	}
	if err != nil {
		return t.wrong("not hexadecimal or base64")
	}
	t.dst = protowire.AppendBytes(protowire.AppendTag(t.dst, m.number, protowire.BytesType), text)
	return nil
}

// appendBase64 reads base64 of either alphabet, padded or not, as protobuf's JSON
// does.
func appendBase64(dst, text []byte) ([]byte, error) {
	encoding := base64.RawStdEncoding
	if bytes.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	return encoding.AppendDecode(dst, bytes.TrimRight(text, "="))
}

func parseDouble(text string) (float64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	switch text {
	case "NaN", "Infinity", "-Infinity":
		return f, true
	}
	// The other spellings of these are Go's, and so are hexadecimal and
	// underscores.
	return f, err == nil && plainNumber(text)
}

// parseInt reads an integer, which JSON may also write as 1e3 or 1.0.
func parseInt(text string, bits int) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, bits)
	if err == nil {
		return n, plainNumber(text)
	}
	f, ok := parseDouble(text)
	limit := math.Ldexp(1, bits-1)
	if !ok || f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}

func parseUint(text string, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, bits)
	if err == nil {
		return n, plainNumber(text)
	}
	f, ok := parseDouble(text)
	if !ok || f != math.Trunc(f) || f < 0 || f >= math.Ldexp(1, bits) {
		return 0, false
	}
	return uint64(f), true
}

// plainNumber keeps to what JSON calls a number.
func plainNumber(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && c != '-' && c != '.' && c != 'e' && c != 'E' && (c != '+' || i == 0) {
			return false
		}
	}
	return text != ""
}
