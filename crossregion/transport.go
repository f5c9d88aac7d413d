package crossregion

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"sluice/internal/clock"
)

// newTransport makes connections that give up on a peer that is silent for
// longer than heartbeats allow.
func newTransport(trust *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		TLSClientConfig: trust, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: replyTimeout,
		DisableCompression: true, // chunks are compressed
		MaxIdleConns:       4, IdleConnTimeout: 30 * time.Second,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: c}, nil
		},
	}
}

// silence is how long a source may send nothing: several heartbeats.
const silence = 15 * time.Second

// patientConn ends a connection on which nothing moves: a link that was cut tells
// nobody.
type patientConn struct {
	net.Conn
	machine clock.Machine
}

// Read gives up after silence.
func (c *patientConn) Read(p []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(c.machine.Now().Add(silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// rate bounds bytes a second over several users, each of which waits its turn.
type rate struct {
	bytesPerSecond int64

	mu   sync.Mutex // guards free
	free time.Time  // when what was spent is paid
}

// spend waits until the bytes that were spent before are paid.
func (r *rate) spend(ctx context.Context, n int) error {
	if r.bytesPerSecond <= 0 {
		return ctx.Err()
	}
	machine := clock.Machine{}
	now := machine.Now()
	r.mu.Lock()
	at := r.free
	if at.Before(now) {
		at = now
	}
	r.free = at.Add(time.Duration(float64(n) / float64(r.bytesPerSecond) * float64(time.Second)))
	r.mu.Unlock()
	return machine.Sleep(ctx, at.Sub(now))
}
