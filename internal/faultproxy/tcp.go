package faultproxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"sluice/internal/clock"
)

// Limits say after how many bytes a connection is reset, in each direction, and
// how fast it is; 0 is never, and as fast as it goes.
type Limits struct {
	Up   int64 // of what the client sends
	Down int64 // of what the upstream sends
	Rate int64 // bytes a second, each way
}

// TCP is a proxy that knows connections.
type TCP struct {
	upstream string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	limits func(n int) Limits
	count  int
	cut    bool
	open   map[net.Conn]bool // both ends of each connection
}

// ListenTCP starts a proxy before the server at upstream, HOST:PORT.
func ListenTCP(upstream string) (*TCP, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", upstream, err)
	}
	p := &TCP{upstream: upstream, listener: l, open: make(map[net.Conn]bool)}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where clients find the proxy, HOST:PORT.
func (p *TCP) Addr() string { return p.listener.Addr().String() }

// Limit sets the limits of the connections to come, which are counted from 0.
// nil is none.
func (p *TCP) Limit(limits func(n int) Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits, p.count = limits, 0
}

// Cut resets every connection, and new ones at once, until Heal.
func (p *TCP) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.open {
		breakOff(c)
	}
}

// Heal lets new connections pass again.
func (p *TCP) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

// Close ends the proxy and every connection.
func (p *TCP) Close() {
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *TCP) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *TCP) serve(client net.Conn) {
	defer p.drop(client)
	limits, ok := p.admit(client)
	if !ok {
		return
	}
	upstream, err := net.Dial("tcp", p.upstream)
	if err != nil {
		breakOff(client)
		return
	}
	defer p.drop(upstream)
	if !p.keep(upstream) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pipe(upstream, client, limits.Up, limits.Rate) })
	both.Go(func() { pipe(client, upstream, limits.Down, limits.Rate) })
	both.Wait()
}

// admit counts a connection and tells its limits.
func (p *TCP) admit(client net.Conn) (limits Limits, ok bool) {
	if !p.keep(client) {
		return Limits{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limits != nil {
		limits = p.limits(p.count)
	}
	p.count++
	return limits, true
}

// keep remembers a connection for Cut, unless it is cut already.
func (p *TCP) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		breakOff(c)
		return false
	}
	p.open[c] = true
	return true
}

func (p *TCP) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// pipe copies until the source ends, or resets both ends at the limit.
func pipe(to, from net.Conn, limit, rate int64) {
	var source io.Reader = from
	if limit > 0 {
		source = io.LimitReader(from, limit)
	}
	if rate > 0 {
		source = &slow{from: source, share: max(1, rate/sharesASecond)}
	}
	n, err := io.Copy(to, source)
	if err == nil && (limit == 0 || n < limit) {
		to.(*net.TCPConn).CloseWrite() // an ordinary end, passed on
		return
	}
	breakOff(to)
	breakOff(from)
}

const sharesASecond = 50

// slow reads a share at a time and rests after each.
type slow struct {
	from  io.Reader
	share int64
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := s.from.Read(b[:min(int64(len(b)), s.share)])
	rest := time.Second / sharesASecond * time.Duration(n) / time.Duration(s.share)
	if n > 0 {
		(clock.Machine{}).Sleep(context.Background(), rest) // nothing ends it
	}
	return n, err
}

// breakOff closes a connection with a reset.
func breakOff(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
