package putlogevents

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/event"
)

// careful decodes any body by means of jsontext. It is the meaning of a body;
// the scanner is only faster.
type careful struct {
	src  bytes.Buffer
	json *jsontext.Decoder
	name []byte // of the member being read, unescaped
	b    *event.Builder
	req  *Request
}

var carefuls = sync.Pool{New: func() any { return &careful{json: new(jsontext.Decoder)} }}

func decodeCarefully(body []byte, b *event.Builder, req *Request) error {
	c := carefuls.Get().(*careful)
	defer carefuls.Put(c)
	c.src, c.b, c.req = *bytes.NewBuffer(body), b, req
	c.json.Reset(&c.src, jsontext.AllowDuplicateNames(true))
	err := c.body()
	if err != nil {
		err = located(err, len(body))
	}
	// Nothing of the request may stay reachable from the pool.
	c.src, c.b, c.req = bytes.Buffer{}, nil, nil
	c.json.Reset(&c.src)
	return err
}

// located turns a syntax error into a SerializationError; others pass.
func located(err error, size int) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax):
		return &SerializationError{Offset: syntax.ByteOffset, Reason: syntax.Err.Error(), Err: err}
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return &SerializationError{Offset: int64(size), Reason: "unexpected end", Err: io.ErrUnexpectedEOF}
	}
	return err
}

// body reads the request and makes sure that nothing follows it.
func (c *careful) body() error {
	if err := c.object(c.member); err != nil {
		return err
	}
	switch _, err := c.json.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return &SerializationError{Offset: c.json.InputOffset(), Reason: "a value after the request"}
	default:
		return err
	}
}

// object reads an object, calling member for the value of each member.
func (c *careful) object(member func() error) error {
	if err := c.open(jsontext.KindBeginObject, "structure"); err != nil {
		return err
	}
	for c.json.PeekKind() != jsontext.KindEndObject {
		name, err := c.json.ReadValue()
		if err != nil {
			return err
		}
		if c.name, err = jsontext.AppendUnquote(c.name[:0], name); err != nil {
			return err
		}
		if err := member(); err != nil {
			return err
		}
	}
	_, err := c.json.ReadToken()
	return err
}

// open reads the first token of an object or an array.
func (c *careful) open(kind jsontext.Kind, want string) error {
	if err := c.expect(kind, want); err != nil {
		return err
	}
	_, err := c.json.ReadToken()
	return err
}

// kinds names the kinds of values for people.
var kinds = map[jsontext.Kind]string{
	jsontext.KindNull: "null", jsontext.KindTrue: "boolean", jsontext.KindFalse: "boolean", jsontext.KindString: "string",
	jsontext.KindNumber: "number", jsontext.KindBeginObject: "structure", jsontext.KindBeginArray: "list",
}

// expect fails if a value of another kind follows. What is no value at all is
// left to whoever reads it.
func (c *careful) expect(kind jsontext.Kind, want string) error {
	got := c.json.PeekKind()
	name, value := kinds[got]
	if got == kind || !value {
		return nil
	}
	return &SerializationError{Offset: c.json.InputOffset(), Reason: "a " + name + " where a " + want + " belongs"}
}

// null reads a null if one follows.
func (c *careful) null() (bool, error) {
	if c.json.PeekKind() != jsontext.KindNull {
		return false, nil
	}
	_, err := c.json.ReadToken()
	return true, err
}

func (c *careful) member() error {
	switch string(c.name) {
	case "logGroupName":
		return c.appendName(&c.req.LogGroupName)
	case "logStreamName":
		return c.appendName(&c.req.LogStreamName)
	case "logEvents":
		return c.events()
	}
	return c.json.SkipValue()
}

// appendName reads a name to the end of the scratch.
func (c *careful) appendName(name *[]byte) error {
	start := len(c.req.scratch)
	text, ok, err := c.text(c.req.scratch)
	if err != nil {
		return err
	}
	*name = nil
	if ok {
		// Names that came before may lie in the scratch as it was before it
		// grew: they stay right, since nobody writes there.
		c.req.scratch = text
		*name = text[start:len(text):len(text)]
	}
	return nil
}

// text appends a string to dst; ok is false for null.
func (c *careful) text(dst []byte) (text []byte, ok bool, err error) {
	if null, err := c.null(); null || err != nil {
		return dst, false, err
	}
	if err := c.expect(jsontext.KindString, "string"); err != nil {
		return dst, false, err
	}
	raw, err := c.json.ReadValue()
	if err != nil {
		return dst, false, err
	}
	text, err = jsontext.AppendUnquote(dst, raw)
	return text, true, err
}

func (c *careful) events() error {
	c.req.resetEvents(c.b)
	if null, err := c.null(); null || err != nil {
		return err
	}
	if err := c.open(jsontext.KindBeginArray, "list"); err != nil {
		return err
	}
	c.req.HasEvents = true
	for c.json.PeekKind() != jsontext.KindEndArray {
		if err := c.event(); err != nil {
			return err
		}
	}
	_, err := c.json.ReadToken()
	return err
}

func (c *careful) event() error {
	var e parsed
	null, err := c.null()
	if err != nil {
		return err
	}
	if null {
		e.members = isNull
		return c.req.add(c.b, e)
	}
	err = c.object(func() error {
		switch string(c.name) {
		case "message":
			text, ok, err := c.text(c.b.Free()[:0])
			e.set(hasMessage, ok)
			e.length = len(text)
			return err
		case "timestamp":
			ok, err := c.timestamp(&e.timestamp)
			e.set(hasTimestamp, ok)
			return err
		}
		return c.json.SkipValue()
	})
	if err != nil {
		return err
	}
	return c.req.add(c.b, e)
}

func (e *parsed) set(m members, ok bool) {
	e.members &^= m
	if ok {
		e.members |= m
	}
}

// timestamp reads an integer; ok is false, and the integer zero, for null.
func (c *careful) timestamp(t *int64) (ok bool, err error) {
	*t = 0
	if null, err := c.null(); null || err != nil {
		return false, err
	}
	if err := c.expect(jsontext.KindNumber, "long"); err != nil {
		return false, err
	}
	raw, err := c.json.ReadValue()
	if err != nil {
		return false, err
	}
	if *t, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
		return false, &SerializationError{Offset: c.json.InputOffset() - int64(len(raw)), Reason: "a number that is no long"}
	}
	return true, nil
}
