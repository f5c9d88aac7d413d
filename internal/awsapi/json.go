package awsapi

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeOptions: AWS takes the last of duplicate members. Unknown members are
// ignored, invalid UTF-8 is refused and nesting is bounded (10,000) by default.
var decodeOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true))

// encodeOptions: sorted map members make answers comparable.
var encodeOptions = json.JoinOptions(json.Deterministic(true))

// maxValues bounds what a small body makes large: {}, takes three bytes and becomes
// a structure of dozens. The largest requests, of 500 records, have 2,000.
const maxValues = 20_000

// moreValuesThan tells whether a body has more than n values in lists and
// structures, which commas part; those in strings part nothing.
func moreValuesThan(n int, body []byte) bool {
	if bytes.Count(body, []byte(",")) <= n {
		return false
	}
	quoted := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && c == ',':
			if n--; n < 0 {
				return true
			}
		}
	}
	return false
}

func tooManyValues(most int) error {
	return Serialization("Could not parse request body into json: more than %d values", most)
}

// Unmarshal decodes an AWS JSON body. An empty body is an empty structure, a
// failure is a SerializationException in AWS's words. in keeps no reference to
// the body.
func Unmarshal(body []byte, in any) error {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		return nil
	}
	if moreValuesThan(maxValues, body) {
		return tooManyValues(maxValues)
	}
	if err := json.Unmarshal(body, in, decodeOptions); err != nil {
		return serializationError(err)
	}
	return nil
}

// AppendJSON appends out as AWS JSON: blobs in base64, no HTML escapes.
func AppendJSON(dst []byte, out any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if err := json.MarshalWrite(buf, out, encodeOptions); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}

// serializationError puts a decoder's complaint into the words of AWS's own
// decoder, which names token kinds and Java's types.
func serializationError(err error) *Error {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) || semantic.JSONKind == 0 {
		return Serialization("Could not parse request body into json: %s", plainJSONError(err))
	}
	switch semantic.JSONKind {
	case '{':
		return Serialization("Start of structure or map found where not expected.")
	case '[':
		return Serialization("Start of list found where not expected")
	}
	return Serialization("%s cannot be converted to %s", tokenName(semantic), javaType(semantic.GoType))
}

// plainJSONError is a syntax error with its place but without the name of the
// package that found it.
func plainJSONError(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.Err != nil {
		return syntactic.Err.Error() + " at byte " + strconv.FormatInt(syntactic.ByteOffset, 10)
	}
	return "unexpected content"
}

func tokenName(e *json.SemanticError) string {
	switch e.JSONKind {
	case '"':
		return "STRING_VALUE"
	case '0':
		if bytes.ContainsAny(e.JSONValue, ".eE") {
			return "DECIMAL_VALUE"
		}
		return "NUMBER_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	}
	return "NULL_VALUE"
}

func javaType(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "the expected type"
	}
	switch t.Kind() {
	case reflect.String:
		return "String"
	case reflect.Bool:
		return "Boolean"
	case reflect.Int64, reflect.Uint64:
		return "Long"
	case reflect.Int, reflect.Int32, reflect.Int16, reflect.Int8, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		return "Integer"
	case reflect.Float32, reflect.Float64:
		return "Double"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "ByteBuffer"
		}
		return "Collection"
	case reflect.Map:
		return "Map"
	}
	return "Structure"
}

// Timestamp is a point in time as Firehose, Kinesis and CloudWatch write it:
// seconds since 1970 as a JSON number with millisecond fractions; Multi tells its
// form in other protocols. CloudWatch Logs uses plain integers of milliseconds
// instead.
type Timestamp struct{ time.Time }

// maxTimestamp bounds timestamps in seconds, beyond the year 5000.
const maxTimestamp = 1e11

// MarshalJSON writes seconds with up to three decimals.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads seconds.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(math.Abs(seconds) <= maxTimestamp) {
		return errors.New("timestamp is not a number of seconds")
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
