package app

import (
	"context"
	"errors"
	"fmt"

	"sluice/ingest/requests"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// deliveryErrors writes what delivery streams log about themselves into our own
// log groups, as events like any other: filters see them, metric filters count
// them. It implements firehose.ErrorLog.
type deliveryErrors struct{ app *App }

var errFeedsItself = errors.New("the log group feeds the delivery stream that it is about")

// Write appends one event. The log group has to exist, as with AWS; the log
// stream is made. Groups that some filter or account policy sends to the delivery
// stream of the route are left alone: each line would become a delivery, and a
// failing delivery a line.
func (d deliveryErrors) Write(ctx context.Context, s catalog.Scope, logGroup, logStream string, route uint64, at int64, line []byte) error {
	group, ok := d.app.catalog.Group(s, logGroup)
	if !ok {
		return fmt.Errorf("log group %s: %w", logGroup, catalog.ErrNotFound)
	}
	if d.app.subscriptions.Feeds(group, route) {
		return errFeedsItself
	}
	stream, err := d.stream(group.UID, logStream, at)
	if err != nil {
		return err
	}
	b := event.GetBuilder(len(line) + 64)
	defer b.Release()
	if err := b.Append(at, line); err != nil {
		return err
	}
	batch, err := b.Seal(
		event.Header{Ingested: at, Request: requests.Anonymous(), GroupUID: group.UID, StreamUID: stream.UID},
		event.Source{Account: s.Account, Region: s.Region, LogGroup: logGroup, LogStream: logStream})
	if err != nil {
		return err
	}
	if _, err := d.app.store.Append(ctx, batch); err != nil {
		return err
	}
	d.app.metrics.received.Add(1)
	return nil
}

func (d deliveryErrors) stream(group uint64, name string, at int64) (catalog.LogStream, error) {
	if s, ok := d.app.catalog.Stream(group, name); ok {
		return s, nil
	}
	s, err := d.app.catalog.CreateLogStream(group, name, at)
	if errors.Is(err, catalog.ErrExists) { // another lane was first
		s, _ = d.app.catalog.Stream(group, name)
		return s, nil
	}
	return s, err
}
