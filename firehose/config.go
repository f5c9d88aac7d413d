package firehose

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/cores"
	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Config sizes the room. The zero value means the defaults.
type Config struct {
	// Clock tells arrival, hints and back-off. Default the machine's.
	Clock clock.Event
	// Logger takes what an operator should know; nil is silent.
	Logger *slog.Logger
	// Home is the account and region of the configuration; manifests of its
	// delivery streams lie under their bare names.
	Home catalog.Scope
	// Encoders is how many objects are encoded at once. Default: the processors, at
	// least 2.
	Encoders int
	// Uploads is how many objects are in memory at once, being encoded or put.
	// Each takes up to the size hint, less what the codec saves. Default 4 for
	// each encoder.
	Uploads int
	// GatherBytes is how much of small objects is laid out in memory before they
	// are encoded, for a cut that makes many; two cuts may do so at once. Default
	// 32 MiB.
	GatherBytes int64
	// MaxDeliveryStreams is AWS's quota for an account and region (5,000).
	// Default 0: no limit.
	MaxDeliveryStreams int
	// CreatingFor is how long a new delivery stream is described as CREATING, so
	// that waiters are exercised. Default 0.
	CreatingFor time.Duration
	// Scratch is a folder for what is read from sources outside and not delivered
	// yet; it is emptied by New. Default none: there are no such sources.
	Scratch string
	// ScratchFS has that folder. Default the machine's.
	ScratchFS vfs.FS
	// SpoolBytes is how large all that may become, shared by the parts of sources
	// that are this process's: one that has used up half of its share delivers
	// before its hints are reached. Default 1 GiB, and at least 8 MiB for each.
	SpoolBytes int64
	// SkipGaps goes on where a source outside lost records before they were read,
	// and says so in the manifests. Default: the part stops.
	SkipGaps bool
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Encoders <= 0 {
		c.Encoders = max(2, cores.Count())
	}
	if c.Uploads <= 0 {
		c.Uploads = 4 * c.Encoders
	}
	if c.GatherBytes <= 0 {
		c.GatherBytes = 32 << 20
	}
	if c.ScratchFS == nil {
		c.ScratchFS = vfs.OS
	}
	if c.SpoolBytes <= 0 {
		c.SpoolBytes = 1 << 30
	}
	return c
}

// maxGathers is how many partitioned cuts gather at once.
const maxGathers = 2

// Source is the stream that a delivery stream delivers from. Keys are routes.
type Source interface {
	// Span says what a shard durably holds for a key at or after from: the
	// smallest run that reaches maxBytes, or all there is. It reads nothing.
	Span(key uint64, shard uint32, from uint64, maxBytes int64) event.Span
	// Parcels visits a range in order. A parcel is valid until visit returns.
	Parcels(ctx context.Context, key uint64, r event.Range, visit func(event.Parcel) error) error
	// Notify signals after more became durable for the key.
	Notify(key uint64) (more <-chan struct{}, stop func())
}

// Sink takes records that clients put. They are durable, all of them, when it
// returns.
type Sink interface {
	Put(ctx context.Context, key uint64, arrived int64, records [][]byte) (event.Position, error)
}

// Journal appends a frame to the log of a shard. It is durable, and folded into
// the shard's State, when it returns nil. wal.ErrNoSegment says that the frame was
// not taken; after any other error nobody knows.
type Journal interface {
	Append(ctx context.Context, shard uint32, t wal.Type, key uint64, payload []byte) error
}

// Definitions are the delivery streams of the catalog; *catalog.Catalog has them.
type Definitions interface {
	CreateDeliveryStream(catalog.DeliveryStream) (catalog.DeliveryStream, error)
	UpdateDeliveryStream(s catalog.Scope, name string, expected int, change func(*catalog.DeliveryStream) error) (catalog.DeliveryStream, error)
	TagDeliveryStream(s catalog.Scope, name string, change func(tags map[string]string) error) (catalog.DeliveryStream, error)
	DeleteDeliveryStream(s catalog.Scope, name string) (catalog.DeliveryStream, error)
	DeliveryStream(s catalog.Scope, name string) (catalog.DeliveryStream, bool)
	DeliveryStreams(s catalog.Scope, after string, limit int) []catalog.DeliveryStream
	AllDeliveryStreams() []catalog.DeliveryStream
}

// Links are what the room works with; all but ErrorLog are needed.
type Links struct {
	Definitions Definitions
	Source      Source
	Sink        Sink
	Journal     Journal
	Store       objput.Store
	// States are the folders of the log's shards, from shard 0 on.
	States []*State
	// ErrorLog is for CloudWatchLoggingOptions; nil writes nothing.
	ErrorLog ErrorLog
	// Outside opens sources outside; nil knows none.
	Outside Outside
	// Streams are the Kinesis streams of this process, as sources; nil: there are
	// none.
	Streams Streams
}

func (l Links) check() error {
	if l.Definitions == nil || l.Source == nil || l.Sink == nil || l.Journal == nil || l.Store == nil || len(l.States) == 0 {
		return errors.New("open firehose: a link is missing")
	}
	return nil
}
