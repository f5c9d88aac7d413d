package kafka_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/ingest/kafka"
	"sluice/internal/event"
)

// ledgerless takes batches without a log: it knows them by their origin alone.
type ledgerless struct {
	t *testing.T

	mu      sync.Mutex // guards the fields below
	rng     *rand.Rand
	seen    map[event.Position]string // what each batch held
	highest [3]uint64
	repeats int
}

// Append implements kafka.Appender: a sixth of the batches is taken and reported
// as failed, and so comes again.
func (l *ledgerless) Append(_ context.Context, b event.Batch) (event.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	origin, text := b.Header().Origin, string(b.Text())
	before, again := l.seen[origin]
	switch {
	case again && before != text:
		l.t.Errorf("the batch up to %v held %d bytes and now holds %d", origin, len(before), len(text))
	case again:
		l.repeats++
	case origin.Number <= l.highest[origin.Shard]:
		l.t.Errorf("the batch up to %v was not there when a later one came", origin)
	}
	l.seen[origin] = text
	l.highest[origin.Shard] = max(l.highest[origin.Shard], origin.Number)
	if l.rng.IntN(6) == 0 {
		return event.Position{}, errors.New("taken, and nobody heard of it")
	}
	return origin, nil
}

// events counts what all batches hold.
func (l *ledgerless) events() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.seen {
		n += strings.Count(text, "\n")
	}
	return n
}

// noMarks is Marks without a log.
type noMarks struct{}

func (noMarks) Mark(context.Context, uint64, uint32) (uint64, error) { return 0, nil }

// TestAligned replaces members again and again, while fetches of many sizes end
// anywhere and records keep coming, and wants each batch to be the same one whoever
// makes it.
func TestAligned(t *testing.T) {
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	rng := rand.New(rand.NewPCG(3, 1))
	sink := &ledgerless{t: t, rng: rand.New(rand.NewPCG(3, 2)), seen: map[event.Position]string{}}
	sent := 0
	for round := range 6 {
		s := w.source(func(c *kafka.Config, l *kafka.Links) {
			c.Aligned, l.Appender, l.Marks = true, sink, noMarks{}
			c.FetchBytes = 64 << 10 << rng.IntN(4)
			c.CommitInterval = []time.Duration{time.Millisecond, time.Hour}[rng.IntN(2)]
		}).run()
		for range 10 {
			var batch []string
			for range 1 + rng.IntN(40) {
				batch = append(batch, strings.Repeat("x", rng.IntN(8<<10)+1))
			}
			p.send(rng.IntN(3), batch...)
			sent += len(batch)
		}
		if round%2 == 0 { // the others end in the middle
			until(t, "all of it has come", func() bool { return sink.events() == sent })
		}
		s.stop()
	}
	s := w.source(func(c *kafka.Config, l *kafka.Links) { c.Aligned, l.Appender, l.Marks = true, sink, noMarks{} }).run()
	until(t, "all of it has come", func() bool { return sink.events() == sent })
	s.stop()
	if sink.repeats == 0 {
		t.Error("no batch came again: the test shows nothing")
	}
}
