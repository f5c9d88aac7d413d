package awsapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
)

func poolOf(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in cert.pem")
	}
	return pool
}

func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
}

func TestCertificateIsKeptAndRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	now := clock.NewTest(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	serial := func(names ...string) string {
		t.Helper()
		s := &selfSigned{dir: dir, names: append(loopbackNames(), names...), clock: now}
		pair, err := s.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.String()
	}
	first := serial()
	if again := serial(); again != first {
		t.Error("a restart made a new certificate")
	}
	info, err := os.Stat(filepath.Join(dir, "key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key.pem: %v, %v", info.Mode(), err)
	}
	if err := now.Advance(t.Context(), certLifetime-renewBefore-time.Minute); err != nil {
		t.Fatal(err)
	}
	if serial() != first {
		t.Error("renewed too early")
	}
	if err := now.Advance(t.Context(), 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	second := serial()
	if second == first {
		t.Error("not renewed before its end")
	}
	if serial("logs.example") == second {
		t.Error("a new host name did not make a new certificate")
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	if serial("logs.example") == second {
		t.Error("a damaged pair was not replaced")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestCertificateRenewsInARunningProcess: the same config serves the new one.
func TestCertificateRenewsInARunningProcess(t *testing.T) {
	now := clock.NewTest(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	s := &selfSigned{dir: t.TempDir(), names: loopbackNames(), clock: now}
	first, err := s.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.get(nil); again != first {
		t.Error("made anew for each handshake")
	}
	if err := now.Advance(t.Context(), certLifetime); err != nil {
		t.Fatal(err)
	}
	if second, err := s.get(nil); err != nil || second == first {
		t.Errorf("served an expired certificate, %v", err)
	}
}

func TestGivenCertificate(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewTLSConfig(TLSFiles{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cfg, err := NewTLSConfig(TLSFiles{CertFile: cert, KeyFile: key})
	if err != nil || len(cfg.Certificates) != 1 {
		t.Errorf("got %v, %v", cfg, err)
	}
	if _, err := NewTLSConfig(TLSFiles{CertFile: cert}); err == nil {
		t.Error("a certificate without a key was taken")
	}
}

// TestSilentClientsHoldUpNobody: neither a client that sends nothing nor one
// that begins a handshake keeps others from being served, and both are closed.
func TestSilentClientsHoldUpNobody(t *testing.T) {
	cfg, err := NewTLSConfig(TLSFiles{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), ListenConfig{Addr: "127.0.0.1:0", TLS: cfg})
	if err != nil {
		t.Fatal(err)
	}
	srv := NewHTTPServer(HTTPConfig{HeaderTimeout: 100 * time.Millisecond, Log: quiet()}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "served")
	}))
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	defer func() { srv.Close(); <-ended }()
	addr := l.Addr().String()

	var slow []net.Conn
	for _, begin := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01", "POST / HT"} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, begin)
		slow = append(slow, c)
	}
	resp, err := client(t, &http.Transport{}).Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for i, c := range slow {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("slow client %d was not closed", i)
		}
	}
}

func TestMaxConns(t *testing.T) {
	l, err := Listen(t.Context(), ListenConfig{Addr: "127.0.0.1:0", MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	addr := serveOn(t, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "served") }))
	ask := func(c net.Conn) {
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ask(first)
	if _, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	ask(second)
	second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a second connection was served beside the first: %v", err)
	}
	first.Close()
	second.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := http.ReadResponse(bufio.NewReader(second), nil); err != nil {
		t.Errorf("the second connection was not served after the first: %v", err)
	}
}

func TestCheckBind(t *testing.T) {
	f := func(addr string, credentials, insecure, ok bool) {
		t.Helper()
		err := CheckBind(addr, credentials, insecure)
		if (err == nil) != ok {
			t.Errorf("%s credentials=%v insecure=%v: %v", addr, credentials, insecure, err)
		}
		if err != nil && strings.Contains(addr, ":") && !strings.Contains(err.Error(), "--insecure") && !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%s: the error does not say what to do: %v", addr, err)
		}
	}
	f("127.0.0.1:4580", false, false, true)
	f("127.9.9.9:1", false, false, true)
	f("[::1]:4580", false, false, true)
	f("localhost:4580", false, false, true)
	f("0.0.0.0:4580", false, false, false)
	f(":4580", false, false, false)
	f("[::]:4580", false, false, false)
	f("192.168.1.5:4580", false, false, false)
	f("localhost.example:4580", false, false, false)
	f("127.0.0.1.example:4580", false, false, false)
	f("0.0.0.0:4580", true, false, true)
	f("0.0.0.0:4580", false, true, true)
	f("127.0.0.1", false, false, false)
	f("nonsense", true, true, false)
}

func TestTLSVersionFloor(t *testing.T) {
	dir := t.TempDir()
	cfg, err := NewTLSConfig(TLSFiles{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, Config{}, ListenConfig{TLS: cfg}, toys()...)
	if _, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: poolOf(t, dir), MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// TestTellTLS: a handler sees how a request came.
func TestTellTLS(t *testing.T) {
	dir := t.TempDir()
	cfg, err := NewTLSConfig(TLSFiles{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), ListenConfig{Addr: "127.0.0.1:0", TLS: cfg})
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTPServer(HTTPConfig{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.TLS != nil && r.TLS.HandshakeComplete)
	}))
	go server.Serve(l)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(t, dir)}}}
	defer client.CloseIdleConnections()
	f := func(scheme, want string) {
		t.Helper()
		resp, err := client.Get(scheme + "://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != want {
			t.Errorf("%s: %q %v, want %s", scheme, b, err, want)
		}
	}
	f("http", "false")
	f("https", "true")
}
