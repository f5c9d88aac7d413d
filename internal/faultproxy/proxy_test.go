package faultproxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/faultproxy"
)

// upstream counts what reached it and answers with the request's body.
func upstream(t *testing.T) (*faultproxy.HTTP, *atomic.Int64) {
	t.Helper()
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		reached.Add(1)
		w.Header().Set("X-Host", r.Host)
		w.Write(append([]byte("echo "), body...))
	}))
	t.Cleanup(server.Close)
	p, err := faultproxy.ListenHTTP(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, &reached
}

// post sends a body and returns the status and what came of the answer.
func post(ctx context.Context, p *faultproxy.HTTP) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL()+"/a%2Fb?q=1", strings.NewReader("body"))
	if err != nil {
		return 0, "", err
	}
	r.Host = "signed.example"
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.Header.Get("X-Host") != "" && resp.Header.Get("X-Host") != "signed.example" {
		err = errors.New("host header became " + resp.Header.Get("X-Host"))
	}
	return resp.StatusCode, string(b), err
}

func TestFaults(t *testing.T) {
	p, reached := upstream(t)
	isReset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) }
	isCut := func(err error) bool { return isReset(err) || errors.Is(err, io.ErrUnexpectedEOF) }
	isTimeout := func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
	none := func(err error) bool { return err == nil }
	f := func(fault faultproxy.Fault, arrives int64, status int, body string, failed func(error) bool) {
		t.Helper()
		reached.Store(0)
		p.Forget()
		p.Play(faultproxy.Once(func(r faultproxy.Request) bool {
			return r.Method == http.MethodPost && r.Path == "/a/b" && r.Query.Get("q") == "1" && r.N == 0
		}, fault))
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		gotStatus, got, err := post(ctx, p)
		if gotStatus != status || !strings.Contains(got, body) || !failed(err) {
			t.Errorf("%v: %d %q %v", fault, gotStatus, got, err)
		}
		if reached.Load() != arrives {
			t.Errorf("%v: %d requests arrived, want %d", fault, reached.Load(), arrives)
		}
		if status, got, err := post(context.Background(), p); status != 200 || got != "echo body" || err != nil {
			t.Errorf("after %v: %d %q %v", fault, status, got, err)
		}
		if n := len(p.Seen()); n != 2 {
			t.Errorf("%v: %d requests seen", fault, n)
		}
	}
	f(faultproxy.Fault{}, 1, 200, "echo body", none)
	f(faultproxy.Delay(time.Millisecond), 1, 200, "echo body", none)
	f(faultproxy.ResetBefore(), 0, 0, "", isReset)
	f(faultproxy.ResetAfter(), 1, 0, "", isReset)
	f(faultproxy.StallBefore(), 0, 0, "", isTimeout)
	f(faultproxy.StallAfter(), 1, 0, "", isTimeout)
	f(faultproxy.Status(503, "SlowDown"), 0, 503, "<Code>SlowDown</Code>", none)
	f(faultproxy.StatusAfter(500, "InternalError"), 1, 500, "<Code>InternalError</Code>", none)
	f(faultproxy.Status(200, "InternalError"), 0, 200, "<Error>", none)
	f(faultproxy.Empty(), 0, 200, "", none)
	f(faultproxy.Truncate(3), 1, 200, "ech", isCut)
	f(faultproxy.Truncate(20), 1, 200, "echo body ", isCut)
	f(faultproxy.Trickle(time.Millisecond), 1, 200, "echo body", none)
	f(faultproxy.StallBody(4), 1, 200, "echo", isTimeout)
}

func TestAlways(t *testing.T) {
	p, reached := upstream(t)
	p.Play(faultproxy.Always(func(faultproxy.Request) bool { return true }, faultproxy.ResetBefore()))
	for range 3 {
		if _, _, err := post(context.Background(), p); err == nil {
			t.Error("a request passed")
		}
	}
	if reached.Load() != 0 {
		t.Error("the upstream was reached")
	}
}

// echo is a server that sends back what it gets.
func echo(t *testing.T) *faultproxy.TCP {
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
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	p, err := faultproxy.ListenTCP(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// say sends a text and returns what came back of it before the end.
func say(p *faultproxy.TCP, text string) (string, error) {
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

func TestTCPLimits(t *testing.T) {
	p := echo(t)
	p.Limit(func(n int) faultproxy.Limits {
		return []faultproxy.Limits{{}, {Up: 4}, {Down: 4}}[n]
	})
	if got, err := say(p, "hello there"); got != "hello there" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if got, err := say(p, "hello there"); err == nil {
		t.Errorf("up: %q", got)
	}
	if got, err := say(p, "hello there"); err == nil || len(got) > 4 {
		t.Errorf("down: %q %v", got, err)
	}
}

func TestTCPRate(t *testing.T) {
	p := echo(t)
	p.Limit(func(int) faultproxy.Limits { return faultproxy.Limits{Rate: 100_000} })
	text := strings.Repeat("x", 20_000)
	began := time.Now()
	if got, err := say(p, text); got != text || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("20 kB at 100 kB a second took %v", took)
	}
}

func TestTCPCut(t *testing.T) {
	p := echo(t)
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if _, err := io.ReadFull(c, b); err == nil {
		t.Error("an open connection lives on")
	}
	if got, err := say(p, "hello"); err == nil {
		t.Errorf("a new connection passed: %q", got)
	}
	p.Heal()
	if got, err := say(p, "hello"); got != "hello" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}
