package firehose

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/internal/catalog"
)

// Outside opens sources outside of this process, which delivery streams read in
// place of what clients put.
type Outside interface {
	// Open returns the group in which the processes that have a delivery stream
	// share its source. It connects to nothing. ErrNoSource says that nobody knows
	// the source.
	Open(s Origin) (Group, error)
}

// ErrNoSource says that the configuration has no source of that ARN.
var ErrNoSource = errors.New("no such source in the configuration")

// Origin is what a delivery stream reads from outside.
type Origin struct {
	catalog.Scope
	DeliveryStream string
	// ARN is that of the Kafka cluster or the Kinesis stream; Topic is of Kafka.
	ARN, Topic string
	// Start is where a part begins that nobody has read yet: at its first record
	// from then on. Zero is its first record.
	Start time.Time
	// Bucket is the one that the delivery stream was made with.
	Bucket string
}

// Group shares the parts of a source, partitions or shards, among processes.
type Group interface {
	// Run takes parts as the group gives them, and serves each in a goroutine of
	// its own, until ctx ends. The context of serve ends when the part goes to
	// somebody else; serve returns soon after. Everything that can go wrong is
	// tried again.
	Run(ctx context.Context, serve func(ctx context.Context, c Claim))
}

// Claim is one part of a source for as long as it is this process's. Its methods
// are called by two goroutines at most.
type Claim interface {
	// Part names the part in object names and manifests, for ever: letters,
	// digits, dots, dashes and underscores, and not digits alone.
	Part() string
	// Committed is what the last owner committed.
	Committed(ctx context.Context) (Committed, error)
	// Start is where to begin when nobody has committed anything.
	Start(ctx context.Context) (Place, error)
	// Commit makes a place and a note durable where the next owner finds them.
	// ErrLost says that the part is somebody else's, and nothing was changed;
	// ErrNoteTooLong that the note must be shorter. After any other error nobody
	// knows: ask again with the same.
	Commit(ctx context.Context, c Committed) error
	// Fetch visits records from a place on, in order, some maxBytes of them; none
	// if there is nothing new for half a second or so. A record is valid until
	// visit returns. An error of visit comes back, with End and Behind as they are.
	// A *GapError says that the source lost the record at the place.
	Fetch(ctx context.Context, from Place, maxBytes int, visit func(*Record) error) (Fetched, error)
}

// Place is where a part is read from. Number is the position of the next record:
// positions ascend, with holes perhaps, and a record has the same whoever reads
// it. Token is what else the source needs to find the place.
type Place struct {
	Number uint64
	Token  string
}

// Committed is what the owners of a part leave to each other.
type Committed struct {
	// Known is false before the first commit, and when it was forgotten.
	Known bool
	Place Place
	// Note is printable text of at most MaxNote bytes.
	Note string
}

// MaxNote is what every source keeps of a note: brokers of Kafka allow 4,096 bytes
// unless they are told otherwise.
const MaxNote = 4096

// Fetched is what a fetch came to.
type Fetched struct {
	Next Place  // where to go on
	End  uint64 // what Next.Number is behind everything that is there now
	// Behind is the age of Next against the end of the part; 0 where the source
	// does not tell.
	Behind time.Duration
	// Last says that there will be nothing behind Next any more: when everything is
	// delivered Next is committed, and with it the part ends.
	Last bool
}

// Record is one record of a source.
type Record struct {
	Place   Place // where to go on after this record
	Number  uint64
	Arrived int64 // at the source, ms
	// Batch says that Value is a sealed batch of events, which Filter selected.
	Batch  bool
	Filter string
	Value  []byte
	// Key is what sluice's own producers send along: a record whose key is not
	// greater than one before of the same sender and part is a duplicate.
	Key Key
}

// Key is the place of a record in what one sender sent: (First, Part) ascend for
// each Stream, Shard and Lane. The zero Key is none.
type Key struct {
	Stream uint64
	Shard  uint32
	Part   uint32
	First  uint64
	Lane   uint64
}

var (
	// ErrLost says that a part is somebody else's.
	ErrLost = errors.New("the part of the source is somebody else's")
	// ErrNoteTooLong says that the source keeps no note of that length.
	ErrNoteTooLong = errors.New("the note is too long for the source")
)

// GapError says that a source lost what it was asked for.
type GapError struct {
	From Place // that was asked for
	// First is the first record that is there after it; First.Number below
	// From.Number: there is none, the source itself is another or lost its end.
	First Place
}

// Error tells what is gone.
func (e *GapError) Error() string {
	if e.First.Number < e.From.Number {
		return fmt.Sprintf("the source ends before position %d, where reading goes on: it was made anew, or lost its end", e.From.Number)
	}
	return fmt.Sprintf("the source has lost positions %d to %d before they were read", e.From.Number, e.First.Number)
}
