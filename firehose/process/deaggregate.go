package process

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"sluice/internal/jsonscan"
)

// MaxSubRecords is AWS's limit: a record of more is passed on whole.
const MaxSubRecords = 500

// AppendDocuments takes consecutive JSON objects apart, with or without white
// space between, which goes. An object is valid; an array, a number or a torn
// object is not: what begins there is the tail, and the good head stays. Above
// atMost objects (0 for no limit) over is true, and the record is to be passed
// on whole. Sub-records and tail are views of the record.
//
// hot: BenchmarkDocuments
func AppendDocuments(dst [][]byte, record []byte, atMost int) (documents [][]byte, tail []byte, over bool) {
	c := jsonscan.Cursor{Text: record}
	n := len(dst)
	for c.Space(); c.At < len(record); c.Space() {
		from := c.At
		if c.Next() != '{' || !c.SkipValue() {
			return dst, record[from:], false
		}
		if atMost > 0 && len(dst)-n == atMost {
			return dst[:n], nil, true
		}
		dst = append(dst, record[from:c.At:c.At])
	}
	return dst, nil, false
}

// AppendDelimited takes a record apart at a delimiter, which goes. Empty pieces
// give nothing. Above atMost pieces over is true, as in AppendDocuments.
func AppendDelimited(dst [][]byte, record, delimiter []byte, atMost int) (pieces [][]byte, over bool) {
	n := len(dst)
	for len(record) > 0 {
		piece, rest, _ := bytes.Cut(record, delimiter)
		record = rest
		if len(piece) == 0 {
			continue
		}
		if atMost > 0 && len(dst)-n == atMost {
			return dst[:n], true
		}
		dst = append(dst, piece)
	}
	return dst, false
}

// SplitDelimiter is the Delimiter of RecordDeAggregation: Base64.
func SplitDelimiter(parameter string) ([]byte, error) {
	delimiter, err := base64.StdEncoding.DecodeString(parameter)
	if err == nil && len(delimiter) == 0 {
		err = fmt.Errorf("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("delimiter %q: %w", parameter, err)
	}
	return delimiter, nil
}

// escapes are what a Delimiter of AppendDelimiterToRecord may hold as text: the
// documents of AWS and of its tools write \n as two characters.
var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\0`, "\x00", `\\`, `\`)

// AppendedDelimiter is the Delimiter of AppendDelimiterToRecord; without one it
// is a line feed.
func AppendedDelimiter(parameter string) []byte {
	if parameter == "" {
		return []byte("\n")
	}
	return []byte(escapes.Replace(parameter))
}
