package awsapi

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendResponseXML appends an answer of the query protocol; out is a pointer to
// a struct, or nil for an operation without output.
func appendResponseXML(dst []byte, m *ServiceModel, operation, id string, out any) []byte {
	dst = append(append(dst, '<'), operation...)
	dst = append(append(append(dst, `Response xmlns="`...), m.Namespace...), `">`...)
	if out != nil {
		dst = appendXML(dst, operation+"Result", reflect.ValueOf(out))
	}
	dst = append(append(append(dst, `<ResponseMetadata><RequestId>`...), id...), `</RequestId></ResponseMetadata></`...)
	return append(append(dst, operation...), "Response>\n"...)
}

// appendErrorXML appends an error of the query protocol. m is nil before the
// service is known.
func appendErrorXML(dst []byte, m *ServiceModel, id string, e *Error) []byte {
	dst = append(dst, "<ErrorResponse"...)
	if m != nil {
		dst = append(append(append(dst, ` xmlns="`...), m.Namespace...), '"')
	}
	dst = append(append(append(dst, "><Error><Type>"...), faultOf(e)...), "</Type><Code>"...)
	dst = append(appendXMLText(dst, m.queryCode(e.Code)), "</Code>"...)
	if e.Message != "" {
		dst = append(appendXMLText(append(dst, "<Message>"...), e.Message), "</Message>"...)
	}
	return append(append(append(dst, "</Error><RequestId>"...), id...), "</RequestId></ErrorResponse>\n"...)
}

// faultOf says whose fault an error is, in the query protocol's words.
func faultOf(e *Error) string {
	if e.status() >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// appendXML appends an element. A nil pointer is left out.
func appendXML(dst []byte, name string, v reflect.Value) []byte {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return dst
		}
		v = v.Elem()
	}
	dst = append(append(append(dst, '<'), name...), '>')
	dst = appendXMLContent(dst, v)
	return append(append(append(dst, "</"...), name...), '>')
}

func appendXMLContent(dst []byte, v reflect.Value) []byte {
	switch v.Type() {
	case timestampType:
		return appendISO8601(dst, v.Interface().(Timestamp).Time)
	case bytesType:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, m := range membersOf(v.Type()) {
			if field := v.Field(m.index); !m.omitZero || !isZero(field) {
				dst = appendXML(dst, m.name, field)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			dst = appendXML(dst, "member", v.Index(i))
		}
	case reflect.Map:
		dst = appendXMLEntries(dst, v)
	case reflect.String:
		dst = appendXMLText(dst, v.String())
	case reflect.Bool:
		dst = strconv.AppendBool(dst, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		dst = strconv.AppendInt(dst, v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		dst = appendXMLFloat(dst, v.Float())
	}
	return dst
}

// isZero follows the json tag's omitzero.
func isZero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && v.Kind() != reflect.Pointer {
		return z.IsZero()
	}
	return v.IsZero()
}

func appendXMLEntries(dst []byte, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		dst = appendXML(append(dst, "<entry>"...), "key", key)
		dst = append(appendXML(dst, "value", v.MapIndex(key)), "</entry>"...)
	}
	return dst
}

// appendXMLFloat writes numbers as AWS does: 41.0, 1.0E10, NaN.
func appendXMLFloat(dst []byte, f float64) []byte {
	if word := wordOfFloat(f); word != "" {
		return append(dst, word...)
	}
	form := byte('f')
	if f != 0 && (f >= 1e7 || f <= -1e7 || f < 1e-3 && f > -1e-3) {
		form = 'E'
	}
	text := strconv.FormatFloat(f, form, -1, 64)
	mantissa, exponent, scientific := strings.Cut(text, "E")
	dst = append(dst, mantissa...)
	if !strings.Contains(mantissa, ".") {
		dst = append(dst, ".0"...)
	}
	if !scientific {
		return dst
	}
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	return append(append(append(dst, 'E'), sign...), strings.TrimLeft(exponent[1:], "0")...)
}

// appendISO8601 writes milliseconds where there are any.
func appendISO8601(dst []byte, t time.Time) []byte {
	if t.UnixMilli()%1000 == 0 {
		return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05Z")
	}
	return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// appendXMLText escapes text; what XML cannot hold becomes U+FFFD.
func appendXMLText(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case r < ' ' && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
