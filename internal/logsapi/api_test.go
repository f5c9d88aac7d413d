package logsapi_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// api is the operations over a catalog and a store in memory.
type api struct {
	*logsapitest.Server
	catalog *catalog.Catalog
	events  *logsapitest.Events
	clock   *clock.Test
	store   *failing

	operations []awsapi.Operation
}

// failing is a catalog store whose commits fail while err is set.
type failing struct {
	catalog.Store
	err error
}

func (f *failing) Commit(changes []catalog.Change) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.Commit(changes)
}

func serve(t testing.TB) *api {
	t.Helper()
	events := &logsapitest.Events{}
	a := serveOver(t, events)
	a.events = events
	return a
}

// source is a store of events, in memory or real.
type source interface {
	logsapi.Events
	logsapi.Positions
	logsapitest.Appender
}

func serveOver(t testing.TB, events source, change ...func(*logsapi.Config)) *api {
	t.Helper()
	a := &api{clock: clock.NewTest(start), store: &failing{Store: catalog.NewMemory()}}
	var err error
	if a.catalog, err = catalog.Open(a.store); err != nil {
		t.Fatal(err)
	}
	cfg := logsapi.Config{Catalog: a.catalog, Events: events, Positions: events, Clock: a.clock}
	for _, f := range change {
		f(&cfg)
	}
	ops, err := logsapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.operations = ops.Operations()
	a.Server = logsapitest.Serve(t, a.operations...)
	return a
}

// names asks for a list and returns the names in it, and its token.
func (a *api) names(operation, body string) (string, string) {
	var out struct {
		LogGroups  []struct{ LogGroupName string }  `json:"logGroups"`
		LogStreams []struct{ LogStreamName string } `json:"logStreams"`
		NextToken  string                           `json:"nextToken"`
	}
	a.Done(operation, body, &out)
	var names []string
	for _, g := range out.LogGroups {
		names = append(names, g.LogGroupName)
	}
	for _, s := range out.LogStreams {
		names = append(names, s.LogStreamName)
	}
	return strings.Join(names, " "), out.NextToken
}

func equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

const (
	groupMissing  = "ResourceNotFoundException: The specified log group does not exist."
	streamMissing = "ResourceNotFoundException: The specified log stream does not exist."
	tooLongName   = "InvalidParameterException: Invalid LogGroup or LogStream, both must have length less than or equal to 512."
	nullGroup     = "InvalidParameterException: 1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null"
	badToken      = "InvalidParameterException: The specified nextToken is invalid."
	bothNames     = "ValidationException: LogGroup name and LogGroup ARN are mutually exclusive parameters."
)

// TestDiskFull wants the retryable 503 for every change while nothing can be
// written.
func TestDiskFull(t *testing.T) {
	a := serve(t)
	a.Done("CreateLogGroup", `{"logGroupName":"g"}`, nil)
	a.Done("CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, nil)
	a.store.err = syscall.ENOSPC
	f := func(operation, body string) {
		t.Helper()
		got := a.Call(operation, body)
		if got.Status != 503 || got.Code != "ServiceUnavailableException" || strings.Contains(got.Message, "space") {
			t.Errorf("%s: %d %s", operation, got.Status, got)
		}
	}
	f("CreateLogGroup", `{"logGroupName":"h"}`)
	f("DeleteLogGroup", `{"logGroupName":"g"}`)
	f("PutRetentionPolicy", `{"logGroupName":"g","retentionInDays":1}`)
	f("DeleteRetentionPolicy", `{"logGroupName":"g"}`)
	f("TagLogGroup", `{"logGroupName":"g","tags":{"a":"b"}}`)
	f("CreateLogStream", `{"logGroupName":"g","logStreamName":"s2"}`)
	f("DeleteLogStream", `{"logGroupName":"g","logStreamName":"s"}`)
	a.store.err = nil
	names, _ := a.names("DescribeLogStreams", `{"logGroupName":"g"}`)
	equal(t, names, "s")
}

func quoted(n int) string { return `"` + strings.Repeat("x", n) + `"` }

func numbered(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(parts, ",")
}
