package awsapi

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// AWS JSON has words for the floating-point values that JSON has no numbers for.
// Metrics are full of doubles; the services of JSON alone have none.
var (
	nonFiniteDecoding = json.WithUnmarshalers(json.UnmarshalFromFunc(unmarshalFloat))
	nonFiniteEncoding = json.WithMarshalers(json.MarshalToFunc(marshalFloat))
)

// maxModelValues is maxValues for metrics: 1,000 with all that they may have take
// 370,000.
const maxModelValues = 400_000

// unmarshalModelJSON is Unmarshal for structs that may hold doubles.
func unmarshalModelJSON(body []byte, in any) error {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		return nil
	}
	if moreValuesThan(maxModelValues, body) {
		return tooManyValues(maxModelValues)
	}
	if err := json.Unmarshal(body, in, decodeOptions, nonFiniteDecoding); err != nil {
		return serializationError(err)
	}
	return nil
}

func appendModelJSON(dst []byte, out any) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	if err := json.MarshalWrite(buf, out, encodeOptions, nonFiniteEncoding); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}

// unmarshalFloat takes the three words and leaves numbers to the library.
func unmarshalFloat(d *jsontext.Decoder, f *float64) error {
	if d.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	value, ok := floatWord(token.String())
	if !ok {
		return fmt.Errorf("%q is no number", token.String())
	}
	*f = value
	return nil
}

func marshalFloat(e *jsontext.Encoder, f float64) error {
	if word := wordOfFloat(f); word != "" {
		return e.WriteToken(jsontext.String(word))
	}
	return errors.ErrUnsupported
}

func floatWord(word string) (value float64, ok bool) {
	switch word {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// wordOfFloat is the word of a value that is not finite, else "".
func wordOfFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return ""
}
