package faultproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sluice/internal/clock"
)

// Request is what a script sees of a request.
type Request struct {
	N      int // from 0, in order of arrival
	Method string
	Path   string
	Query  url.Values
	Header http.Header
}

// Script says what is to go wrong with a request; the zero Fault is nothing. It
// is called by several requests at once.
type Script func(Request) Fault

// HTTP is a proxy that knows requests.
type HTTP struct {
	upstream  *url.URL
	server    *http.Server
	transport *http.Transport
	done      chan struct{}

	mu     sync.Mutex
	script Script
	seen   []Request
}

// ListenHTTP starts a proxy before the server at upstream, http://HOST:PORT.
func ListenHTTP(upstream string) (*HTTP, error) {
	u, err := url.Parse(upstream)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", upstream, err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", upstream, err)
	}
	p := &HTTP{upstream: u, transport: &http.Transport{DisableCompression: true}, done: make(chan struct{})}
	p.server = &http.Server{Addr: l.Addr().String(), Handler: p}
	go func() {
		defer close(p.done)
		p.server.Serve(l) // ends with Close
	}()
	return p, nil
}

// URL is where clients find the proxy.
func (p *HTTP) URL() string { return "http://" + p.server.Addr }

// Close ends the proxy and every connection.
func (p *HTTP) Close() {
	p.server.Close()
	<-p.done
	p.transport.CloseIdleConnections()
}

// Play sets the script for the requests to come; nil lets all pass.
func (p *HTTP) Play(s Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// Seen is what came so far.
func (p *HTTP) Seen() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// Forget starts Seen and N over.
func (p *HTTP) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = nil
}

// ServeHTTP implements http.Handler.
func (p *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.note(r)
	switch {
	case fault.delay > 0:
		if (clock.Machine{}).Sleep(r.Context(), fault.delay) != nil {
			return // the client left
		}
	case fault.before:
		fault.play(w, r)
		return
	}
	answer, err := p.forward(r)
	if err != nil {
		reset(w) // as if the proxy were not there
		return
	}
	defer answer.Body.Close()
	if fault.after != nil {
		fault.after(w, r, answer)
		return
	}
	relay(w, answer)
}

func (p *HTTP) note(r *http.Request) Fault {
	p.mu.Lock()
	seen := Request{N: len(p.seen), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone()}
	p.seen = append(p.seen, seen)
	script := p.script
	p.mu.Unlock()
	if script == nil {
		return Fault{}
	}
	return script(seen)
}

// forward asks the upstream, and goes on when the client leaves: a server does
// not notice either.
func (p *HTTP) forward(r *http.Request) (*http.Response, error) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.RequestURI = ""
	out.Header.Del("Expect") // the body is coming already
	if r.ContentLength == 0 {
		out.Body = nil
	}
	return p.transport.RoundTrip(out)
}

func relay(w http.ResponseWriter, answer *http.Response) {
	copyHeader(w, answer)
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body) // a client that left has no use for the rest
}

func copyHeader(w http.ResponseWriter, answer *http.Response) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if answer.ContentLength >= 0 && w.Header().Get("Content-Length") == "" {
		w.Header().Set("Content-Length", strconv.FormatInt(answer.ContentLength, 10))
	}
}

// reset breaks the client's connection.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // closes it in the server's own way
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// Fault is something that goes wrong with one request.
type Fault struct {
	name   string
	delay  time.Duration
	before bool // play runs instead of the upstream
	play   func(http.ResponseWriter, *http.Request)
	after  func(http.ResponseWriter, *http.Request, *http.Response)
}

// String names the fault.
func (f Fault) String() string {
	if f.name == "" {
		return "none"
	}
	return f.name
}

// ResetBefore breaks the connection; the upstream hears nothing.
func ResetBefore() Fault {
	return Fault{name: "reset before", before: true, play: func(w http.ResponseWriter, _ *http.Request) { reset(w) }}
}

// ResetAfter breaks the connection after the upstream did what it was asked.
func ResetAfter() Fault {
	return Fault{name: "reset after", after: func(w http.ResponseWriter, _ *http.Request, answer *http.Response) {
		io.Copy(io.Discard, answer.Body) // it is done only when it said so
		reset(w)
	}}
}

// StallBefore lets the client wait until it gives up; the upstream hears nothing.
func StallBefore() Fault {
	return Fault{name: "stall before", before: true, play: func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then the server notices that a client leaves
		<-r.Context().Done()
	}}
}

// StallAfter is StallBefore after the upstream did what it was asked; done is
// called then.
func StallAfter(done ...func()) Fault {
	return Fault{name: "stall after", after: func(_ http.ResponseWriter, r *http.Request, answer *http.Response) {
		io.Copy(io.Discard, answer.Body)
		for _, f := range done {
			f()
		}
		<-r.Context().Done()
	}}
}

// Delay forwards after d.
func Delay(d time.Duration) Fault { return Fault{name: "delay " + d.String(), delay: d} }

// Status answers with a status and an S3 error document; the upstream hears
// nothing.
func Status(status int, code string) Fault {
	return Fault{name: fmt.Sprintf("%d %s", status, code), before: true, play: func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		writeError(w, r, status, code)
	}}
}

// StatusAfter is Status after the upstream did what it was asked.
func StatusAfter(status int, code string) Fault {
	return Fault{name: fmt.Sprintf("%d %s after", status, code), after: func(w http.ResponseWriter, r *http.Request, answer *http.Response) {
		io.Copy(io.Discard, answer.Body)
		writeError(w, r, status, code)
	}}
}

func writeError(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead && status != http.StatusNotModified {
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>injected</Message><RequestId>0</RequestId></Error>", code)
	}
}

// Empty answers 200 with nothing in it, as something that is no S3 does.
func Empty() Fault {
	return Fault{name: "empty 200", before: true, play: func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
	}}
}

// Truncate forwards the answer's head and n bytes of its body, and breaks the
// connection. An answer without a body is announced with one.
func Truncate(n int64) Fault {
	return Fault{name: fmt.Sprintf("truncated at %d", n), after: func(w http.ResponseWriter, _ *http.Request, answer *http.Response) {
		copyHeader(w, answer)
		if answer.ContentLength <= n {
			w.Header().Set("Content-Length", strconv.FormatInt(n+100, 10))
		}
		w.WriteHeader(answer.StatusCode)
		sent, _ := io.Copy(w, io.LimitReader(answer.Body, n))
		if answer.ContentLength <= n {
			io.WriteString(w, strings.Repeat(" ", int(n-sent)))
		}
		http.NewResponseController(w).Flush()
		reset(w)
	}}
}

// Trickle forwards the answer's body a byte each d.
func Trickle(d time.Duration) Fault {
	return Fault{name: "trickle", after: func(w http.ResponseWriter, r *http.Request, answer *http.Response) {
		copyHeader(w, answer)
		w.WriteHeader(answer.StatusCode)
		var b [1]byte
		for {
			if _, err := io.ReadFull(answer.Body, b[:]); err != nil {
				return
			}
			if _, err := w.Write(b[:]); err != nil {
				return
			}
			http.NewResponseController(w).Flush()
			if (clock.Machine{}).Sleep(r.Context(), d) != nil {
				return
			}
		}
	}}
}

// StallBody forwards n bytes of the answer's body and then nothing, until the
// client gives up.
func StallBody(n int64) Fault {
	return Fault{name: fmt.Sprintf("stalled at %d", n), after: func(w http.ResponseWriter, r *http.Request, answer *http.Response) {
		copyHeader(w, answer)
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, io.LimitReader(answer.Body, n))
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}}
}

// Once plays a fault on the first request that matches.
func Once(matches func(Request) bool, f Fault) Script {
	var once sync.Once
	return func(r Request) (play Fault) {
		if matches(r) {
			once.Do(func() { play = f })
		}
		return play
	}
}

// Always plays a fault on every request that matches.
func Always(matches func(Request) bool, f Fault) Script {
	return func(r Request) (play Fault) {
		if matches(r) {
			play = f
		}
		return play
	}
}
