package httpingest

import (
	"errors"

	"sluice/ingest/requests"
	"sluice/internal/awsapi"
)

// attempt is one of several at the same call. A client that names its call, by
// amz-sdk-invocation-id or by sending again what it signed once, has it stored
// once; the batches of all others are anonymous.
type attempt struct {
	window *requests.Window // nil for a call without a name
	key    requests.Key     // of the batch that comes next
	asked  bool             // for that batch
	stored bool             // by an earlier attempt
}

func (a *API) attempt(r *awsapi.Request, streamUID uint64) attempt {
	t := attempt{key: requests.Key{Request: requests.Anonymous(), Stream: streamUID}}
	if id, ok := r.Invocation(); ok && a.cfg.Requests != nil {
		t.window, t.key.Request = a.cfg.Requests, requests.Name(r.AccessKey, id, r.BodyHash())
	}
	return t
}

// begin asks for the next batch, once. It returns the time that the call counts
// from: now, or when an earlier attempt stored the batch.
func (t *attempt) begin(now int64) (ms int64) {
	if t.window == nil || t.asked {
		return now
	}
	t.asked = true
	var ingested int64
	if ingested, t.stored = t.window.Begin(t.key, now); t.stored {
		return ingested
	}
	return now
}

// end tells how storing the batch went, and goes on to the one after it.
func (t *attempt) end(err error) {
	if t.asked && !t.stored {
		t.window.End(t.key, err)
	}
	t.key.Request++
	t.asked, t.stored = false, false
}

var errUnfinished = errors.New("storing a request did not come to an end")
