package awsapi

import (
	"context"
	"net/http"
)

// Caller is who asks, and where: all state is per (account, region).
type Caller struct {
	Account   string // twelve digits
	Region    string
	AccessKey string // "" when the request was not signed
}

// Request is one request on its way to a handler.
type Request struct {
	Caller
	ID        string      // the x-amzn-RequestId of the answer, a UUID
	Header    http.Header // as received
	Query     string      // of an Endpoint's URL, encoded
	MediaType string      // which of an Endpoint's MediaTypes came
	Body      []byte      // inflated; a pooled buffer, see Raw
	WireBytes int         // length of the body as it was sent

	protocol protocol // of the body, and so of the answer's
	verified verified // zero unless the signature was checked
	arena    []byte   // nil for a request that did not come through a Server
}

// Arena is the memory that Body lies in, from Headroom on, and up to its capacity
// free for the handler, as Body is: what is made of a body can often be made in
// its place. nil: there is none but Body.
func (r *Request) Arena() []byte { return r.arena }

// Operation is one AWS operation as a value: a room exports its operations,
// app hands them to New. Make them with JSON, Multi or Raw.
type Operation struct {
	Service string // of the credential scope: logs, firehose, kinesis, monitoring
	Target  string // X-Amz-Target: "Logs_20140328.CreateLogGroup"

	model *ServiceModel // of an operation in several protocols, else nil
	serve func(ctx context.Context, r *Request, w *Reply) error
}

// Serve runs the operation's handler directly, without a transport: for tests
// of a room.
func (op Operation) Serve(ctx context.Context, r *Request, w *Reply) error {
	return op.serve(ctx, r, w)
}

// JSON is an operation over AWS JSON: the body is decoded into In (unknown
// members ignored, null as absent, a wrong type is a SerializationException),
// and Out is encoded as the answer. A nil *Out answers with an empty body,
// which is how AWS answers operations without output. In owns its memory.
func JSON[In, Out any](service, target string, fn func(ctx context.Context, c Caller, in *In) (*Out, error)) Operation {
	return Raw(service, target, func(ctx context.Context, r *Request, w *Reply) error {
		in := new(In)
		if err := Unmarshal(r.Body, in); err != nil {
			return err
		}
		out, err := fn(ctx, r.Caller, in)
		if err != nil || out == nil {
			return err
		}
		w.Body, err = AppendJSON(w.Body, out)
		return err
	})
}

// Raw is an operation that decodes its body itself: for hot paths, and for
// answers that are streams. r.Body is a pooled buffer which is valid until fn
// returns or calls w.Stream, whichever is first: what fn keeps it must copy.
func Raw(service, target string, fn func(ctx context.Context, r *Request, w *Reply) error) Operation {
	return Operation{Service: service, Target: target, serve: fn}
}
