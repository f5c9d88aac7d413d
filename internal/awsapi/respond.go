package awsapi

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// These two go out in AWS's own spelling, past net/http's canonical form:
// clients exist that look for the bytes.
const (
	requestIDHeader = "x-amzn-RequestId"
	errorTypeHeader = "x-amzn-ErrorType"
	// queryErrorHeader tells a client that asks for it the code which the query
	// protocol would have given.
	queryErrorHeader = "x-amzn-query-error"
)

const (
	contentTypeJSON11 = "application/x-amz-json-1.1"
	contentTypeJSON10 = "application/x-amz-json-1.0"
)

// writeAnswer sends a whole answer, e == nil meaning success, and returns its
// status.
func (d dialect) writeAnswer(w http.ResponseWriter, r *http.Request, id string, e *Error, body []byte) int {
	h := w.Header()
	h[requestIDHeader] = []string{id}
	if _, set := h["Content-Type"]; !set && (d.protocol != protocolCBOR || len(body) > 0) {
		h["Content-Type"] = []string{d.protocol.contentType(r)}
	}
	if d.protocol == protocolCBOR {
		h[smithyProtocolHeader] = []string{smithyCBOR}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	status := http.StatusOK
	if e != nil {
		status = e.status()
		h[errorTypeHeader] = []string{e.Code}
		if d.model != nil && r.Header.Get("X-Amzn-Query-Mode") == "true" {
			h[queryErrorHeader] = []string{d.model.queryCode(e.Code) + ";" + faultOf(e)}
		}
	}
	if status == http.StatusMethodNotAllowed {
		h["Allow"] = []string{http.MethodPost}
	}
	w.WriteHeader(status)
	w.Write(body) // a client that left has nobody to tell
	return status
}

// answerContentType answers in the request's version of AWS JSON.
func answerContentType(r *http.Request) string {
	if strings.HasPrefix(r.Header.Get("Content-Type"), contentTypeJSON10) {
		return contentTypeJSON10
	}
	return contentTypeJSON11
}

// dialect is how an answer is worded: the request's protocol, and the service's
// model where it is known and speaks several.
type dialect struct {
	protocol protocol
	model    *ServiceModel
}

func (d dialect) appendError(dst []byte, id string, e *Error) []byte {
	switch d.protocol {
	case protocolQuery:
		return appendErrorXML(dst, d.model, id, e)
	case protocolCBOR, protocolCBOR11:
		return appendErrorCBOR(dst, d.model, e)
	}
	return appendErrorJSON(dst, d.model, e)
}

// appendErrorJSON writes the code first; bare, where clients compare it as it
// stands.
func appendErrorJSON(dst []byte, m *ServiceModel, e *Error) []byte {
	dst = append(dst, `{"__type":`...)
	dst, _ = jsontext.AppendQuote(dst, m.errorType(e.Code)) // its only error is invalid UTF-8, which it replaces
	if e.Message == "" && m != nil {
		return append(dst, '}')
	}
	dst = append(dst, `,"message":`...)
	dst, _ = jsontext.AppendQuote(dst, e.Message)
	return append(dst, '}')
}

func copyHeader(dst, src http.Header) {
	for name, values := range src {
		dst[name] = values
	}
}

// newRequestID is a random (version 4) UUID. It names a request in logs and
// guards nothing, so the runtime's generator is good enough and takes no lock.
func newRequestID() string {
	var raw [16]byte
	for i := 0; i < 16; i += 8 {
		n := rand.Uint64()
		for j := range 8 {
			raw[i+j] = byte(n >> (8 * j))
		}
	}
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], raw[0:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:36], raw[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
