package httpingest

import (
	"context"
	"errors"
	"log/slog"

	"sluice/ingest/otlp"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/store"
)

// Definitions finds log groups and streams; *catalog.Catalog has them.
type Definitions interface {
	Group(s catalog.Scope, name string) (catalog.LogGroup, bool)
	Stream(groupUID uint64, name string) (catalog.LogStream, bool)
}

// Appender makes batches durable; *store.Store is one.
type Appender interface {
	// Append returns when the batch is durable. It keeps nothing of it. An
	// *awsapi.Error is the sender's answer; any other error makes the sender come
	// again.
	Append(ctx context.Context, b event.Batch) (event.Position, error)
}

// Rejections counts refused events durably; *store.Store does.
type Rejections interface {
	Reject(ctx context.Context, groupUID uint64, r store.Rejected) error
}

// Config is what receiving needs. Definitions, Appender, Rejections and Clock
// are required.
type Config struct {
	Definitions Definitions
	Appender    Appender
	Rejections  Rejections
	// Create makes a log group and stream that a request names and that do not
	// exist. Nil refuses such requests, as AWS does.
	Create func(ctx context.Context, c awsapi.Caller, group, stream string) error
	// OTLPMessage is what is stored of an OTLP log record. Default otlp.Body.
	OTLPMessage otlp.Form
	// OTLPBytes bounds what the records of one request become, as JSON, with the
	// resource and the scope in each of them. Default 1 GiB.
	OTLPBytes int
	// Received is told how many events a request had: each of them was stored or
	// rejected.
	Received func(events int)
	// Requests recognises requests that are sent again. nil: none is.
	Requests *requests.Window
	// Repeated is told how many events of a request were stored by an earlier attempt.
	Repeated func(events int)
	// Replaced is told how many bytes that were not UTF-8 became U+FFFD.
	Replaced func(bytes int)
	// Clock dates events' arrival and bounds their age.
	Clock clock.Event
	// Logger takes what no sender can be told. Default slog.Default.
	Logger *slog.Logger
}

// API is the endpoints.
type API struct{ cfg Config }

// New checks the configuration.
func New(cfg Config) (*API, error) {
	if cfg.Definitions == nil || cfg.Appender == nil || cfg.Rejections == nil || cfg.Clock == nil {
		return nil, errors.New("make HTTP ingestion endpoints: definitions, appender, rejections and clock are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.OTLPBytes == 0 {
		cfg.OTLPBytes = 1 << 30
	}
	if cfg.Received == nil {
		cfg.Received = func(int) {}
	}
	if cfg.Repeated == nil {
		cfg.Repeated = func(int) {}
	}
	if cfg.Replaced == nil {
		cfg.Replaced = func(int) {}
	}
	return &API{cfg: cfg}, nil
}

const (
	typeJSON     = "application/json"
	typeNDJSON   = "application/x-ndjson"
	typeProtobuf = "application/x-protobuf"
)

// Endpoints lists the endpoints for awsapi.Config.
func (a *API) Endpoints() []awsapi.Endpoint {
	return []awsapi.Endpoint{
		{Path: "/v1/logs", Name: "OTLPLogs", Service: "logs", MediaTypes: []string{typeProtobuf, typeJSON}, Serve: a.otlpLogs, Refuse: refuseOTLP},
		{Path: "/ingest/bulk", Name: "IngestBulk", Service: "logs", MediaTypes: []string{typeNDJSON, typeJSON}, Serve: a.ingestBulk},
		{Path: "/ingest/json", Name: "IngestJSON", Service: "logs", MediaTypes: []string{typeJSON}, Serve: a.ingestJSON},
		{Path: "/services/collector/event", Name: "CollectorEvent", Service: "logs", MediaTypes: []string{typeJSON}, Serve: a.collectorEvent},
	}
}
