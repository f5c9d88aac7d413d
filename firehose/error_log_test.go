package firehose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sluice/firehose"
	"sluice/internal/catalog"
	"sluice/internal/objput"
	"sluice/internal/wal"
)

type errorLog struct{ lines []string }

func (e *errorLog) Write(_ context.Context, s catalog.Scope, group, stream string, route uint64, at int64, line []byte) error {
	var doc struct {
		DeliveryStreamARN, Destination, Message, ErrorCode string
		DeliveryStreamVersionID                            int `json:"deliveryStreamVersionId"`
	}
	if err := json.Unmarshal(line, &doc); err != nil {
		return err
	}
	if s != home || route == 0 || at == 0 || doc.Message == "" || doc.DeliveryStreamVersionID != 1 {
		return fmt.Errorf("%v %d %d %s", s, route, at, line)
	}
	e.lines = append(e.lines, fmt.Sprint(group, " ", stream, " ", doc.Destination, " ", doc.ErrorCode))
	return nil
}

// refusingStore refuses until it is told otherwise.
type refusingStore struct {
	objput.Store
	refuse bool
}

func (s *refusingStore) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	if s.refuse {
		return fmt.Errorf("put %s: NoSuchBucket: %w", key, objput.ErrRefused)
	}
	return s.Store.PutIfAbsent(ctx, bucket, key, o)
}

// Failed deliveries are written to the log group that was named, one line a
// minute at most while the failure stays the same; what is quarantined is told
// with each cut.
func TestErrorsGoToTheLogGroup(t *testing.T) {
	log := &errorLog{}
	store := &refusingStore{refuse: true}
	c := config{errorLog: log}
	c.prepare(t)
	store.Store, c.store = c.store, store
	w := newWorld(t, c)
	route := w.create(byKey + "," + hints(64, 60) + `,"CloudWatchLoggingOptions":{"Enabled":true,"LogGroupName":"/errors","LogStreamName":"s3"}`)
	w.put(route, `{"k":"a"}`, `bad`)
	w.advance(time.Minute)
	w.advance(time.Hour)
	if n := len(log.lines); n < 30 || n > 62 || log.lines[0] != "/errors s3 arn:aws:s3:::lake S3.NoSuchBucket" {
		t.Errorf("%d lines: %.300s", n, log.lines)
	}
	if s := w.status(); s.Condition != firehose.Parked || s.InFlight != 2 {
		t.Errorf("%+v", s)
	}
	w.stop()
	store.refuse, log.lines = false, nil
	w.run()
	w.log.await(wal.TypeCommit, 1)
	w.advance(time.Second)
	if len(log.lines) != 1 || log.lines[0] != "/errors s3 arn:aws:s3:::lake ProcessingFailed" {
		t.Errorf("%q", log.lines)
	}
	w.settled(2)
}
