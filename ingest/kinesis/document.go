package kinesis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
	"sluice/internal/jsonscan"
)

// document is what CloudWatch Logs sends to a subscriber. Its buffers are used
// again.
type document struct {
	control              bool
	owner, group, stream []byte
	times                []int64
	ends                 []int // of each message in text
	text                 []byte

	kind     []byte
	inflated bytes.Buffer
	unzip    *gzip.Reader
}

// maxInflated bounds a document: a batch holds no more text.
const maxInflated = event.MaxText

var (
	errNoDocument = errors.New("is no document of CloudWatch Logs")
	errTooLarge   = fmt.Errorf("inflates to more than %d bytes", maxInflated)
)

// read reads a record's data, compressed or not.
//
// hot: BenchmarkDocument
func (d *document) read(data []byte) error {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		return d.parse(data)
	}
	text, err := d.inflate(data)
	if err != nil {
		return err
	}
	return d.parse(text)
}

func (d *document) inflate(data []byte) ([]byte, error) {
	from := bytes.NewReader(data)
	var err error
	if d.unzip == nil {
		d.unzip, err = gzip.NewReader(from)
	} else {
		err = d.unzip.Reset(from)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be inflated: %w", err)
	}
	d.inflated.Reset()
	n, err := d.inflated.ReadFrom(io.LimitReader(d.unzip, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be inflated: %w", err)
	}
	if n > maxInflated {
		return nil, errTooLarge
	}
	return d.inflated.Bytes(), nil
}

// parse reads one document.
func (d *document) parse(text []byte) error {
	d.control = false
	d.owner, d.group, d.stream, d.kind = d.owner[:0], d.group[:0], d.stream[:0], d.kind[:0]
	d.times, d.ends, d.text = d.times[:0], d.ends[:0], d.text[:0]
	c := jsonscan.Cursor{Text: text}
	c.Space()
	if !d.members(&c) {
		return errNoDocument
	}
	if c.Space(); c.At != len(text) {
		return errNoDocument
	}
	switch string(d.kind) {
	case "CONTROL_MESSAGE":
		d.control = true
		return nil
	case "DATA_MESSAGE":
		if len(d.group) == 0 || len(d.stream) == 0 {
			return errNoDocument
		}
		return nil
	}
	return errNoDocument
}

// maxName is CloudWatch Logs' limit of names, in characters. A batch holds no names
// that are much longer: its record would be tried again for ever.
const maxName = 512

// checkNames refuses what cannot be the name of anything.
func (d *document) checkNames() error {
	for _, n := range [...]struct {
		member string
		name   []byte
	}{{"owner", d.owner}, {"logGroup", d.group}, {"logStream", d.stream}} {
		if utf8.RuneCount(n.name) > maxName {
			return fmt.Errorf("has a %s of more than %d characters", n.member, maxName)
		}
	}
	return nil
}

func (d *document) members(c *jsonscan.Cursor) bool {
	if c.Next() != '{' || !c.Enter() {
		return false
	}
	for more := c.Open('}'); more; more = c.More('}') {
		key, ok := memberName(c)
		if !ok {
			return false
		}
		switch string(key) {
		case `"messageType"`:
			d.kind, ok = appendText(d.kind[:0], c)
		case `"owner"`:
			d.owner, ok = appendText(d.owner[:0], c)
		case `"logGroup"`:
			d.group, ok = appendText(d.group[:0], c)
		case `"logStream"`:
			d.stream, ok = appendText(d.stream[:0], c)
		case `"logEvents"`:
			ok = d.events(c)
		default:
			ok = c.SkipValue()
		}
		if !ok {
			return false
		}
	}
	return c.Leave('}')
}

// memberName passes a name and its colon.
func memberName(c *jsonscan.Cursor) (quoted []byte, ok bool) {
	from := c.At
	if !c.SkipString() {
		return nil, false
	}
	quoted = c.Text[from:c.At]
	return quoted, c.Colon()
}

// appendText appends the text of a string; U+FFFD stands for what is none.
func appendText(dst []byte, c *jsonscan.Cursor) ([]byte, bool) {
	from := c.At
	if c.Next() != '"' || !c.SkipString() {
		return dst, false
	}
	dst, _ = jsontext.AppendUnquote(dst, c.Text[from:c.At])
	return dst, true
}

func (d *document) events(c *jsonscan.Cursor) bool {
	d.times, d.ends, d.text = d.times[:0], d.ends[:0], d.text[:0]
	if c.Next() != '[' || !c.Enter() {
		return false
	}
	for more := c.Open(']'); more; more = c.More(']') {
		if !d.event(c) {
			return false
		}
	}
	return c.Leave(']')
}

func (d *document) event(c *jsonscan.Cursor) bool {
	if c.Next() != '{' || !c.Enter() {
		return false
	}
	begin, timestamp, has := len(d.text), int64(0), 0
	for more := c.Open('}'); more; more = c.More('}') {
		key, ok := memberName(c)
		if !ok {
			return false
		}
		from := c.At
		switch string(key) {
		case `"timestamp"`:
			var err error
			ok = c.SkipValue()
			timestamp, err = parseTime(c.Text[from:c.At])
			ok, has = ok && err == nil, has|1
		case `"message"`:
			d.text, ok = appendText(d.text[:begin], c)
			has |= 2
		default:
			ok = c.SkipValue()
		}
		if !ok {
			return false
		}
	}
	d.times, d.ends = append(d.times, timestamp), append(d.ends, len(d.text))
	return has == 3 && c.Leave('}')
}

// parseTime reads a whole number of ms that is not negative.
func parseTime(text []byte) (int64, error) {
	if len(text) == 0 || len(text) > 18 {
		return 0, strconv.ErrRange
	}
	n := int64(0)
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return 0, strconv.ErrSyntax
		}
		n = 10*n + int64(digit-'0')
	}
	return n, nil
}

// single is a document of one message; U+FFFD stands for what is no text.
func (d *document) single(message []byte, timestamp int64) {
	d.text = append(d.text[:0], message...)
	if !utf8.Valid(d.text) {
		d.text = bytes.ToValidUTF8(d.text, []byte("\uFFFD"))
	}
	d.times, d.ends = append(d.times[:0], timestamp), append(d.ends[:0], len(d.text))
}

func (d *document) message(i int) []byte {
	from := 0
	if i > 0 {
		from = d.ends[i-1]
	}
	return d.text[from:d.ends[i]]
}
