package awsapi

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Endpoint is a path with a meaning of its own beside AWS's POST /, such as
// /v1/logs. Around it the Server does what it does around an Operation, and
// differs in what clients of plain HTTP expect:
//
//   - a bearer token is as good as a signature;
//   - who is not known gets 401, and who comes too often 429, where AWS's JSON
//     protocols answer 400; 429 and 503 carry Retry-After;
//   - the answer is application/json unless Serve says otherwise.
type Endpoint struct {
	Path    string // "/v1/logs"
	Name    string // what metrics and logs call it: "OTLPLogs"
	Service string // of the credential scope
	// MediaTypes are the Content-Types that are taken, the first one also for a
	// request without one.
	MediaTypes []string
	// Serve is a Raw handler.
	Serve func(ctx context.Context, r *Request, w *Reply) error
	// Refuse words an error in a protocol of its own; contentType is the
	// answer's. Nil words it as AWS JSON does.
	Refuse func(dst []byte, r *Request, e *Error, status int) (body []byte, contentType string)
}

func (s *Server) addEndpoints(cfg Config) error {
	s.endpoints = make(map[string]*Endpoint, len(cfg.Endpoints))
	for _, e := range cfg.Endpoints {
		if e.Path == "" || e.Path == "/" || e.Name == "" || e.Service == "" || len(e.MediaTypes) == 0 || e.Serve == nil {
			return fmt.Errorf("add endpoint %q: path, name, service, media types and handler are needed", e.Path)
		}
		if s.endpoints[e.Path] != nil {
			return fmt.Errorf("add endpoint %q: given twice", e.Path)
		}
		s.endpoints[e.Path] = &e
	}
	var err error
	s.tokens, err = newTokens(cfg.BearerTokens)
	return err
}

// runEndpoint is run for a path of its own.
func (x *exchange) runEndpoint() error {
	e := x.endpoint
	x.op = Operation{Service: e.Service, Target: e.Name, serve: e.Serve}
	x.request.Query = x.r.URL.RawQuery
	if err := x.checkEndpoint(); err != nil {
		return err
	}
	sig, err := x.identifyForEndpoint()
	if err != nil {
		return err
	}
	if err := x.takePlace(); err != nil {
		return err
	}
	if err := x.receive(sig); err != nil {
		return err
	}
	x.reply.Body = takeReplyBuffer()
	return x.handle()
}

func (x *exchange) checkEndpoint() error {
	e := x.endpoint
	if x.r.Method != http.MethodPost {
		return &Error{CodeUnknownOperation, fmt.Sprintf("%s is not a method of %s: use POST.", x.r.Method, e.Path), http.StatusMethodNotAllowed}
	}
	sent := x.r.Header.Get("Content-Type")
	if sent == "" {
		x.request.MediaType = e.MediaTypes[0]
		return nil
	}
	kind, _, err := mime.ParseMediaType(sent)
	if i := slices.Index(e.MediaTypes, kind); err == nil && i >= 0 {
		x.request.MediaType = e.MediaTypes[i]
		return nil
	}
	return &Error{CodeUnsupportedMediaType, fmt.Sprintf("The Content-Type %q is not supported by %s: use %s.", sent, e.Path, strings.Join(e.MediaTypes, " or ")), http.StatusUnsupportedMediaType}
}

func (x *exchange) identifyForEndpoint() (authorization, error) {
	if token, ok := bearerToken(x.r); ok {
		return authorization{}, x.identifyBearer(token)
	}
	sig, err := x.identify()
	if err == nil && x.server.verifier != nil && sig.service != x.endpoint.Service {
		err = &Error{Code: CodeInvalidSignature, Message: "Credential should be scoped to correct service: '" + x.endpoint.Service + "'."}
	}
	return sig, err
}

// retryAfter is how many seconds a client should leave between two attempts.
const retryAfter = 1

// answerEndpoint is answer for a path of its own.
func (x *exchange) answerEndpoint(err error) {
	h := x.w.Header()
	body := x.reply.Body
	status := http.StatusOK
	contentType := "application/json"
	if err != nil {
		e := x.asAnswer(err)
		status = plainStatus(e)
		x.sent.Code = e.Code
		x.boundUnread(e)
		if x.endpoint.Refuse == nil {
			body = appendErrorJSON(body[:0], nil, e)
		} else {
			body, contentType = x.endpoint.Refuse(body[:0], &x.request, e, status)
		}
		h[errorTypeHeader] = []string{e.Code}
	} else {
		copyHeader(h, x.reply.header)
	}
	switch status {
	case http.StatusUnauthorized:
		h["Www-Authenticate"] = []string{"Bearer"}
	case http.StatusMethodNotAllowed:
		h["Allow"] = []string{http.MethodPost}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h["Retry-After"] = []string{strconv.Itoa(retryAfter)}
	}
	if _, set := h["Content-Type"]; !set {
		h["Content-Type"] = []string{contentType}
	}
	h[requestIDHeader] = []string{x.request.ID}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that left has nobody to tell
	x.sent.Status = status
	x.sent.SentBytes = int64(len(body))
	x.reply.Body = body
}

// plainStatus is what plain HTTP calls an error: AWS's JSON protocols answer 400
// to nearly all of them, and clients of plain HTTP give up on a 400.
func plainStatus(e *Error) int {
	switch e.Code {
	case CodeMissingAuthenticationToken, CodeUnrecognizedClient, CodeInvalidSignature, CodeIncompleteSignature, CodeExpiredToken:
		return http.StatusUnauthorized
	case CodeThrottling:
		return http.StatusTooManyRequests
	}
	return e.status()
}
