package kafka

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/stream/streamtest"
)

// TestTransport is what every stream outside the process promises.
func TestTransport(t *testing.T) {
	streamtest.RunTransport(t, func(t testing.TB) streamtest.Transport {
		network := &network{open: map[net.Conn]bool{}}
		_, d := brokers(t, kfake.ListenFn(network.listen))
		s := &suite{network: network, cluster: d}
		s.producer = producer(t, d, func(c *ProducerConfig) { c.Compression, c.DeadLetterTopic = kafka.Snappy, deadLetter })
		return s
	})
}

// suite is a producer and a group of consumers of one topic.
type suite struct {
	*network
	cluster  *kafkadial.Cluster
	producer *Producer

	visiting sync.Mutex // held by the visit that is under way

	mu     sync.Mutex // guards places
	places []string
}

func (s *suite) Produce(ctx context.Context, origin uint64, parcels ...event.Parcel) error {
	return s.producer.Produce(ctx, origin, parcels...)
}

func (s *suite) Consume(ctx context.Context, visit func(context.Context, []event.Parcel) error) error {
	c, err := NewConsumer(ConsumerConfig{
		Cluster: s.cluster, Topic: topic, GroupID: "g", SessionTimeout: time.Second, StallTimeout: 10 * time.Second, FetchBytes: 1 << 20,
		Logger: quiet, PutAside: s.putAside,
	})
	if err != nil {
		return err
	}
	return c.Run(ctx, func(ctx context.Context, parcels []event.Parcel) error {
		s.visiting.Lock() // partitions are visited side by side; the suite's visitors count without a lock
		defer s.visiting.Unlock()
		return visit(ctx, parcels)
	})
}

func (s *suite) putAside(ctx context.Context, u Unreadable) error {
	if err := s.producer.PutAside(ctx, u); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places = append(s.places, u.Error())
	return nil
}

func (s *suite) Poison(ctx context.Context) error {
	o := outgoing{value: []byte("no batch"), time: 1, origin: Origin{Payload: Batch, Stream: 77, First: 1, End: 2}}
	return s.producer.sendAll(ctx, []outgoing{o}, 1)
}

func (s *suite) Poisoned() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places
}

// network is that of the brokers, with a switch.
type network struct {
	mu   sync.Mutex // guards the fields below
	cut  bool
	open map[net.Conn]bool
}

func (n *network) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &listener{l, n}, err
}

// Outage resets every connection and all that are tried.
func (n *network) Outage() (over func()) {
	n.set(true)
	return func() { n.set(false) }
}

func (n *network) set(cut bool) {
	n.mu.Lock()
	n.cut = cut
	n.mu.Unlock()
	if cut {
		n.reset()
	}
}

// reset resets every connection.
func (n *network) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.open {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	clear(n.open)
}

type listener struct {
	net.Listener
	n *network
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.n.mu.Lock()
		cut := l.n.cut
		if !cut {
			l.n.open[c] = true
		}
		l.n.mu.Unlock()
		if !cut {
			return c, nil
		}
		c.Close()
	}
}
