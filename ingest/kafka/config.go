package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
)

// Appender makes batches durable; *store.Store is one.
type Appender interface {
	// Append returns when the batch is durable. It keeps nothing of it. An error
	// means that the batch comes again.
	Append(ctx context.Context, b event.Batch) (event.Position, error)
}

// Marks tells how far an origin's shard is stored; origins.Shards does.
type Marks interface {
	Mark(ctx context.Context, stream uint64, shard uint32) (uint64, error)
}

// Links is what a source reads from and writes to. All of it is required.
type Links struct {
	Cluster     *kafkadial.Cluster
	Definitions catalog.Definitions // log groups and streams
	Appender    Appender
	Marks       Marks
	// Clock dates the events' arrival.
	Clock clock.Event
}

// Config is one source. Name, Topics, GroupID and LogGroup are required; the zero
// value of everything else is its default.
type Config struct {
	// Name names the source in metrics and log lines.
	Name string
	// Topics are read by the consumer group GroupID.
	Topics  []string
	GroupID string
	// LogGroup names where events go; {topic} in it is replaced. Groups that are
	// missing are made.
	LogGroup string
	// LogStream names the log stream of a partition; {topic} and {partition} are
	// replaced, and {partition} must be there. Default {topic}-{partition}.
	LogStream string
	// Scope is the account and region that the log groups belong to.
	Scope catalog.Scope
	// Start says where a group without committed offsets begins: earliest (the
	// default) or latest.
	Start string
	// Timestamp says where an event's time comes from: "" or record for the
	// record's own, or a JSON path into the value, as $.time or $.meta.ts: a
	// number of s, ms, us or ns since 1970, or an RFC 3339 text. Values without
	// one take the record's.
	Timestamp string
	// Oversize says what happens to a value over MaxMessageBytes: split (the
	// default) makes several events of it, quarantine puts it aside.
	Oversize string
	// MaxMessageBytes is the longest message, 1 KiB to 15 MiB. Default 1,048,550,
	// CloudWatch's.
	MaxMessageBytes int
	// QuarantineBytes is how much of a value that is put aside is kept. Default 4096.
	QuarantineBytes int
	// OnGap says what to do when the broker lost records to retention: fail (the
	// default) stops the partition, skip goes on and counts them.
	OnGap string
	// FetchBytes is the most that is asked of a partition at once. Default 1 MiB.
	FetchBytes int
	// MaxBufferBytes bounds what all partitions have fetched. Default 64 MiB, at
	// least FetchBytes.
	MaxBufferBytes int64
	// Aligned makes the batches a function of the topic alone: each ends where a record
	// batch of Kafka's does, so that another member, which goes on at any committed
	// offset, makes the very same ones. It is for an Appender without Marks.
	Aligned bool
	// CommitInterval is how often offsets are committed. Default 1 s.
	CommitInterval time.Duration
	// SessionTimeout is how long the broker waits for a silent member. Default 30 s.
	SessionTimeout time.Duration
	// StallTimeout is how long lag may stand still until the group is joined
	// anew. Default 60 s.
	StallTimeout time.Duration
	// Received is told how many events became durable.
	Received func(events int)
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

// QuarantineGroup is the log group of records that cannot be stored elsewhere.
const QuarantineGroup = "/sluice/quarantine"

const (
	topicVariable     = "{topic}"
	partitionVariable = "{partition}"

	earliest, latest  = "earliest", "latest"
	split, quarantine = "split", "quarantine"
	fail, skip        = "fail", "skip"
)

func (c *Config) setDefaults() {
	setDefault(&c.LogStream, topicVariable+"-"+partitionVariable)
	setDefault(&c.Start, earliest)
	setDefault(&c.Oversize, split)
	setDefault(&c.OnGap, fail)
	setDefault(&c.MaxMessageBytes, 1_048_550)
	setDefault(&c.QuarantineBytes, 4096)
	setDefault(&c.FetchBytes, 1<<20)
	setDefault(&c.MaxBufferBytes, 64<<20)
	setDefault(&c.CommitInterval, time.Second)
	setDefault(&c.SessionTimeout, 30*time.Second)
	setDefault(&c.StallTimeout, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check tells what is wrong with a configuration, each time with what to write
// instead.
func (c Config) Check() error {
	c.setDefaults()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	demand := func(key, value string) {
		if value == "" {
			wrong("%s is missing", key)
		}
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			wrong("%s: %q is not one of %s", key, value, strings.Join(allowed, ", "))
		}
	}
	atLeast := func(key string, value, least int64) {
		if value < least {
			wrong("%s: %d is too small: give at least %d", key, value, least)
		}
	}
	demand("name", c.Name)
	demand("group_id", c.GroupID)
	demand("log_group", c.LogGroup)
	if len(c.Topics) == 0 {
		wrong("topics are missing: name at least one")
	}
	if !strings.Contains(c.LogStream, partitionVariable) {
		wrong("log_stream: %q has no {partition}: a log stream keeps the order of one partition", c.LogStream)
	}
	if len(c.Topics) > 1 && !strings.Contains(c.LogGroup+c.LogStream, topicVariable) {
		wrong("log_group and log_stream: neither has {topic}, so the topics would share log streams")
	}
	oneOf("start", c.Start, earliest, latest)
	oneOf("oversize", c.Oversize, split, quarantine)
	oneOf("on_gap", c.OnGap, fail, skip)
	if _, err := parseTimePath(c.Timestamp); err != nil {
		wrong("timestamp: %w", err)
	}
	atLeast("max_message_bytes", int64(c.MaxMessageBytes), 1<<10)
	if c.MaxMessageBytes > maxMessage {
		wrong("max_message_bytes: %d is more than a batch holds: give at most %d", c.MaxMessageBytes, maxMessage)
	}
	atLeast("fetch_bytes", int64(c.FetchBytes), minFetch)
	atLeast("max_buffer_bytes", c.MaxBufferBytes, int64(c.FetchBytes))
	return errors.Join(errs...)
}

// maxMessage leaves room in a batch for the line feeds of a message's parts.
const maxMessage = 15 << 20

// Targets lists the log group and the pattern of the log streams of each topic;
// two sources whose targets are equal would mix their partitions in one stream.
func (c Config) Targets() []string {
	c.setDefaults()
	var out []string
	for _, topic := range c.Topics {
		out = append(out, render(c.LogGroup, topic, partitionVariable)+" "+render(c.LogStream, topic, partitionVariable))
	}
	return out
}

func render(template, topic, partition string) string {
	return strings.NewReplacer(topicVariable, topic, partitionVariable, partition).Replace(template)
}
