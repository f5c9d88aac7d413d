package awsapi

import (
	"io"
	"net/http"
	"time"
)

// Reply is the answer under construction.
type Reply struct {
	// Body is what the handler appends its answer to. It is sent, with its
	// length, after the handler returned nil. The buffer is pooled.
	Body []byte

	header http.Header
	stream *Stream
	open   func() *Stream // set by the server: sends the head of a stream
}

// Header is the answer's header, for operations that add to it.
func (w *Reply) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// Stream sends a 200 and its header at once and hands out the body to write
// to: for answers without an end, such as StartLiveTail's. It gives back what
// the request holds (its body, its place among the concurrent requests), so
// r.Body is invalid from here on. An error returned by the handler afterwards
// breaks the connection off.
func (w *Reply) Stream(contentType string) *Stream {
	if w.stream == nil {
		w.Header().Set("Content-Type", contentType)
		if w.open == nil { // Operation.Serve without a server
			w.stream = &Stream{w: io.Discard}
		} else {
			w.stream = w.open()
		}
	}
	return w.stream
}

// Stream is the body of an endless answer. It belongs to one goroutine.
type Stream struct {
	w       io.Writer
	control *http.ResponseController // nil without a server
	timeout time.Duration            // for each Write and Flush
	written int64
}

// Write queues bytes for the client; a client that takes nothing for the write
// timeout is an error.
func (s *Stream) Write(b []byte) (int, error) {
	s.extend()
	n, err := s.w.Write(b)
	s.written += int64(n)
	return n, err
}

// Flush sends what was written.
func (s *Stream) Flush() error {
	if s.control == nil {
		return nil
	}
	s.extend()
	return s.control.Flush()
}

func (s *Stream) extend() {
	if s.control != nil && s.timeout > 0 {
		s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	}
}
