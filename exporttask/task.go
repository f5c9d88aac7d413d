package exporttask

import (
	"slices"

	"sluice/internal/catalog"
)

// The states of a task, as the API prints them.
const (
	pending       = "PENDING"
	running       = "RUNNING"
	completed     = "COMPLETED"
	failed        = "FAILED"
	cancelled     = "CANCELLED"
	pendingCancel = "PENDING_CANCEL"
)

// states in the order of the service model.
var states = []string{cancelled, completed, failed, pending, pendingCancel, running}

// Task is the definition of an export and its state, as the catalog keeps it.
type Task struct {
	ID           string   `json:"id"`
	Name         string   `json:"name,omitempty"`
	LogGroup     string   `json:"logGroup"`
	GroupUID     uint64   `json:"groupUid"`
	StreamPrefix string   `json:"streamPrefix,omitempty"`
	From         int64    `json:"from"` // ms, both ends belong to the range
	To           int64    `json:"to"`
	Bucket       string   `json:"bucket"`
	Prefix       string   `json:"prefix"` // as given, without a slash at its end
	Options      Options  `json:"options"`
	After        []uint64 `json:"after,omitempty"` // positions: what lies below was exported before
	Below        []uint64 `json:"below"`           // positions: what was durable at creation lies below

	Created   int64    `json:"created"` // ms
	Completed int64    `json:"completed,omitempty"`
	Code      string   `json:"code"`
	Message   string   `json:"message,omitempty"`
	Progress  Progress `json:"progress"` // final, once the task has ended
}

// Options are what a task may ask for beyond AWS; the zero value is AWS's way.
type Options struct {
	// Format is aws (a timestamp, a blank and the message), ndjson or parquet.
	Format string `json:"Format,omitempty"`
	// CompressionFormat names a codec as Firehose does; default GZIP.
	CompressionFormat string `json:"CompressionFormat,omitempty"`
	// FilterPattern selects events.
	FilterPattern string `json:"FilterPattern,omitempty"`
	// ObjectSizeInMBs ends an object once its events are so large before the codec;
	// default 64.
	ObjectSizeInMBs int `json:"ObjectSizeInMBs,omitempty"`
	// From is "last" to export what was stored since the last completed task of
	// the same log group, destination and prefix.
	From string `json:"From,omitempty"`
}

// Progress counts what a task has done.
type Progress struct {
	LogStreams      int   `json:"logStreams"` // with events in range or not
	LogStreamsDone  int   `json:"logStreamsDone"`
	Objects         int64 `json:"objects"`
	Events          int64 `json:"events"`
	Bytes           int64 `json:"bytes"`           // before the codec
	ObjectBytes     int64 `json:"objectBytes"`     // after it
	ExportableBytes int64 `json:"exportableBytes"` // of the log group's messages, in range or not
	// Waiting is why something has to be tried again; "" while all goes well.
	Waiting string `json:"waiting,omitempty"`
}

// key is where something of the task lies in its bucket.
func (t *Task) key(name string) string {
	if t.Prefix == "" {
		return name
	}
	return t.Prefix + "/" + name
}

func (t *Task) ended() bool {
	return slices.Contains([]string{completed, failed, cancelled}, t.Code)
}

// entry is a task with its scope.
type entry struct {
	catalog.Scope
	Task
}
