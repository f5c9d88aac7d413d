package format

import (
	"sluice/internal/event"
	"sluice/internal/eventid"
)

// eventIDs prints the ids of a batch's events.
type eventIDs struct {
	batch event.ID
	print eventid.Printer
}

func (e *eventIDs) use(ingested int64, request uint64) {
	e.batch.Ingested, e.batch.Request = ingested, request
}

// hot: BenchmarkEventID
func (e *eventIDs) append(dst []byte, timestamp int64, index uint16) []byte {
	id := e.batch
	id.Timestamp, id.Index = timestamp, index
	return e.print.Append(dst, id)
}
