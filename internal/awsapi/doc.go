// Package awsapi is the border to AWS clients: which operation a request names,
// who asks, how much may be sent, and how answers and errors are worded.
//
// # What enters, what leaves
//
// A room describes each AWS operation as an Operation value over its own types
// (JSON; Multi where the service speaks several protocols), or over raw bytes
// where decoding is hot (Raw). app hands all of them to New, which is an
// http.Handler for one base URL: the service is the credential scope's, the
// operation X-Amz-Target's, the path's or the form's. Around a handler the Server
// does, in this order:
//
//	request id -> method and path -> identity (and signature head) -> operation
//	-> a place among the concurrent requests -> bytes from the budget
//	-> body (limits, deadline, hash) -> signature -> inflate -> handler
//
// The operation of a form stands in its body and is looked up after inflating.
// Whatever fails is an AWS error in the request's protocol: {"__type": code,
// "message": text}, the same in CBOR, or an ErrorResponse in XML, with the header
// x-amzn-ErrorType, and x-amzn-RequestId, which every answer carries.
// NewHTTPServer and Listen are the one place for timeouts, for TLS beside plain
// HTTP on one port, and for keeping web pages away from a loopback port.
//
// # Endpoints
//
// An Endpoint is a path of its own beside POST /, for clients that speak plain
// HTTP: the same border around it, but a bearer token is as good as a signature,
// and refusals have the statuses that such clients act on (401, 415, 429). Bodies
// come as gzip, zstd or plain on every path.
//
// # Identity
//
// Without configured credentials any signature is accepted, and so is none.
// With them a request is verified by SigV4 over exactly the headers it lists.
// What a key may do, and in which regions, is checked after its signature.
// The account is the configured one unless the access key is twelve digits,
// the region is the credential scope's.
//
// # Memory
//
// Request bodies are read into pooled buffers, which belong to the Server again
// when the handler returns (see Raw), who may write to them until then, and a
// little around the body (Request.Arena); their total is bounded by a Budget, and
// what does not fit is refused before it is read. Values decoded by JSON own
// their memory. An *Error is immutable and may be shared.
//
// # After a crash
//
// Nothing here is durable but the self-signed certificate in its folder. A
// handler that panics answers InternalFailure and is logged; the process goes
// on.
package awsapi
