package otlp

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protowire"
)

// AppendResponse appends an ExportLogsServiceResponse with a partial success. A
// full success is no bytes at all.
func AppendResponse(dst []byte, rejected int64, reason []byte) []byte {
	var partial []byte
	if rejected != 0 {
		partial = protowire.AppendTag(partial, 1, protowire.VarintType)
		partial = protowire.AppendVarint(partial, uint64(rejected))
	}
	if len(reason) > 0 {
		partial = protowire.AppendTag(partial, 2, protowire.BytesType)
		partial = protowire.AppendBytes(partial, reason)
	}
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	return protowire.AppendBytes(dst, partial)
}

// AppendStatus appends a google.rpc.Status, which is what an OTLP client reads of
// a refusal.
func AppendStatus(dst []byte, httpStatus int, text string) []byte {
	dst = protowire.AppendTag(dst, 1, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(rpcCode(httpStatus)))
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	return protowire.AppendString(dst, text)
}

// AppendStatusJSON is AppendStatus in JSON.
func AppendStatusJSON(dst []byte, httpStatus int, text string) []byte {
	dst = strconv.AppendInt(append(dst, `{"code":`...), int64(rpcCode(httpStatus)), 10)
	dst, _ = jsontext.AppendQuote(append(dst, `,"message":`...), text) // its only error is invalid UTF-8, which it replaces
	return append(dst, '}')
}

// rpcCode is what gRPC calls an HTTP status.
func rpcCode(httpStatus int) int {
	switch httpStatus {
	case http.StatusUnauthorized:
		return 16 // UNAUTHENTICATED
	case http.StatusForbidden:
		return 7 // PERMISSION_DENIED
	case http.StatusRequestTimeout:
		return 4 // DEADLINE_EXCEEDED
	case http.StatusMethodNotAllowed:
		return 12 // UNIMPLEMENTED
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusServiceUnavailable:
		return 14 // UNAVAILABLE
	case http.StatusInternalServerError:
		return 13 // INTERNAL
	}
	return 3 // INVALID_ARGUMENT
}
