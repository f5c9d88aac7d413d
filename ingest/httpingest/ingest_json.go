package httpingest

import (
	"context"

	"sluice/ingest/bulk"
	"sluice/internal/awsapi"
)

// IngestJSON, POST /ingest/json, stores a JSON object, or each object of an
// array.
//
// Behaviour: as IngestBulk, but only objects are events: other values are
// refused alone. What follows the first value is ignored.
//
// Answers and limits: as IngestBulk's; a body that is not JSON is 400.
//
// Deviations: an object that was sent over several lines is stored on one.
func (a *API) ingestJSON(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
	return a.ingestEvents(ctx, r, w, bulk.Document)
}
