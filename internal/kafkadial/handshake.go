package kafkadial

import (
	"context"
	"net"
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
func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: c.patience, KeepAlive: idleTimeout}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &patient{Conn: conn, patience: c.patience}, nil
}

// patient is a connection of which no deadline is the default one.
type patient struct {
	net.Conn
	clock    clock.Machine
	patience time.Duration
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
