package awsapi

import (
	"fmt"
	"net/http"
	"strings"
)

// protocol is how a request is written, and therefore its answer. All are POST:
//
//	AWS JSON     /                              X-Amz-Target: <shape>.<operation>
//	rpc-v2-cbor  /service/<shape>/operation/<operation>   smithy-protocol: rpc-v2-cbor
//	CBOR 1.1     /                              X-Amz-Target, in the types of AWS JSON
//	query        /                              a form with Action and Version, answered in XML
type protocol uint8

const (
	protocolJSON protocol = iota
	protocolCBOR
	protocolQuery
	protocolCBOR11
)

const (
	contentTypeCBOR   = "application/cbor"
	contentTypeCBOR11 = "application/x-amz-cbor-1.1"
	contentTypeForm   = "application/x-www-form-urlencoded"
	contentTypeXML    = "text/xml"

	smithyProtocolHeader = "Smithy-Protocol"
	smithyCBOR           = "rpc-v2-cbor"
)

// route tells the protocol, and the operation's target where it stands outside
// the body.
func route(r *http.Request) (p protocol, target string, err error) {
	path := r.URL.Path
	if shape, operation, ok := cutSmithyPath(path); ok {
		p, target = protocolCBOR, shape+"."+operation
		if spoken := r.Header.Get(smithyProtocolHeader); spoken != smithyCBOR {
			return p, "", &Error{CodeUnknownOperation, fmt.Sprintf("The smithy-protocol %q is not supported: use %s.", spoken, smithyCBOR), http.StatusNotFound}
		}
	} else if path != "/" {
		return p, "", &Error{CodeUnknownOperation, fmt.Sprintf("There is nothing at %q: AWS requests are POST / with X-Amz-Target.", path), http.StatusNotFound}
	} else if target = r.Header.Get("X-Amz-Target"); target == "" && isForm(r.Header.Get("Content-Type")) {
		p = protocolQuery
	} else if target != "" && isMediaType(r.Header.Get("Content-Type"), contentTypeCBOR11) {
		p = protocolCBOR11
	}
	if r.Method != http.MethodPost {
		return p, "", &Error{CodeUnknownOperation, fmt.Sprintf("%s is not a method of this endpoint: AWS requests are POST / with X-Amz-Target.", r.Method), http.StatusMethodNotAllowed}
	}
	return p, target, nil
}

// cutSmithyPath takes /service/<shape>/operation/<operation> apart.
func cutSmithyPath(path string) (shape, operation string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/service/")
	if !ok {
		return "", "", false
	}
	shape, operation, ok = strings.Cut(rest, "/operation/")
	return shape, operation, ok && shape != "" && operation != "" && !strings.Contains(operation, "/")
}

func isForm(contentType string) bool { return isMediaType(contentType, contentTypeForm) }

func isMediaType(contentType, wanted string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), wanted)
}

// contentType is that of an answer.
func (p protocol) contentType(r *http.Request) string {
	switch p {
	case protocolCBOR:
		return contentTypeCBOR
	case protocolCBOR11:
		return contentTypeCBOR11
	case protocolQuery:
		return contentTypeXML
	}
	return answerContentType(r)
}
