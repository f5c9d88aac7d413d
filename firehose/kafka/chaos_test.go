package kafka_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/firehose"
	"sluice/internal/clock"
	"sluice/internal/objput"
)

// unsure is a bucket of which puts fail now and then, before or after they were
// done, until it is dead.
type unsure struct {
	objput.Store
	dead atomic.Bool

	mu   sync.Mutex // guards what follows
	rand *rand.Rand
}

var errUnsure = errors.New("no answer")

func (u *unsure) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	u.mu.Lock()
	dice := u.rand.IntN(10)
	u.mu.Unlock()
	if u.dead.Load() || dice == 0 {
		return errUnsure
	}
	err := u.Store.PutIfAbsent(ctx, bucket, key, o)
	if dice == 1 {
		return errUnsure
	}
	return err
}

// mortal is a group of a process that may die: then nothing that it commits
// arrives.
type mortal struct {
	firehose.Group
	dead *atomic.Bool
}

func (m mortal) Run(ctx context.Context, serve func(context.Context, firehose.Claim)) {
	m.Group.Run(ctx, func(ctx context.Context, c firehose.Claim) { serve(ctx, mortalClaim{c, m.dead}) })
}

type mortalClaim struct {
	firehose.Claim
	dead *atomic.Bool
}

func (c mortalClaim) Commit(ctx context.Context, to firehose.Committed) error {
	if c.dead.Load() {
		return errUnsure
	}
	return c.Claim.Commit(ctx, to)
}

// network is connections that can be reset.
type network struct {
	mu   sync.Mutex // guards open
	open []net.Conn
}

func (n *network) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &listener{l, n}, err
}

func (n *network) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.open {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	n.open = nil
}

type listener struct {
	net.Listener
	n *network
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.mu.Lock()
		defer l.n.mu.Unlock()
		l.n.open = append(l.n.open, c)
	}
	return c, err
}

// TestChaos has processes come, go and die while leaders and coordinators move
// among three brokers, connections are reset, commits fail, and puts fail before
// and after they were done. Every record is in one object.
func TestChaos(t *testing.T) {
	wire := &network{}
	cluster, b := brokers(t, kfake.ListenFn(wire.listen)), newBucket(t)
	p := newProducer(t, cluster)
	r := rand.New(rand.NewPCG(1, 7))
	type one struct {
		*process
		store *unsure
	}
	var alive []one
	begin := func() {
		store := &unsure{Store: b.store, rand: rand.New(rand.NewPCG(2, r.Uint64()))}
		alive = append(alive, one{start(t, cluster.ListenAddrs(), store, quick, func(_ *firehose.Config, o *outside) {
			o.wrap = func(g firehose.Group) firehose.Group { return mortal{g, &store.dead} }
		}), store})
	}
	end := func(kill bool) {
		gone := alive[0]
		alive = alive[1:]
		gone.store.dead.Store(kill)
		gone.stop()
	}
	begin()
	for i := range 16 {
		switch i % 8 {
		case 0:
			part := r.Int32N(partitions)
			if err := cluster.MoveTopicPartition(topic, part, (cluster.LeaderFor(topic, part)+1)%3); err != nil {
				t.Fatal(err)
			}
		case 1:
			begin()
		case 2:
			wire.reset()
		case 3:
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RequestTimedOut, Count: 3})
		case 4:
			cluster.RehashCoordinators()
		case 5:
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch, kmsg.OffsetCommit, kmsg.OffsetFetch}, Err: kerr.CoordinatorLoadInProgress})
		case 6:
			if len(alive) > 1 {
				end(i%16 == 6)
			}
		}
		p.send(1+r.IntN(20), r.IntN(2000))
		if i%3 == 0 {
			before := delivered(t, b.store)
			until(t, "some delivery", func() bool { return delivered(t, b.store) > before })
		}
	}
	until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
	for len(alive) > 0 {
		end(false)
	}
	audit(t, b.store, p.sent, nil)
}

// pausing is a bucket that lets its process stand still before or after it puts an
// object, against all contexts.
type pausing struct {
	objput.Store
	after  bool
	paused chan struct{}
	resume chan struct{}
	once   sync.Once
}

func (p *pausing) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	pause := func() {
		p.once.Do(func() {
			close(p.paused)
			<-p.resume
		})
	}
	if !p.after {
		pause()
	}
	err := p.Store.PutIfAbsent(context.WithoutCancel(ctx), bucket, key, o)
	if p.after {
		pause()
	}
	return err
}

// TestPausedProcess stands still at its first put for longer than its group waits.
// Another process finishes the plan that is open, and more; the first one wakes up
// and can change nothing.
func TestPausedProcess(t *testing.T) {
	for _, after := range []bool{false, true} {
		cluster, b := brokers(t), newBucket(t)
		p := newProducer(t, cluster)
		p.send(20, 10)
		store := &pausing{Store: b.store, after: after, paused: make(chan struct{}), resume: make(chan struct{})}
		first := start(t, cluster.ListenAddrs(), store, quick, nil)
		<-store.paused
		second := start(t, cluster.ListenAddrs(), b.store, quick, nil)
		until(t, "the other process delivers what was planned", func() bool { return delivered(t, b.store) == int64(p.sent) })
		p.send(20, 10)
		until(t, "and more", func() bool { return delivered(t, b.store) == int64(p.sent) })
		close(store.resume)
		until(t, "both share the partitions", func() bool { return first.status().Parts == 2 && second.status().Parts == 2 })
		p.send(20, 10)
		until(t, "the rest", func() bool { return delivered(t, b.store) == int64(p.sent) })
		first.stop()
		p.send(5, 10)
		until(t, "what the second one does alone", func() bool { return delivered(t, b.store) == int64(p.sent) })
		second.stop()
		audit(t, b.store, p.sent, nil)
	}
}

// TestLostOffsets deletes records that nobody has read: their partition stops, or
// its manifests say what is lost; the others go on.
func TestLostOffsets(t *testing.T) {
	for _, skip := range []bool{false, true} {
		cluster, b := brokers(t), newBucket(t)
		p := newProducer(t, cluster)
		p.send(10, 10)
		change := func(c *firehose.Config, _ *outside) { c.SkipGaps = skip }
		w := start(t, cluster.ListenAddrs(), b.store, quick, change)
		until(t, "delivery", func() bool { return delivered(t, b.store) == int64(p.sent) })
		w.stop()
		p.send(10, 10) // 40 to 49 go to partition 0
		if err := cluster.DeleteRecords(topic, 0, 16); err != nil {
			t.Fatal(err)
		}
		w = start(t, cluster.ListenAddrs(), b.store, quick, change)
		lost := map[int]bool{}
		if skip {
			for i := range 6 {
				lost[40+i] = true
			}
			until(t, "delivery behind the gap", func() bool { return delivered(t, b.store) == int64(p.sent-6) })
			if s := w.status(); s.LostPositions != 6 {
				t.Errorf("%+v", s)
			}
			found := 0
			for _, m := range manifests(t, b.store) {
				for _, l := range m.Lost {
					if found++; m.Lane != "orders-0" || l.From != 10 || l.To != 16 {
						t.Errorf("%+v", m)
					}
				}
			}
			if found != 1 {
				t.Errorf("%d gaps in manifests", found)
			}
		} else {
			for i := range 10 {
				lost[40+i] = true
			}
			until(t, "delivery of the others", func() bool { return delivered(t, b.store) == int64(p.sent-10) })
			until(t, "the alarm", func() bool {
				var gap *firehose.GapError
				s := w.status()
				return s.Condition == firehose.Parked && errors.As(s.Err, &gap)
			})
		}
		w.stop()
		audit(t, b.store, p.sent, lost)
	}
}

// TestStart begins where ReadFromTimestamp says.
func TestStart(t *testing.T) {
	cluster, b := brokers(t), newBucket(t)
	p := newProducer(t, cluster)
	p.send(3, 10)
	if (clock.Machine{}).Sleep(t.Context(), 5*time.Millisecond) != nil {
		t.Fatal("interrupted")
	}
	from := time.Now()
	p.send(4, 10)
	w := startAt(t, cluster.ListenAddrs(), b.store, quick, from, nil)
	until(t, "delivery", func() bool { return delivered(t, b.store) == 4*partitions })
	w.stop()
	before := map[int]bool{}
	for i := range 3 * partitions {
		before[i] = true
	}
	audit(t, b.store, p.sent, before)
}
