package firehose_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/firehose"
	"sluice/internal/catalog"
)

// behind runs something after a delivery stream left the catalog and before the
// room knows.
type behind struct {
	*catalog.Catalog
	then func()
}

func (b *behind) DeleteDeliveryStream(s catalog.Scope, name string) (catalog.DeliveryStream, error) {
	d, err := b.Catalog.DeleteDeliveryStream(s, name)
	b.then()
	return d, err
}

func TestAStreamMadeAgainDuringItsDeletionStays(t *testing.T) {
	w := newWorld(t, config{})
	w.stop()
	defs := &behind{Catalog: w.defs, then: func() {}}
	var err error
	w.room, err = firehose.New(firehose.Config{Clock: w.clock, Home: home}, firehose.Links{
		Definitions: defs, Source: w.log, Sink: w.log, Journal: w.log, Store: w.store, States: w.log.states,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	w.create(hints(1, 60))
	defs.then = func() {
		defs.then = func() {}
		w.create(hints(1, 60))
	}
	w.advance(time.Minute)
	w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
	if _, err := w.call("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`); err != nil {
		t.Error("made again while the old one went:", err)
	}
}

// A plan that the log took and could not make durable may be gone after a
// restart; an object put for it would be in the way of the next one, for ever.
func TestNothingIsPutForAPlanThatMayNotBeDurable(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 60))
	if err := w.put(route, "one\n"); err != nil {
		t.Fatal(err)
	}
	broken := false
	w.log.step = func(point string) error {
		if broken || point == "after 4" {
			broken = true
			return errors.New("log is closed for writing")
		}
		return nil
	}
	w.advance(2 * time.Minute)
	if got := w.status().Condition; got != firehose.Stopped {
		t.Fatal(got)
	}
	if out, err := w.call("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`); err == nil || !strings.Contains(err.Error(), "ServiceUnavailable") {
		t.Fatal(out, err)
	}
	w.advance(2 * time.Minute)
	if got := w.objects(); len(got) > 0 {
		t.Errorf("put %v", got)
	}
	if got := w.status().Condition; got != firehose.Stopped {
		t.Error(got)
	}
}
