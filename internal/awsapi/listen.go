package awsapi

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// ListenConfig describes a listening socket.
type ListenConfig struct {
	Addr string // host:port; CheckBind comes first
	// TLS, when set, is spoken on the same port with clients that start it.
	TLS *tls.Config
	// MaxConns bounds open connections; those beyond it wait in the kernel's
	// queue. Default 0: no bound.
	MaxConns int
}

// Listen opens a socket which speaks plain HTTP and TLS on one port: the first
// byte of a connection decides (0x16 starts a TLS handshake and no HTTP method).
// That byte is read by the connection's own goroutine on its first Read, so a
// silent client holds up nobody, and the read deadline that NewHTTPServer's
// server sets for the header covers byte, handshake and header together.
func Listen(ctx context.Context, cfg ListenConfig) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", cfg.Addr, err)
	}
	if cfg.MaxConns > 0 {
		l = &boundedListener{Listener: l, places: make(chan struct{}, cfg.MaxConns), closed: make(chan struct{})}
	}
	if cfg.TLS != nil {
		l = &sniffListener{l, cfg.TLS}
	}
	return l, nil
}

type sniffListener struct {
	net.Listener
	tls *tls.Config
}

func (l *sniffListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sniffConn{Conn: c, config: l.tls}, nil
}

const tlsHandshakeByte = 0x16

// sniffConn becomes plain or TLS with the first byte it reads. net/http reads
// from one goroutine at a time and writes only after a read, so spoken is set
// before anybody needs it but Close, which may come at any time.
type sniffConn struct {
	net.Conn // deadlines and addresses are the socket's either way
	config   *tls.Config
	spoken   atomic.Pointer[net.Conn] // nil until the first byte
}

func (c *sniffConn) Read(p []byte) (int, error) {
	if spoken := c.spoken.Load(); spoken != nil {
		return (*spoken).Read(p)
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		return n, err
	}
	spoken := c.Conn
	if p[0] == tlsHandshakeByte {
		spoken = tls.Server(&replayConn{Conn: c.Conn, head: append([]byte(nil), p[:n]...)}, c.config)
	}
	c.spoken.Store(&spoken)
	if spoken == c.Conn {
		return n, err
	}
	return spoken.Read(p)
}

func (c *sniffConn) Write(p []byte) (int, error) { return c.current().Write(p) }

func (c *sniffConn) Close() error { return c.current().Close() }

// CloseWrite lets net/http end an answer in peace while a refused body is still
// coming in.
func (c *sniffConn) CloseWrite() error {
	if half, ok := c.current().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *sniffConn) current() net.Conn {
	if spoken := c.spoken.Load(); spoken != nil {
		return *spoken
	}
	return c.Conn
}

// replayConn reads again what sniffing consumed.
type replayConn struct {
	net.Conn
	head []byte
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	return n, nil
}

// boundedListener accepts while there are places.
type boundedListener struct {
	net.Listener
	places    chan struct{}
	closed    chan struct{}
	closeOnce sync.Once
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

func (l *boundedListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type boundedConn struct {
	net.Conn
	leave func()
}

func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// HTTPConfig is what NewHTTPServer needs to know; zero fields are defaults.
type HTTPConfig struct {
	// HostNames are accepted in Host on loopback beside the loopback names.
	HostNames []string
	// HeaderTimeout bounds the wait for TLS handshake and header. Default 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next request. Default 120 s.
	IdleTimeout time.Duration
	// RequestTimeout is the backstop for reading a request and for writing its
	// answer, each, where a handler sets no deadline of its own; streams do.
	// Default 5 min.
	RequestTimeout time.Duration
	// MaxHeaderBytes bounds a header. Default 64 KiB.
	MaxHeaderBytes int
	// Log gets net/http's complaints about connections, at level debug.
	// Default slog.Default.
	Log *slog.Logger
}

// NewHTTPServer is the one place where an http.Server is made: with every
// timeout, and behind Guard. It serves any handler: the AWS Server, a mux with
// ingest paths beside it, or the admin port.
func NewHTTPServer(cfg HTTPConfig, handler http.Handler) *http.Server {
	setDefault(&cfg.HeaderTimeout, 10*time.Second)
	setDefault(&cfg.IdleTimeout, 120*time.Second)
	setDefault(&cfg.RequestTimeout, 5*time.Minute)
	setDefault(&cfg.MaxHeaderBytes, 64<<10)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // JavaScript's clients of Kinesis speak nothing else
	return &http.Server{
		Protocols:         &protocols,
		Handler:           tellTLS(Guard(handler, cfg.HostNames...)),
		ConnContext:       rememberConn,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		ReadTimeout:       cfg.RequestTimeout,
		// Set for every request anew, so that a deadline which one handler left
		// behind never meets the next request of the connection.
		WriteTimeout:   cfg.RequestTimeout,
		MaxHeaderBytes: cfg.MaxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
}

type connKey struct{}

// rememberConn lets tellTLS find a request's connection.
func rememberConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// tellTLS sets Request.TLS, which net/http does only for a connection that it
// sees to be TLS before the first byte. Client certificates are found there.
func tellTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*sniffConn); ok && r.TLS == nil {
			if spoken, ok := c.current().(*tls.Conn); ok {
				state := spoken.ConnectionState()
				r.TLS = &state
			}
		}
		next.ServeHTTP(w, r)
	})
}
