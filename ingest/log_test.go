package ingest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/ingest"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// process is the operations over the real log and a catalog, on a file system and
// a catalog store that outlive it.
func process(t *testing.T, fs *vfs.Mem, definitions catalog.Store) (*cloudwatchlogs.Client, *store.Store) {
	t.Helper()
	log, err := store.Open(fs, store.Config{Dir: "/wal", Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(definitions)
	if err != nil {
		t.Fatal(err)
	}
	at := clock.NewTest(now)
	in, err := ingest.New(ingest.Config{Definitions: c, Appender: log, Rejections: log, Clock: at})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := logsapi.New(logsapi.Config{Catalog: c, Events: log, Positions: log, Clock: at})
	if err != nil {
		t.Fatal(err)
	}
	return logsapitest.Serve(t, append(in.Operations(), groups.Operations()...)...).Client(), log
}

// TestWhatWasAnsweredIsThere puts events by the SDK from several senders, some of
// them too old, crashes the machine, and reads them back.
func TestWhatWasAnsweredIsThere(t *testing.T) {
	fs, definitions, ctx := vfs.NewMem(), catalog.NewMemory(), context.Background()
	client, log := process(t, fs, definitions)
	if _, err := client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		t.Fatal(err)
	}
	const senders, requests, events = 4, 20, 5
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			stream := aws.String(fmt.Sprint("s", sender))
			if _, err := client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("g"), LogStreamName: stream}); err != nil {
				t.Error(err)
			}
			for request := range requests {
				batch := []types.InputLogEvent{{Timestamp: aws.Int64(now.UnixMilli() - 20*day), Message: aws.String("too old")}}
				for i := range events {
					n := request*events + i
					batch = append(batch, types.InputLogEvent{Timestamp: aws.Int64(now.UnixMilli() + int64(n)), Message: aws.String(fmt.Sprintf("%s/%d", *stream, n))})
				}
				if _, err := client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: stream, LogEvents: batch}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	survivor := fs.CrashClone(vfs.CrashOptions{}) // nothing unsynced survives
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	client, log = process(t, survivor, definitions)
	for sender := range senders {
		stream := fmt.Sprint("s", sender)
		in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: &stream, StartFromHead: aws.Bool(true)}
		out, err := client.GetLogEvents(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, len(out.Events), requests*events)
		for n, e := range out.Events {
			equal(t, *e.Message, fmt.Sprintf("%s/%d", stream, n))
		}
	}
	totals := log.Totals()
	equal(t, totals.Events, senders*requests*events)
	equal(t, totals.Rejected, store.Rejected{TooOld: senders * requests})
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}
