package awsapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// trusted is how much room a body gets before its sender has sent anything: a
// Content-Length costs nothing to write, so the rest is taken from the budget
// only when this much has arrived.
const trusted = 64 << 10

// receive reads the body, verifies the signature over its bytes as sent, and
// inflates it.
func (x *exchange) receive(sig authorization) error {
	if x.r.ContentLength > int64(x.server.cfg.MaxWireBytes) {
		return tooLarge("sent", x.server.cfg.MaxWireBytes)
	}
	inflate, err := x.inflater()
	if err != nil {
		return err
	}
	check := x.beginCheck(sig)
	defer check.end()
	if err := x.readBody(check); err != nil {
		return err
	}
	if err := check.verify(x.r); err != nil {
		return err
	}
	if check != nil {
		x.request.verified = verified{sig.signature, check.bodyHash}
	}
	x.request.Body, x.request.arena = x.wire.b, x.wire.around()
	if inflate != nil {
		if err := inflate(); err != nil {
			return err
		}
		x.request.Body, x.request.arena = x.inflated.b, x.inflated.around()
	}
	x.sent.BodyBytes = len(x.request.Body)
	return nil
}

// readBody reads into x.wire and hashes on the way, while the bytes are in the
// processor's cache.
func (x *exchange) readBody(check *check) error {
	x.control.SetReadDeadline(time.Now().Add(x.server.cfg.BodyTimeout))
	expected := int(x.r.ContentLength) // -1: chunked
	first := trusted
	if expected >= 0 {
		first = min(expected, trusted)
	}
	body := &wireBody{check: check}
	body.begin(x.r)
	defer body.end()
	err := x.fill(&x.wire, body, first, expected, x.server.cfg.MaxWireBytes)
	if x.wire != nil {
		x.request.WireBytes = len(x.wire.b)
		x.sent.WireBytes = len(x.wire.b)
	}
	var refused *Error
	switch {
	case err == nil:
		// Otherwise the deadline would end a long-running handler's context.
		x.control.SetReadDeadline(time.Time{})
		return nil
	case err == errOverLimit:
		return tooLarge("sent", x.server.cfg.MaxWireBytes)
	case errors.As(err, &refused):
		return err
	}
	return readError(err)
}

// wireBody hashes what it reads.
type wireBody struct {
	lowWaterBody
	check *check
}

func (b *wireBody) Read(p []byte) (int, error) {
	n, err := b.lowWaterBody.Read(p)
	b.check.write(p[:n])
	return n, err
}

var errOverLimit = errors.New("more bytes than the limit")

// fill reads source to its end, into a buffer that starts with room for first
// bytes and grows to expected or by doubling, each time paid out of the budget.
// It stops with errOverLimit at the first byte over the limit.
func (x *exchange) fill(into **buffer, source io.Reader, first, expected, limit int) error {
	if err := x.grow(into, min(first, limit)); err != nil {
		return err
	}
	for {
		p := *into
		room := p.b[len(p.b):min(cap(p.b), limit)]
		switch {
		case len(p.b) == limit:
			room = make([]byte, 1) // is there more?
		case len(room) == 0:
			if err := x.grow(into, min(max(expected, 2*cap(p.b)), limit)); err != nil {
				return err
			}
			continue
		}
		n, err := source.Read(room)
		if len(p.b)+n > limit {
			return errOverLimit
		}
		p.b = p.b[:len(p.b)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow exchanges *into for a buffer with room for n bytes, or refuses when the
// budget does not pay for it.
func (x *exchange) grow(into **buffer, n int) error {
	more := pooledSize(n)
	if *into != nil {
		more -= cap((*into).b)
	}
	if !x.server.cfg.Budget.TryAcquire(more) {
		return tooManyBytes()
	}
	x.held += more
	bigger := takeBuffer(n)
	if *into != nil {
		bigger.b = append(bigger.b, (*into).b...)
		(*into).free()
	}
	*into = bigger
	return nil
}

func tooManyBytes() error {
	return ServiceUnavailable("Too many bytes are being received at the moment. Please try again.")
}

func tooLarge(how string, limit int) *Error {
	e := newError(CodeRequestEntityTooLarge, "The request body is larger than %d bytes %s.", []any{limit, how})
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

func readError(err error) *Error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{CodeRequestTimeout, "The request body did not arrive in time.", http.StatusRequestTimeout}
	}
	return &Error{CodeRequestTimeout, "The request body ended early.", http.StatusBadRequest}
}
