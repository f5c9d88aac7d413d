package kafkadial

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/produce"

	"sluice/internal/clock"
)

const (
	// calmTTL is how old the knowledge of the cluster may be while requests succeed.
	calmTTL = 10 * time.Second
	// alarmed is how long a client stays alert after a request failed.
	alarmed = 30 * time.Second
)

// watchful sends requests by what it knows of the cluster: by old knowledge as long
// as all goes well, by fresh one for a while after an answer that another broker, or
// the same one later, might have given better. The library asks every half TTL on
// average, used or not; with the TTL that a leader that moved needs, that was much of
// what an idle client did. The first request of an alert client waits for knowledge
// of that moment, so a leader that moved is found by the attempt after the one that
// failed.
type watchful struct {
	calm, alert *kafka.Transport
	clock       clock.Machine

	mu    sync.Mutex // guards the field below
	until time.Time  // alert; zero: calm
}

// RoundTrip implements kafka.RoundTripper.
func (w *watchful) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	res, err := w.transport().RoundTrip(ctx, addr, req)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) || err == nil && passes(res) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.until = w.clock.Now().Add(alarmed)
	}
	return res, err
}

// transport is the one for now.
func (w *watchful) transport() *kafka.Transport {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.until.IsZero():
		return w.calm
	case w.clock.Now().Before(w.until):
		return w.alert
	}
	w.until = time.Time{}
	w.alert.CloseIdleConnections() // it would go on asking
	return w.calm
}

// CloseIdleConnections closes what is not in use now, and the rest once it is not.
func (w *watchful) CloseIdleConnections() {
	w.calm.CloseIdleConnections()
	w.alert.CloseIdleConnections()
}

// passes tells of an answer with an error that passes, here or at another broker.
func passes(res kafka.Response) bool {
	temporary := func(code int16) bool { return code != 0 && kafka.Error(code).Temporary() }
	switch res := res.(type) {
	case *fetch.Response:
		return slices.ContainsFunc(res.Topics, func(t fetch.ResponseTopic) bool {
			return slices.ContainsFunc(t.Partitions, func(p fetch.ResponsePartition) bool { return temporary(p.ErrorCode) })
		})
	case *produce.Response:
		return slices.ContainsFunc(res.Topics, func(t produce.ResponseTopic) bool {
			return slices.ContainsFunc(t.Partitions, func(p produce.ResponsePartition) bool { return temporary(p.ErrorCode) })
		})
	case *listoffsets.Response:
		return slices.ContainsFunc(res.Topics, func(t listoffsets.ResponseTopic) bool {
			return slices.ContainsFunc(t.Partitions, func(p listoffsets.ResponsePartition) bool { return temporary(p.ErrorCode) })
		})
	case *metadata.Response:
		return slices.ContainsFunc(res.Topics, func(t metadata.ResponseTopic) bool {
			return temporary(t.ErrorCode) || slices.ContainsFunc(t.Partitions, func(p metadata.ResponsePartition) bool { return temporary(p.ErrorCode) })
		})
	}
	return false
}
