package httpingest

import (
	"context"
	"net/http"
	"sync"

	"sluice/ingest/otlp"
	"sluice/internal/awsapi"
)

// OTLPLogs, POST /v1/logs, stores the log records of an OTLP export request.
//
// Behaviour: protobuf and JSON mean the same, and are answered in kind. The
// record's time is timeUnixNano, else observedTimeUnixNano, else the server's.
// What is stored of a record is configured: its body, or all of it as JSON (see
// package otlp). Records that are too old, too new, expired, too large or nested
// too deep are refused alone; the others are durable when it answers, in their
// order.
//
// Answers: 200 with an ExportLogsServiceResponse, empty or with a
// partialSuccess; errors carry a google.rpc.Status. 429 and 503 are to be
// repeated after Retry-After, others are not.
//
// Limits: as IngestBulk's. The names stand in the headers only. What the records
// of a request become is bounded (Config.OTLPBytes), since each that is stored
// whole repeats its resource and scope; those beyond are refused as too large.
//
// Deviations: AWS stores the whole record, and truncates one over 1 MB to keep
// the rest as a large object.
func (a *API) otlpLogs(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	t, err := a.target(ctx, r, false)
	if err != nil {
		return err
	}
	in := a.intake(r, t, false)
	defer in.release()
	d := otlpDecoders.Get().(*otlpDecoder)
	defer d.release()
	request := r.Body
	if r.MediaType == typeJSON {
		var replaced int
		if d.request, replaced, err = otlp.AppendProtobuf(d.request[:0], r.Body); err != nil {
			return awsapi.Serialization("Could not parse request body into json: %s", err)
		}
		request = d.request
		in.replaced += replaced
	}
	d.records.Reset(request)
	in.ahead = func() error { return malformed(d.records.Check()) }
	if err := in.finish(in.takeRecords(&d.records, a.cfg.OTLPMessage)); err != nil {
		return err
	}
	if r.MediaType == typeJSON {
		w.Body = appendAnswer(w.Body, in.rejected)
		return nil
	}
	w.Header()["Content-Type"] = []string{typeProtobuf}
	if n := in.rejected.Sum(); n > 0 {
		w.Body = otlp.AppendResponse(w.Body, int64(n), appendReasons(nil, in.rejected))
	}
	return nil
}

// otlpDecoder is what a request needs to be read.
type otlpDecoder struct {
	records otlp.Reader
	request []byte // rewritten from JSON
}

var otlpDecoders = sync.Pool{New: func() any { return new(otlpDecoder) }}

// maxPooledRequest keeps one huge request from staying in memory.
const maxPooledRequest = 1 << 20

func (d *otlpDecoder) release() {
	d.records.Reset(nil)
	if cap(d.request) > maxPooledRequest {
		d.request = nil
	}
	otlpDecoders.Put(d)
}

// takeRecords takes the records of a request.
//
// hot: BenchmarkOTLPLogs
func (in *intake) takeRecords(records *otlp.Reader, form otlp.Form) error {
	for records.Next() {
		ms, timed := records.Timestamp()
		if !timed {
			ms = in.now
		}
		message, ok := []byte(nil), false
		if form == otlp.Body {
			message, ok = records.Text()
		}
		if !ok {
			if in.made > in.api.cfg.OTLPBytes {
				in.rejected.TooLarge++
				continue
			}
			if message, ok = records.AppendMessage(in.free(), form); !ok {
				in.rejected.Invalid++
				continue
			}
			in.made += len(message)
		}
		if err := in.add(message, ms); err != nil {
			return err
		}
	}
	in.replaced += records.Replaced
	return malformed(records.Err())
}

func malformed(err error) error {
	if err != nil {
		return awsapi.Serialization("Could not parse the request body as an OTLP ExportLogsServiceRequest.")
	}
	return nil
}

// refuseOTLP words an error as a google.rpc.Status.
func refuseOTLP(dst []byte, r *awsapi.Request, e *awsapi.Error, status int) (body []byte, contentType string) {
	text := e.Message
	if text == "" {
		text = http.StatusText(status)
	}
	if r.MediaType == typeJSON {
		return otlp.AppendStatusJSON(dst, status, text), typeJSON
	}
	return otlp.AppendStatus(dst, status, text), typeProtobuf
}
