package ship

import (
	"bytes"
	"unicode/utf8"
)

// Limits bound one batch, below AWS's own.
type Limits struct {
	Bytes  int // as AWS counts; at most MaxBatchBytes
	Events int // at most MaxBatchEvents
}

// Lines counts what was done to lines on their way to becoming events.
type Lines struct {
	Empty    int64 `json:"empty"`    // left out: an event has at least one byte
	Split    int64 `json:"split"`    // further events made of lines over MaxMessage
	Repaired int64 `json:"repaired"` // had bytes that are not UTF-8, now U+FFFD
	Undated  int64 `json:"undated"`  // had no timestamp where one was expected
}

// Cutter makes batches of text. Write it chunks of any size; a line ends with LF
// or CR LF, and the last one of an input with EndOfInput.
type Cutter struct {
	// Limits bound each batch.
	Limits Limits
	// Stamp finds the time of a line, in ms since 1970. Nil: there is none.
	Stamp func(line []byte) (ms int64, ok bool)
	// Now is the time of a line for which there is none to find.
	Now func() int64
	// Empty gives an empty batch, Full takes a filled one. Either may wait; an
	// error ends the cutting.
	Empty func() (*Batch, error)
	Full  func(*Batch) error

	// Lines counts what was done to the lines so far.
	Lines Lines

	batch *Batch
	line  []byte // begun in an earlier chunk
	last  int64  // the time of the line before
}

// Write takes the next chunk of the input.
func (c *Cutter) Write(chunk []byte) (int, error) {
	taken := len(chunk)
	for {
		end := bytes.IndexByte(chunk, '\n')
		if end < 0 {
			return taken, c.begin(chunk)
		}
		if err := c.finish(chunk[:end]); err != nil {
			return 0, err
		}
		chunk = chunk[end+1:]
	}
}

// begin keeps the beginning of a line until its end comes, in bounded memory.
func (c *Cutter) begin(rest []byte) error {
	for len(c.line)+len(rest) > MaxMessage+1 { // one more: it may be the CR
		n := MaxMessage + 1 - len(c.line)
		c.line = append(c.line, rest[:n]...)
		rest = rest[n:]
		cut := utf8Prefix(c.line, MaxMessage)
		if err := c.event(c.line[:cut]); err != nil {
			return err
		}
		c.Lines.Split++
		c.line = append(c.line[:0], c.line[cut:]...)
	}
	c.line = append(c.line, rest...)
	return nil
}

// finish makes events of the line that ends here.
func (c *Cutter) finish(end []byte) error {
	if len(c.line) == 0 && len(end) <= MaxMessage {
		return c.whole(end) // the usual case: nothing is copied but into the batch
	}
	if err := c.begin(end); err != nil {
		return err
	}
	line := c.line
	c.line = c.line[:0]
	return c.whole(line)
}

func (c *Cutter) whole(line []byte) error {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		c.Lines.Empty++
		return nil
	}
	return c.event(line)
}

// event adds one message, which is UTF-8 afterwards and maybe longer.
func (c *Cutter) event(message []byte) error {
	timestamp := c.stamp(message)
	if !utf8.Valid(message) {
		message = bytes.ToValidUTF8(message, []byte("\uFFFD"))
		c.Lines.Repaired++
	}
	for len(message) > MaxMessage {
		cut := utf8Prefix(message, MaxMessage)
		if err := c.add(message[:cut], timestamp); err != nil {
			return err
		}
		c.Lines.Split++
		message = message[cut:]
	}
	return c.add(message, timestamp)
}

// stamp is the time of a line: its own, that of the line before, or now. The
// machine's clock may step back; a line then keeps the time of the one before.
func (c *Cutter) stamp(line []byte) int64 {
	if c.Stamp == nil {
		c.last = max(c.last, c.Now())
		return c.last
	}
	ms, ok := c.Stamp(line)
	switch {
	case ok:
		c.last = ms
	case c.last == 0:
		c.last = c.Now()
		fallthrough
	default:
		c.Lines.Undated++
	}
	return c.last
}

func (c *Cutter) add(message []byte, timestamp int64) error {
	if c.batch != nil && !c.batch.fits(len(message), timestamp, c.Limits) {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	if c.batch == nil {
		batch, err := c.Empty()
		if err != nil {
			return err
		}
		c.batch = batch
	}
	c.batch.add(message, timestamp)
	return nil
}

// EndOfInput ends the last line of an input, which may have no LF.
func (c *Cutter) EndOfInput() error {
	if len(c.line) == 0 {
		return nil
	}
	return c.finish(nil)
}

// Pending reports whether a batch is begun.
func (c *Cutter) Pending() bool { return c.batch != nil }

// Flush hands on the batch that is begun.
func (c *Cutter) Flush() error {
	if c.batch == nil {
		return nil
	}
	batch := c.batch
	c.batch = nil
	return c.Full(batch)
}

// utf8Prefix is the length of the longest prefix of at most n bytes that ends
// between two characters; n where the bytes there are no UTF-8.
func utf8Prefix(text []byte, n int) int {
	if len(text) <= n {
		return len(text)
	}
	for back := range utf8.UTFMax {
		if utf8.RuneStart(text[n-back]) {
			return n - back
		}
	}
	return n
}
