package kafkadial

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// mute takes connections and what is said on them, and says nothing until the test
// ends.
func mute(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

// TestSilentBrokersAreLeft: a broker that answers nothing holds nobody who asks it
// for more than to be connected.
func TestSilentBrokersAreLeft(t *testing.T) {
	c, err := New(Config{Brokers: []string{mute(t)}, SASL: SASL{Mechanism: "plain", Username: "u", Password: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	c.patience = 50 * time.Millisecond
	// What the test waits for is that they return at all.
	if conn, err := c.Dialer().DialContext(context.Background(), "tcp", c.Brokers()[0]); err == nil {
		conn.Close()
		t.Error("a silent broker is connected to")
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: "g", Brokers: c.Brokers(), Dialer: c.Dialer(), Topics: []string{"t"}, JoinGroupBackoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.Next(context.Background()); err == nil {
		t.Error("joined the group of a silent broker")
	}
	group.Close()
}

// TestSilentBrokersAreGoneAround: a group is joined by way of the brokers that
// answer, whichever is named first, and one that was silent is asked again.
func TestSilentBrokersAreGoneAround(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	silent := mute(t)
	c, err := New(Config{Brokers: append([]string{silent}, cluster.ListenAddrs()...)})
	if err != nil {
		t.Fatal(err)
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: "g", Brokers: c.Brokers(), Dialer: c.Dialer(), Topics: []string{"t"}, JoinGroupBackoff: time.Millisecond, Timeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	for range 3 {
		if _, err = group.Next(t.Context()); err == nil {
			break
		}
	}
	if err != nil {
		t.Error("the group was not joined:", err)
	}
	c.silent.note(silent, -time.Second)
	conn, err := c.dial(t.Context(), "tcp", silent)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// TestLongRequests: who says how long he waits may wait longer, also on a connection
// that was idle for longer than a handshake takes.
func TestLongRequests(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	p := &patient{Conn: near, patience: time.Millisecond, mute: func() {}}
	defer p.Close()
	if err := p.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(make([]byte, 1)); err == nil {
		t.Fatal("something was said")
	}
	if err := p.SetReadDeadline(p.clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	go far.Write([]byte("x"))
	if _, err := p.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
