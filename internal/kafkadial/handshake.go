package kafkadial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/clock"
)

// dial opens a connection that waits no longer for a broker than for a handshake,
// unless somebody says how long.
//
// The library sets a deadline for every request. But it asks who we are, SASL,
// without one: a broker that takes connections and does not answer, as one that is
// stopped does, would hold a consumer group's only goroutine for ever. It would join
// no more, and neither leave.
//
// And a group asks the first broker of those that it was named that takes its
// connection, each time. So one that said nothing on a connection is not connected
// to for a while: the next in the list is asked.
func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.silent.now(address) {
		return nil, fmt.Errorf("%s took a connection a moment ago, and said nothing", address)
	}
	d := net.Dialer{Timeout: c.patience, KeepAlive: idleTimeout}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &patient{Conn: conn, patience: c.patience, mute: func() { c.silent.note(address, c.patience) }}, nil
}

// silence is until when brokers are left alone that said nothing, by address.
type silence struct {
	clock clock.Machine

	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func (s *silence) now(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.Now().Before(s.until[address])
}

func (s *silence) note(address string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	s.until[address] = s.clock.Now().Add(d)
}

// patient is a connection of which no deadline is the default one.
type patient struct {
	net.Conn
	clock    clock.Machine
	patience time.Duration
	mute     func() // is told when the deadline of a first answer passes
	heard    atomic.Bool
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 {
		p.heard.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && !p.heard.Load() {
		p.mute()
	}
	return n, err
}

func (p *patient) until(t time.Time) time.Time {
	if t.IsZero() {
		return p.clock.Now().Add(p.patience)
	}
	return t
}

// SetDeadline implements net.Conn.
func (p *patient) SetDeadline(t time.Time) error { return p.Conn.SetDeadline(p.until(t)) }

// SetReadDeadline implements net.Conn.
func (p *patient) SetReadDeadline(t time.Time) error { return p.Conn.SetReadDeadline(p.until(t)) }

// SetWriteDeadline implements net.Conn.
func (p *patient) SetWriteDeadline(t time.Time) error { return p.Conn.SetWriteDeadline(p.until(t)) }
