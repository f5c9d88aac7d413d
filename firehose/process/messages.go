package process

import (
	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/jsonscan"
)

// Messages takes the messages out of the document that CloudWatch Logs sends:
// what the processor CloudWatchLogProcessing does. Its buffers are used again.
type Messages struct {
	// Text is the messages, each followed by a line feed.
	Text []byte
	// Ends are where each message ends in Text, before its line feed.
	Ends []int
	// Control tells that it was a CONTROL_MESSAGE, which has no messages.
	Control bool
	kind    []byte
}

// Read takes the messages of a document, or of several one after the other. The
// error is a *Failure; Text is of no use then.
//
// hot: BenchmarkMessages
func (m *Messages) Read(documents []byte) error {
	m.Text, m.Ends, m.Control = m.Text[:0], m.Ends[:0], false
	c := jsonscan.Cursor{Text: documents}
	n := 0
	for c.Space(); c.At < len(documents); c.Space() {
		if !m.document(&c) {
			return errNoEnvelope
		}
		n++
	}
	if n == 0 {
		return errNoEnvelope
	}
	return nil
}

var errNoEnvelope = failure(ProcessingFailed, CodeMessages, "The record is not a message of CloudWatch Logs.")

// Message is the i-th message.
func (m *Messages) Message(i int) []byte {
	from := 0
	if i > 0 {
		from = m.Ends[i-1] + 1
	}
	return m.Text[from:m.Ends[i]:m.Ends[i]]
}

func (m *Messages) document(c *jsonscan.Cursor) bool {
	if c.Next() != '{' || !c.Enter() {
		return false
	}
	texts, ends, events := len(m.Text), len(m.Ends), false
	m.kind = m.kind[:0]
	for more := c.Open('}'); more; more = c.More('}') {
		switch key := memberName(c); {
		case key == nil:
			return false
		case string(key) == `"messageType"`:
			from := c.At
			if !c.SkipString() {
				return false
			}
			m.kind = append(m.kind, c.Text[from:c.At]...)
		case string(key) == `"logEvents"`:
			m.Text, m.Ends, events = m.Text[:texts], m.Ends[:ends], true
			if !m.events(c) {
				return false
			}
		default:
			if !c.SkipValue() {
				return false
			}
		}
	}
	switch string(m.kind) {
	case `"DATA_MESSAGE"`:
		return c.Leave('}') && events
	case `"CONTROL_MESSAGE"`:
		m.Text, m.Ends, m.Control = m.Text[:texts], m.Ends[:ends], true
		return c.Leave('}')
	}
	return false
}

// memberName passes a name and its colon; nil for a syntax error.
func memberName(c *jsonscan.Cursor) []byte {
	from := c.At
	if !c.SkipString() {
		return nil
	}
	key := c.Text[from:c.At]
	if !c.Colon() {
		return nil
	}
	return key
}

func (m *Messages) events(c *jsonscan.Cursor) bool {
	if c.Next() != '[' || !c.Enter() {
		return false
	}
	for more := c.Open(']'); more; more = c.More(']') {
		if c.Next() != '{' || !c.Enter() || !m.event(c) {
			return false
		}
	}
	return c.Leave(']')
}

// event takes the message of the event just entered.
func (m *Messages) event(c *jsonscan.Cursor) bool {
	found := false
	for more := c.Open('}'); more; more = c.More('}') {
		key := memberName(c)
		if key == nil {
			return false
		}
		from := c.At
		if !c.SkipValue() {
			return false
		}
		if string(key) == `"message"` && c.Text[from] == '"' && !found {
			found = true
			m.Text, _ = jsontext.AppendUnquote(m.Text, c.Text[from:c.At]) // U+FFFD for what is no text
		}
	}
	if found {
		m.Ends = append(m.Ends, len(m.Text))
		m.Text = append(m.Text, '\n')
	}
	return found && c.Leave('}')
}
