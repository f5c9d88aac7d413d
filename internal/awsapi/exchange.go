package awsapi

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// exchange is one request while it is being served. It belongs to the
// connection's goroutine and ends with it.
type exchange struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	started time.Time

	target   string    // of the operation, where it stands outside the body
	op       Operation // its zero value until found
	endpoint *Endpoint // nil for requests to POST /
	byToken  bool      // a bearer token came instead of a signature
	dialect  dialect
	request  Request
	reply    Reply
	sent     Exchange // what the Observer is told

	wire, inflated *buffer // pooled bodies
	held           int     // bytes of the budget
	placed         bool    // among the concurrent requests
}

// run does everything up to the answer, in the package comment's order.
func (x *exchange) run() error {
	if x.endpoint = x.server.endpoints[x.r.URL.Path]; x.endpoint != nil {
		return x.runEndpoint()
	}
	var err error
	if x.dialect.protocol, x.target, err = route(x.r); err != nil {
		return err
	}
	x.request.protocol = x.dialect.protocol
	sig, err := x.identify()
	x.dialect.model = x.server.modelOf(x.target, sig.service)
	if err != nil {
		return err
	}
	inBody := x.dialect.protocol == protocolQuery
	if !inBody {
		if err := x.findOperation(sig.service); err != nil {
			return err
		}
	}
	if err := x.takePlace(); err != nil {
		return err
	}
	if err := x.receive(sig); err != nil {
		return err
	}
	if inBody {
		if err := x.findAction(sig.service); err != nil {
			return err
		}
	}
	x.reply.Body = takeReplyBuffer()
	return x.handle()
}

// findOperation looks the target up in the service that the client signed for,
// or by the target alone when it did not sign.
func (x *exchange) findOperation(service string) error {
	target := x.target
	if target == "" {
		return &Error{Code: CodeUnknownOperation, Message: "The header X-Amz-Target, which names the operation, is missing."}
	}
	op, ok := x.server.ops[target]
	ok = ok && op.model.speaks(x.dialect.protocol)
	if !ok || service != "" && service != op.Service {
		text := "The operation " + target + " is not supported here"
		if service != "" {
			text += " for the service " + service
		}
		return &Error{Code: CodeUnknownOperation, Message: text + "."}
	}
	x.op = op
	return nil
}

// findAction looks up the operation that a form names. A service of the query
// protocol is told by its version, for those that did not sign.
func (x *exchange) findAction(service string) error {
	action, version := actionOf(x.request.Body)
	if action == "" {
		return &Error{Code: "MissingAction", Message: "The request is missing an action or a required parameter."}
	}
	op, ok := x.server.actions[queryAction{version, action}]
	if !ok || service != "" && service != op.Service {
		return &Error{Code: CodeUnknownOperation, Message: "Could not find operation " + action + " for version " + version}
	}
	x.op, x.dialect.model = op, op.model
	return nil
}

func (x *exchange) takePlace() error {
	select {
	case x.server.places <- struct{}{}:
		x.placed = true
		return nil
	default:
		return ServiceUnavailable("Too many requests are being served at the moment. Please try again.")
	}
}

// handle calls the operation and turns a panic into InternalFailure: one
// request's bug must not end everybody's process.
func (x *exchange) handle() (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		x.server.cfg.Log.Error("operation panicked", "operation", x.op.Target, "request", x.request.ID,
			"panic", p, "stack", string(debug.Stack()))
		err = ErrInternalFailure
	}()
	if err := x.authorize(); err != nil {
		return err
	}
	return x.op.serve(x.r.Context(), &x.request, &x.reply)
}

// asAnswer is what a client is told of an error. An error that is no *Error is
// a bug or a failing disk: logged here, not explained to the client. So is what a
// room wraps in a fault of the server's own.
func (x *exchange) asAnswer(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		if e.status() >= http.StatusInternalServerError && err != error(e) && !errors.Is(err, context.Canceled) {
			x.server.tellFault(x, err)
		}
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrServiceUnavailable
	}
	x.server.cfg.Log.Error("operation failed", "operation", x.op.Target, "request", x.request.ID, "error", err)
	return ErrInternalFailure
}

// tellFault logs why a client is told to come again, once a second: while a disk
// takes nothing, all of them are.
func (s *Server) tellFault(x *exchange, err error) {
	second := time.Now().Unix()
	if s.told.Swap(second) != second {
		s.cfg.Log.Error("operation is not available", "operation", x.op.Target, "request", x.request.ID, "error", err)
	}
}

// answer sends the reply, or the error.
func (x *exchange) answer(err error) {
	if x.reply.stream != nil {
		x.endStream(err)
		return
	}
	x.control.SetWriteDeadline(time.Now().Add(x.server.cfg.WriteTimeout))
	if x.endpoint != nil {
		x.answerEndpoint(err)
		return
	}
	var e *Error
	body := x.reply.Body
	if err != nil {
		e = x.asAnswer(err)
		body = x.dialect.appendError(body[:0], x.request.ID, e)
		x.sent.Code = e.Code
		x.boundUnread(e)
	} else {
		copyHeader(x.w.Header(), x.reply.header)
	}
	x.sent.Status = x.dialect.writeAnswer(x.w, x.r, x.request.ID, e, body)
	x.sent.SentBytes = int64(len(body))
	x.reply.Body = body
}

// boundUnread: net/http reads a small unread body before it sends the answer,
// to keep the connection. Not for ever, and not again after a timeout.
func (x *exchange) boundUnread(e *Error) {
	patience := refusedBodyTimeout
	if e.Code == CodeRequestTimeout {
		patience = 0
		x.w.Header()["Connection"] = []string{"close"}
	}
	x.control.SetReadDeadline(time.Now().Add(patience))
}

const refusedBodyTimeout = 5 * time.Second

func (x *exchange) openStream() *Stream {
	x.release()
	h := x.w.Header()
	copyHeader(h, x.reply.header)
	h[requestIDHeader] = []string{x.request.ID}
	x.control.SetWriteDeadline(time.Now().Add(x.server.cfg.WriteTimeout))
	x.w.WriteHeader(http.StatusOK)
	x.sent.Status = http.StatusOK
	return &Stream{w: x.w, control: x.control, timeout: x.server.cfg.WriteTimeout}
}

func (x *exchange) endStream(err error) {
	x.sent.SentBytes = x.reply.stream.written
	if err == nil {
		return
	}
	x.sent.Code = x.asAnswer(err).Code
	panic(http.ErrAbortHandler) // net/http's way to break a begun answer off
}

// release gives back what the request holds; r.Body is invalid afterwards.
func (x *exchange) release() {
	x.request.Body, x.request.arena = nil, nil
	x.wire.free()
	x.inflated.free()
	x.wire, x.inflated = nil, nil
	x.server.cfg.Budget.Release(x.held)
	x.held = 0
	if x.placed {
		<-x.server.places
		x.placed = false
	}
}

func (x *exchange) end() {
	x.release()
	freeReplyBuffer(x.reply.Body)
	x.reply.Body = nil
	if x.server.cfg.Observer == nil {
		return
	}
	x.sent.Service, x.sent.Operation = "unknown", "unknown"
	if x.op.Target != "" {
		x.sent.Service = x.op.Service
		x.sent.Operation = x.op.Target[strings.LastIndexByte(x.op.Target, '.')+1:]
	}
	x.sent.Elapsed = time.Since(x.started)
	x.server.cfg.Observer.Served(x.sent)
}
