package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
)

// Shards hands out the shards of one stream.
type Shards interface {
	// Run has serve read each shard that is this process's, in a goroutine of its
	// own, until ctx ends. Parents come before children. The context of serve ends
	// when the shard is somebody else's.
	Run(ctx context.Context, serve func(ctx context.Context, s Shard))
}

// Shard is one shard. One goroutine uses it.
type Shard interface {
	Name() string
	// Begin is the place that was committed, or where a new reader begins.
	Begin(ctx context.Context) (Place, error)
	// Commit makes a place durable: what is before it is in the log.
	Commit(ctx context.Context, p Place) error
	// Fetch visits a page of records from a place on, in order, none when nothing
	// new comes within a while. A *GapError says that the stream lost records there.
	Fetch(ctx context.Context, from Place, visit func(Record) error) (Page, error)
}

// Place is where a shard is read from: the number of the next record, and what
// else the service needs to find it.
type Place struct {
	Number uint64
	Token  string
}

// Page is what a Fetch came to.
type Page struct {
	Next   Place
	Behind time.Duration // the age of Next
	Last   bool          // the shard has ended, and all of it was read
}

// Record is one record. Data is valid until visit returns.
type Record struct {
	Number  uint64
	Arrived int64 // at the stream, ms
	Batch   bool  // Data is a sealed batch of another sluice
	Data    []byte
}

// GapError says that a stream lost what it was asked for.
type GapError struct {
	From, First Place // asked for, and there
}

// Error tells what is gone.
func (e *GapError) Error() string {
	return fmt.Sprintf("the stream has lost records before they were read, from record %d of the shard on", e.From.Number)
}

// Definitions finds and makes log groups and streams; *catalog.Catalog does.
type Definitions interface {
	catalog.Definitions
	StreamByUID(uid uint64) (catalog.LogStream, bool)
}

// Appender makes batches durable in one shard of the log.
type Appender interface {
	Append(ctx context.Context, shard uint32, batches []event.Batch) error
	Shards() int
}

// Marks tells how far a lane is stored in a shard of the log.
type Marks interface {
	Mark(ctx context.Context, shard, lane uint32) (uint64, error)
}

// Lane is where the batches of one Kinesis shard go: a definition in the catalog.
type Lane struct {
	Home uint32 `json:"home"` // shard of the log
	Lane uint32 `json:"lane"` // of package origins
}

// Links is what a source works with. All of it is required.
type Links struct {
	Shards      Shards
	Definitions Definitions
	Appender    Appender
	Marks       Marks
	Lanes       *Lanes
	Clock       clock.Event // dates the arrival of events
}

// Config is one source. Name, Stream, Account and Region are required; the zero
// value of everything else is its default.
type Config struct {
	// Name names the source in metrics, log lines and the catalog.
	Name string
	// Stream is the name of the Kinesis stream, Account and Region where it is.
	Stream, Account, Region string
	// Payload says what a record holds: cloudwatch (default), a document of CloudWatch
	// Logs, or raw, one message.
	Payload string
	// LogGroup and LogStream name where events go. {group}, {stream}, {account} and
	// {region} are those of the event's source, {source} is Name and {shard} the
	// Kinesis shard. Default {group} and {stream}. A raw message comes from the log
	// group /kinesis/<Stream> and the log stream <shard> of Account and Region.
	LogGroup, LogStream string
	// Scope is the account and region that the log groups here belong to.
	Scope catalog.Scope
	// OnGap says what to do when records were lost before they were read: fail (the
	// default) stops the shard, skip goes on.
	OnGap string
	// CommitInterval is how often places are committed. Default 1 s.
	CommitInterval time.Duration
	// Received is told how many events became durable.
	Received func(events int)
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

// QuarantineGroup is the log group of records that cannot be stored elsewhere.
const QuarantineGroup = "/sluice/quarantine"

const (
	cloudwatch, raw = "cloudwatch", "raw"
	fail, skip      = "fail", "skip"
)

func (c *Config) setDefaults() {
	setDefault(&c.Payload, cloudwatch)
	setDefault(&c.LogGroup, "{group}")
	setDefault(&c.LogStream, "{stream}")
	setDefault(&c.OnGap, fail)
	setDefault(&c.CommitInterval, time.Second)
	setDefault(&c.Logger, slog.Default())
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Check tells what is wrong with a configuration.
func (c Config) Check() error {
	c.setDefaults()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			wrong("%s: %q is not one of %s", key, value, strings.Join(allowed, ", "))
		}
	}
	if !validName.MatchString(c.Name) {
		wrong("name: %q is not 1 to 64 letters, digits, dots, dashes and underscores", c.Name)
	}
	if c.Stream == "" || c.Account == "" || c.Region == "" {
		wrong("stream, account and region are needed")
	}
	oneOf("payload", c.Payload, cloudwatch, raw)
	oneOf("on_gap", c.OnGap, fail, skip)
	for key, pattern := range map[string]string{"log_group": c.LogGroup, "log_stream": c.LogStream} {
		if left := render(pattern, event.Source{}, "", ""); strings.ContainsAny(left, "{}") {
			wrong("%s: the variables are {group}, {stream}, {account}, {region}, {source} and {shard}; %s has another one", key, pattern)
		}
	}
	return errors.Join(errs...)
}

// render makes a name of where an event comes from.
func render(pattern string, from event.Source, source, shard string) string {
	switch pattern {
	case "{group}":
		return from.LogGroup
	case "{stream}":
		return from.LogStream
	}
	return strings.NewReplacer("{group}", from.LogGroup, "{stream}", from.LogStream, "{account}", from.Account,
		"{region}", from.Region, "{source}", source, "{shard}", shard).Replace(pattern)
}
