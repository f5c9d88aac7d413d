package ingest

import (
	"context"
	"errors"
	"log/slog"

	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
)

// Definitions finds log groups and streams; *catalog.Catalog has them.
type Definitions interface {
	GroupBytes(s catalog.Scope, name []byte) (catalog.LogGroup, bool)
	StreamBytes(groupUID uint64, name []byte) (catalog.LogStream, bool)
}

// Appender makes batches durable; *store.Store is one.
type Appender interface {
	// Append returns when the batch is durable. It keeps nothing of it. An
	// *awsapi.Error is the sender's answer; any other error makes the sender come
	// again.
	Append(ctx context.Context, b event.Batch) (event.Position, error)
}

// Rejections counts events that were refused for their age; *store.Store does.
type Rejections interface {
	Reject(ctx context.Context, groupUID uint64, r store.Rejected) error
}

// Config is what receiving needs. Definitions, Appender, Rejections and Clock are
// required.
type Config struct {
	Definitions Definitions
	Appender    Appender
	Rejections  Rejections
	// Received is told how many events an accepted request had: each of them was
	// stored or rejected.
	Received func(events int)
	// Requests recognises requests that are sent again. nil: none is.
	Requests *requests.Window
	// Repeated is told how many events a recognised request had; they are stored
	// already and are not received once more.
	Repeated func(events int)
	// Oversize says what happens to events over the limit. Default OversizeReject.
	Oversize Oversize
	// Resized is told how many events were truncated or split.
	Resized func(events int)
	// Lenient takes requests that AWS refuses for their count, size, order or span.
	Lenient bool
	// Clock dates events' arrival and bounds their age.
	Clock clock.Event
	// Logger takes what no sender can be told. Default slog.Default.
	Logger *slog.Logger
}

// API is the operations that take events.
type API struct{ cfg Config }

// New checks the configuration.
func New(cfg Config) (*API, error) {
	if cfg.Definitions == nil || cfg.Appender == nil || cfg.Rejections == nil || cfg.Clock == nil {
		return nil, errors.New("make ingest operations: definitions, appender, rejections and clock are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &API{cfg: cfg}, nil
}

// Operations lists the operations for awsapi.New.
func (a *API) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Raw("logs", "Logs_20140328.PutLogEvents", a.putLogEvents),
	}
}
