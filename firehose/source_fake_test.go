package firehose_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sluice/firehose"
)

const (
	clusterARN = "arn:aws:kafka:us-east-1:000000000000:cluster/orders/1"
	topicName  = "orders"
)

// kinesisOf and mskOf are the members that name a source.
func kinesisOf(arn string) string {
	return `"KinesisStreamSourceConfiguration":{"KinesisStreamARN":"` + arn + `","RoleARN":"arn:aws:iam::000000000000:role/r"},`
}

func mskOf(arn, topic string) string {
	return `"MSKSourceConfiguration":{"MSKClusterARN":"` + arn + `","TopicName":"` + topic +
		`","AuthenticationConfiguration":{"RoleARN":"arn:aws:iam::000000000000:role/r","Connectivity":"PRIVATE"}},`
}

// fakeTopic is a source outside, with a group that gives all parts to the member
// that came last: the others are zombies until they notice.
type fakeTopic struct {
	mu        sync.Mutex
	parts     []*fakePart
	owner     *fakeMember
	changed   chan struct{} // closed when records or owners change
	noteLimit int
	numbers   bool // places are nothing but a number
	// step is called before and after each commit became durable, and before each
	// fetch, as the member that does it; an error is the call's.
	step func(m *fakeMember, point string) error
}

type fakePart struct {
	records   []firehose.Record // by number; a hole has no value
	first     uint64            // what was before is lost
	ended     bool              // there will be no more records
	committed firehose.Committed
}

func newFakeTopic(parts int) *fakeTopic {
	t := &fakeTopic{changed: make(chan struct{}), noteLimit: firehose.MaxNote, step: func(*fakeMember, string) error { return nil }}
	for range parts {
		t.parts = append(t.parts, &fakePart{})
	}
	return t
}

// notify wakes everybody. mu is held.
func (t *fakeTopic) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// produce appends records; a hole is nil.
func (t *fakeTopic) produce(part int, arrived int64, values ...[]byte) {
	t.append(part, arrived, firehose.Key{}, values...)
}

func (t *fakeTopic) append(part int, arrived int64, key firehose.Key, values ...[]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.parts[part]
	for _, v := range values {
		n := uint64(len(p.records))
		p.records = append(p.records, firehose.Record{
			Number: n, Place: t.place(n + 1), Arrived: arrived, Value: v, Key: key,
		})
	}
	t.notify()
}

func (t *fakeTopic) place(n uint64) firehose.Place {
	if t.numbers {
		return firehose.Place{Number: n}
	}
	return firehose.Place{Number: n, Token: fmt.Sprint("t", n)}
}

// send appends a record with a key.
func (t *fakeTopic) send(part int, arrived int64, key firehose.Key, value string) {
	t.append(part, arrived, key, []byte(value))
}

// lose has a part begin at a number.
func (t *fakeTopic) lose(part int, first uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts[part].first = first
	t.notify()
}

// Open implements firehose.Outside.
func (t *fakeTopic) Open(o firehose.Origin) (firehose.Group, error) {
	if o.ARN != clusterARN || o.Topic != topicName {
		return nil, firehose.ErrNoSource
	}
	return &fakeMember{topic: t}, nil
}

// fakeMember is one process in the group.
type fakeMember struct {
	topic *fakeTopic
	// asleep members do not notice that they lost their parts.
	asleep bool
	name   string
}

// Run implements firehose.Group.
func (m *fakeMember) Run(ctx context.Context, serve func(context.Context, firehose.Claim)) {
	t := m.topic
	t.mu.Lock()
	t.owner = m
	t.notify()
	t.mu.Unlock()
	var wg sync.WaitGroup
	owned, stop := context.WithCancel(ctx)
	defer stop()
	for i := range t.parts {
		wg.Go(func() { serve(owned, &fakeClaim{m: m, part: i}) })
	}
	for ctx.Err() == nil {
		t.mu.Lock()
		changed, mine := t.changed, t.owner == m || m.asleep
		t.mu.Unlock()
		if !mine {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	stop()
	wg.Wait()
	<-ctx.Done()
}

type fakeClaim struct {
	m    *fakeMember
	part int
}

func (c *fakeClaim) Part() string { return fmt.Sprintf("%s-%d", topicName, c.part) }

func (c *fakeClaim) Committed(context.Context) (firehose.Committed, error) {
	if err := c.m.topic.step(c.m, "committed"); err != nil {
		return firehose.Committed{}, err
	}
	c.m.topic.mu.Lock()
	defer c.m.topic.mu.Unlock()
	return c.m.topic.parts[c.part].committed, nil
}

func (c *fakeClaim) Start(context.Context) (firehose.Place, error) {
	c.m.topic.mu.Lock()
	defer c.m.topic.mu.Unlock()
	return firehose.Place{Number: c.m.topic.parts[c.part].first}, nil
}

func (c *fakeClaim) Commit(_ context.Context, to firehose.Committed) error {
	t := c.m.topic
	if err := t.step(c.m, "before commit"); err != nil {
		return err
	}
	t.mu.Lock()
	switch {
	case t.owner != c.m:
		t.mu.Unlock()
		return firehose.ErrLost
	case len(to.Note) > t.noteLimit:
		t.mu.Unlock()
		return firehose.ErrNoteTooLong
	}
	t.parts[c.part].committed = to
	t.mu.Unlock()
	return t.step(c.m, "after commit")
}

func (c *fakeClaim) Fetch(ctx context.Context, from firehose.Place, maxBytes int, visit func(*firehose.Record) error) (firehose.Fetched, error) {
	t := c.m.topic
	if err := t.step(c.m, "fetch"); err != nil {
		return firehose.Fetched{}, err
	}
	for {
		t.mu.Lock()
		p, changed := t.parts[c.part], t.changed
		records, first, ended := slices.Clone(p.records), p.first, p.ended
		t.mu.Unlock()
		if from.Number < first {
			return firehose.Fetched{}, &firehose.GapError{From: from, First: firehose.Place{Number: first, Token: "gap"}}
		}
		if from.Number > uint64(len(records)) {
			return firehose.Fetched{}, &firehose.GapError{From: from}
		}
		if from.Number < uint64(len(records)) {
			fetched, err := fakeFetch(records, from, maxBytes, visit)
			fetched.Last = ended && fetched.Next.Number == uint64(len(records))
			return fetched, err
		}
		if ended {
			return firehose.Fetched{Next: from, End: from.Number, Last: true}, nil
		}
		select {
		case <-changed:
		case <-time.After(500 * time.Millisecond):
			return firehose.Fetched{Next: from, End: from.Number}, nil
		case <-ctx.Done():
			return firehose.Fetched{}, ctx.Err()
		}
	}
}

func fakeFetch(records []firehose.Record, from firehose.Place, maxBytes int, visit func(*firehose.Record) error) (firehose.Fetched, error) {
	at, size := from, 0
	for i := from.Number; i < uint64(len(records)) && size < maxBytes; i++ {
		r := records[i]
		at = r.Place
		if r.Value == nil {
			continue
		}
		size += len(r.Value)
		if err := visit(&r); err != nil {
			return firehose.Fetched{Next: from, End: uint64(len(records))}, err
		}
	}
	return firehose.Fetched{Next: at, End: uint64(len(records))}, nil
}

var errDead = errors.New("the process is dead")
