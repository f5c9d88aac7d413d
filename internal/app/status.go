package app

import (
	"context"

	"sluice/firehose"
	"sluice/stream/embedded"
)

// deliveryStatus is what firehose and the stream know of one delivery stream.
type deliveryStatus struct {
	firehose.Status
	totals embedded.Totals
}

func (a *App) deliveryStatus() []deliveryStatus {
	all := a.firehose.Status(context.Background())
	out := make([]deliveryStatus, len(all))
	for i, s := range all {
		out[i] = deliveryStatus{s, a.streams.Totals(s.Route)}
		if s.Outside || s.Follows { // the log knows nothing of it by its route
			out[i].totals = embedded.Totals{
				Accepted: s.Delivered + s.Discarded + s.InFlight, AcceptedBytes: s.DeliveredBytes + s.InFlightBytes,
				Delivered: s.Delivered, Discarded: s.Discarded, DeliveredBytes: s.DeliveredBytes, InFlight: s.InFlight,
			}
		}
	}
	return out
}
