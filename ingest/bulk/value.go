package bulk

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/jsonscan"
)

// value is one JSON value. Its parts are views of the body; those that are not
// there are nil.
type value struct {
	text  []byte
	time  []byte // of an object: the value of timestamp, or of time
	event []byte // of an object of Collector: the value of event
}

// scan reads the value at the cursor.
func scan(c *jsonscan.Cursor, form Form) (v value, ok bool) {
	start := c.At
	if c.Next() == '{' {
		ok = v.members(c, form)
	} else {
		ok = c.SkipValue()
	}
	v.text = c.Text[start:c.At:c.At]
	return v, ok
}

// members reads an object.
func (v *value) members(c *jsonscan.Cursor, form Form) bool {
	if !c.Enter() {
		return false
	}
	for more := c.Open('}'); more; more = c.More('}') {
		at := c.At
		if !c.SkipString() {
			return false
		}
		name := c.Text[at+1 : c.At-1]
		if !c.Colon() {
			return false
		}
		at = c.At
		if !c.SkipValue() {
			return false
		}
		v.member(name, c.Text[at:c.At:c.At], form)
	}
	return c.Leave('}')
}

// member keeps what a member of interest says. Its name is compared as it
// stands, and unescaped in the odd case that it is escaped.
func (v *value) member(name, text []byte, form Form) {
	if bytes.IndexByte(name, '\\') >= 0 {
		name = unescaped(name)
	}
	switch {
	case form != Collector:
		if string(name) == "timestamp" {
			v.time = text
		}
	case string(name) == "time":
		v.time = text
	case string(name) == "event":
		v.event = text
	}
}

func unescaped(name []byte) []byte {
	quoted := append(append([]byte{'"'}, name...), '"')
	plain, _ := jsontext.AppendUnquote(nil, quoted) // it was scanned: at worst it is no UTF-8
	return plain
}

// message is the text that is stored of a value.
func (r *Reader) message(text []byte) []byte {
	switch text[0] {
	case '"':
		return r.unquoted(text)
	case '{', '[':
		if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
			r.scratch = appendCompact(r.scratch[:0], text)
			text = r.scratch
		}
	}
	return r.repaired(text)
}

// repaired is text as UTF-8.
func (r *Reader) repaired(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	var n int
	r.valid, n = appendValid(r.valid[:0], text)
	r.Replaced += n
	return r.valid
}

// unquoted is what a string says.
func (r *Reader) unquoted(text []byte) []byte {
	if inner := text[1 : len(text)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], text)
	// The error says that something was replaced, not how often: what stands
	// there now and was not sent as such was.
	if n := bytes.Count(r.scratch, replacement) - bytes.Count(text, replacement) - countEscaped(text); n > 0 {
		r.Replaced += n
	}
	return r.scratch
}

var replacement = []byte("\uFFFD")

// countEscaped counts the replacement characters that were sent as escapes.
func countEscaped(text []byte) (n int) {
	for i := 0; i+6 <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] == 'u' && bytes.EqualFold(text[i+2:i+6], []byte("fffd")) {
			n++
		}
		i++ // the escaped character
	}
	return n
}

// appendValid appends text with U+FFFD for each byte that is not UTF-8.
func appendValid(dst, text []byte) (_ []byte, replaced int) {
	for len(text) > 0 {
		n := 0
		for n < len(text) {
			r, size := utf8.DecodeRune(text[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		dst = append(dst, text[:n]...)
		if text = text[n:]; len(text) > 0 {
			dst = append(dst, replacement...)
			replaced++
			text = text[1:]
		}
	}
	return dst, replaced
}

// appendCompact appends JSON that was scanned without the white space between
// its tokens.
func appendCompact(dst, text []byte) []byte {
	c := jsonscan.Cursor{Text: text}
	for c.At < len(text) {
		at := c.At
		switch text[at] {
		case ' ', '\t', '\r', '\n':
			c.Space()
			continue
		case '"':
			c.SkipString()
		default:
			c.At++
		}
		dst = append(dst, text[at:c.At]...)
	}
	return dst
}
