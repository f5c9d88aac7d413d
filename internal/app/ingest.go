package app

import (
	"sluice/ingest"
	"sluice/ingest/requests"
)

// openIngest makes PutLogEvents.
func (a *App) openIngest() (*ingest.API, error) {
	oversize, err := ingest.ParseOversize(a.cfg.Ingest.Oversize)
	if err != nil {
		return nil, misconfigured("ingest.oversize: %w", err)
	}
	resized := a.registry.Counter("sluice_ingest_resized_events_total", "Events over the limit that ingest.oversize truncated or split.", "oversize").With(a.cfg.Ingest.Oversize)
	return ingest.New(ingest.Config{
		Definitions: a.catalog, Appender: appender{a.store}, Rejections: a.store, Clock: a.clock, Logger: a.log,
		Received: func(events int) { a.metrics.received.Add(uint64(events)) },
		Requests: requests.NewWindow(a.requests...),
		Repeated: a.metrics.repeated.Add,
		Oversize: oversize, Lenient: a.cfg.Ingest.Lenient,
		Resized: resized.Add,
	})
}
