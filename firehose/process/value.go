package process

import (
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/jsonscan"
)

// appendRaw appends a JSON value as a partition value, and tells what it is
// where it cannot be one. scratch is for strings with escapes.
func appendRaw(dst, raw, scratch []byte) (out, used []byte, not string) {
	switch raw[0] {
	case 'n':
		return dst, scratch, "null"
	case '{':
		return dst, scratch, "an object"
	case '[':
		return dst, scratch, "an array"
	case 't', 'f':
		return append(dst, raw...), scratch, ""
	case '"':
		scratch, _ = jsontext.AppendUnquote(scratch[:0], raw) // U+FFFD for what is no text
		out, not = appendText(dst, scratch)
		return out, scratch, not
	}
	return appendNumber(dst, raw), scratch, ""
}

// appendText appends a string without its control characters.
func appendText[Text ~string | ~[]byte](dst []byte, s Text) (out []byte, not string) {
	out = dst
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c != 0x7f {
			out = append(out, c)
		}
	}
	if len(out) == len(dst) {
		return dst, "an empty string"
	}
	return out, ""
}

// appendResult is appendRaw for what gojq gives.
func appendResult(dst []byte, v any) (out []byte, not string) {
	switch v := v.(type) {
	case nil:
		return dst, "null"
	case bool:
		return strconv.AppendBool(dst, v), ""
	case string:
		if !utf8.ValidString(v) {
			v = string([]rune(v))
		}
		return appendText(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10), ""
	case float64:
		if v != v {
			return dst, "null" // as jq prints nan
		}
		return appendFloat(dst, v), ""
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return appendFloat(dst, f), ""
	case []any:
		return dst, "an array"
	}
	return dst, "an object"
}

// decode is a JSON text as gojq takes it: integers of 64 bits as int, all other
// numbers as the doubles that jq 1.6 knows. A member that occurs twice has its
// last value. ok is false where the text is not one JSON value.
func decode(text []byte) (v any, ok bool) {
	c := jsonscan.Cursor{Text: text}
	c.Space()
	if v, ok = decodeValue(&c); !ok {
		return nil, false
	}
	c.Space()
	return v, c.At == len(text)
}

func decodeValue(c *jsonscan.Cursor) (any, bool) {
	switch c.Next() {
	case '{':
		return decodeObject(c)
	case '[':
		return decodeArray(c)
	}
	from := c.At
	if !c.SkipValue() {
		return nil, false
	}
	raw := c.Text[from:c.At]
	switch raw[0] {
	case 'n':
		return nil, true
	case 't', 'f':
		return raw[0] == 't', true
	case '"':
		return unquote(raw), true
	}
	if n, err := strconv.Atoi(string(raw)); err == nil && (n != 0 || raw[0] != '-') {
		return n, true
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // out of range: an infinity
	return f, true
}

func decodeObject(c *jsonscan.Cursor) (any, bool) {
	object := map[string]any{}
	if !c.Enter() {
		return nil, false
	}
	for more := c.Open('}'); more; more = c.More('}') {
		from := c.At
		if !c.SkipString() {
			return nil, false
		}
		key := unquote(c.Text[from:c.At])
		if !c.Colon() {
			return nil, false
		}
		v, ok := decodeValue(c)
		if !ok {
			return nil, false
		}
		object[key] = v
	}
	return object, c.Leave('}')
}

func decodeArray(c *jsonscan.Cursor) (any, bool) {
	array := []any{}
	if !c.Enter() {
		return nil, false
	}
	for more := c.Open(']'); more; more = c.More(']') {
		v, ok := decodeValue(c)
		if !ok {
			return nil, false
		}
		array = append(array, v)
	}
	return array, c.Leave(']')
}

func unquote(raw []byte) string {
	text, _ := jsontext.AppendUnquote(nil, raw) // U+FFFD for what is no text
	return string(text)
}
