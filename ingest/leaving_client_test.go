package ingest_test

import (
	"context"
	"testing"

	"sluice/ingest"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// leaving is a store whose client leaves while its batch is written.
type leaving struct {
	*store.Store
	leave context.CancelFunc
}

func (l leaving) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	l.leave()
	return l.Store.Append(ctx, b)
}

// Received is stored + rejected also when a client leaves between the two.
func TestAClientThatLeavesIsCountedWholeOrNotAtAll(t *testing.T) {
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: "h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLogStream(g.UID, "s", 1); err != nil {
		t.Fatal(err)
	}
	log, err := store.Open(vfs.NewMem(), store.Config{Dir: "/wal"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ctx, leave := context.WithCancel(t.Context())
	received := 0
	api, err := ingest.New(ingest.Config{
		Definitions: c, Appender: leaving{log, leave}, Rejections: log, Clock: clock.NewTest(now),
		Received: func(events int) { received += events },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &awsapi.Request{Caller: awsapi.Caller{Account: logsapitest.Scope.Account, Region: logsapitest.Scope.Region}, Body: []byte(body("h", -15*day, 0))}
	err = api.Operations()[0].Serve(ctx, r, &awsapi.Reply{})
	if totals := log.Totals(); uint64(received) != totals.Events+totals.Rejected.Sum() || received == 0 {
		t.Errorf("received %d, stored %d, rejected %d, answer %v", received, totals.Events, totals.Rejected.Sum(), err)
	}
}
