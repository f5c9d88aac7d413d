package httpingest

import (
	"context"

	"sluice/ingest/bulk"
	"sluice/internal/awsapi"
)

// CollectorEvent, POST /services/collector/event, stores events in the format of
// the HTTP log collector: {"event": ..., "time": ...} one after the other, or in
// an array.
//
// Behaviour: the message is the value of event, a string's what it says; time is
// in seconds, and the server's if it is missing or no number. Objects without
// event and other values are refused alone.
//
// Answers and limits: as IngestBulk's; a body that is not JSON is 400.
//
// Deviations: host, source, sourcetype and index are left behind; AWS does not
// say what it stores of them.
func (a *API) collectorEvent(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	return a.ingestEvents(ctx, r, w, bulk.Collector)
}
