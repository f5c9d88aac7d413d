package process

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/jsonscan"
)

// ErrorType is what !{firehose:error-output-type} becomes.
type ErrorType string

// The error types that processing gives rise to, in AWS's words.
const (
	ProcessingFailed    ErrorType = "processing-failed"
	DecompressionFailed ErrorType = "decompression-failed"
	ConversionFailed    ErrorType = "format-conversion-failed"
)

// Error codes. The first was seen at the service, which documents none of them;
// the others are named after it.
const (
	CodeExtraction    = "DynamicPartitioning.MetadataExtractionFailed"
	CodeDeaggregation = "RecordDeAggregation.MalformedRecord"
	CodeDecompression = "Decompression.MalformedRecord"
	CodeMessages      = "CloudWatchLogProcessing.MalformedRecord"
)

// Failure says why a record could not be processed. Trying again gives the same.
type Failure struct {
	Type    ErrorType
	Code    string
	Message string
}

func (f *Failure) Error() string { return f.Code + ": " + f.Message }

func failure(t ErrorType, code, message string, args ...any) *Failure {
	return &Failure{Type: t, Code: code, Message: fmt.Sprintf(message, args...)}
}

// ErrorRecord is one line of an object under ErrorOutputPrefix: a record that
// could not be processed, as it was received. Times are in ms since 1970. Two
// attempts at an object must give the same line, so Ended is an instant that the
// cut is made by, not that of the attempt.
type ErrorRecord struct {
	Attempts       int
	Arrived, Ended int64
	Code, Message  string
	Raw            []byte
}

// Append appends the line, in the shape that AWS documents for transformations:
//
//	{"attemptsMade":1,"arrivalTimestamp":1767600000000,"errorCode":"...",
//	 "errorMessage":"...","attemptEndingTimestamp":1767600000000,"rawData":"<base64>"}
func (r *ErrorRecord) Append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"attemptsMade":`...), int64(r.Attempts), 10)
	dst = strconv.AppendInt(append(dst, `,"arrivalTimestamp":`...), r.Arrived, 10)
	dst = append(dst, `,"errorCode":`...)
	dst, _ = jsontext.AppendQuote(dst, r.Code) // an error says that U+FFFD was put in
	dst = append(dst, `,"errorMessage":`...)
	dst, _ = jsontext.AppendQuote(dst, r.Message)
	dst = strconv.AppendInt(append(dst, `,"attemptEndingTimestamp":`...), r.Ended, 10)
	dst = append(dst, `,"rawData":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, r.Raw)
	return append(dst, "\"}\n"...)
}

// ParseErrorRecord reads a line of an error object, ours or AWS's: numbers may
// be strings there, and conversion failures call code and message
// lastErrorCode and lastErrorMessage. Members of no interest are passed over. A
// line without rawData is an error: there is nothing to replay.
func ParseErrorRecord(line []byte) (ErrorRecord, error) {
	var r ErrorRecord
	raw := false
	err := members(line, func(key, value []byte) (err error) {
		switch string(key) {
		case "attemptsMade":
			var n int64
			n, err = wholeNumber(value)
			r.Attempts = int(n)
		case "arrivalTimestamp":
			r.Arrived, err = wholeNumber(value)
		case "attemptEndingTimestamp":
			r.Ended, err = wholeNumber(value)
		case "errorCode", "lastErrorCode":
			r.Code, err = quotedText(value)
		case "errorMessage", "lastErrorMessage":
			r.Message, err = quotedText(value)
		case "rawData":
			raw = true
			var text string
			if text, err = quotedText(value); err == nil {
				r.Raw, err = base64.StdEncoding.DecodeString(text)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	if err == nil && !raw {
		err = fmt.Errorf("no rawData")
	}
	if err != nil {
		return ErrorRecord{}, fmt.Errorf("parse error record: %w", err)
	}
	return r, nil
}

// members visits the members of a text that is one JSON object: names without
// escapes, values as they stand.
func members(text []byte, visit func(key, value []byte) error) error {
	c := jsonscan.Cursor{Text: text}
	c.Space()
	if c.Next() != '{' || !c.Enter() {
		return errNoObject
	}
	for more := c.Open('}'); more; more = c.More('}') {
		from := c.At
		if !c.SkipString() {
			return errNoObject
		}
		key := c.Text[from+1 : c.At-1]
		if !c.Colon() {
			return errNoObject
		}
		from = c.At
		if !c.SkipValue() {
			return errNoObject
		}
		if err := visit(key, c.Text[from:c.At]); err != nil {
			return err
		}
	}
	if !c.Leave('}') {
		return errNoObject
	}
	if c.Space(); c.At < len(text) {
		return errNoObject
	}
	return nil
}

var errNoObject = fmt.Errorf("not one JSON object")

// wholeNumber reads 17, "17" or null.
func wholeNumber(value []byte) (int64, error) {
	if value[0] == 'n' {
		return 0, nil
	}
	if value[0] == '"' {
		value = value[1 : len(value)-1]
	}
	return strconv.ParseInt(string(value), 10, 64)
}

// quotedText reads a string or null.
func quotedText(value []byte) (string, error) {
	switch value[0] {
	case 'n':
		return "", nil
	case '"':
		text, _ := jsontext.AppendUnquote(nil, value) // U+FFFD for half a pair
		return string(text), nil
	}
	return "", fmt.Errorf("%.40s is no string", value)
}
