package awsapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// bodyEcho answers with the length of the body it got.
func bodyEcho() Operation {
	return Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, r *Request, w *Reply) error {
		w.Body = fmt.Appendf(w.Body, "%d of %d", len(r.Body), r.WireBytes)
		return nil
	})
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func post(t testing.TB, c *http.Client, addr string, body io.Reader, header ...string) (status int, code, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get(errorTypeHeader), string(got)
}

type onlyReader struct{ io.Reader } // hides the length: the client sends chunks

func TestBodyLimits(t *testing.T) {
	const wire, body = 200_000, 300_000
	budget := NewBudget(8 << 20)
	addr := serve(t, Config{MaxWireBytes: wire, MaxBodyBytes: body, Budget: budget}, ListenConfig{}, bodyEcho())
	c := client(t, &http.Transport{})
	f := func(name string, r io.Reader, encoding, wantCode, wantText string) {
		t.Helper()
		status, code, text := post(t, c, addr, r, "Content-Encoding", encoding)
		if code != wantCode || !strings.Contains(text, wantText) {
			t.Errorf("%s: %d %s %s, want %q %q", name, status, code, text, wantCode, wantText)
		}
		if code == CodeRequestEntityTooLarge && status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: status %d", name, status)
		}
	}
	plain := func(n int) io.Reader { return bytes.NewReader(make([]byte, n)) }
	chunked := func(n int) io.Reader { return onlyReader{plain(n)} }
	gz := func(n int) io.Reader { return bytes.NewReader(zipped(t, make([]byte, n))) }

	f("empty", plain(0), "", "", "0 of 0")
	f("one trusted piece", plain(trusted), "", "", "65536 of 65536")
	f("just over the trusted piece", plain(trusted+1), "", "", "65537 of 65537")
	f("at the limit", plain(wire), "", "", "200000 of 200000")
	f("over the limit", plain(wire+1), "", CodeRequestEntityTooLarge, "larger than 200000 bytes sent")
	f("far over the limit", plain(50*wire), "", CodeRequestEntityTooLarge, "")
	f("chunked", chunked(1000), "", "", "1000 of 1000")
	f("chunked, grown", chunked(150_000), "", "", "150000 of 150000")
	f("chunked at the limit", chunked(wire), "", "", "200000 of 200000")
	f("chunked over the limit", chunked(wire+1), "", CodeRequestEntityTooLarge, "sent")
	f("gzip", gz(1000), "gzip", "", "1000 of ")
	f("gzip of nothing", gz(0), "gzip", "", "0 of ")
	f("gzip at the limit", gz(body), "gzip", "", "300000 of ")
	f("gzip over the limit", gz(body+1), "gzip", CodeRequestEntityTooLarge, "larger than 300000 bytes decompressed")
	f("gzip bomb", gz(20<<20), "gzip", CodeRequestEntityTooLarge, "decompressed")
	f("gzip cut off", bytes.NewReader(zipped(t, make([]byte, 1000))[:20]), "gzip", CodeSerialization, "Could not decompress")
	f("two gzip members", io.MultiReader(gz(1000), gz(500)), "gzip", "", "1500 of ")
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes of the budget were not given back", used)
	}
}

// TestOversizeIsRefusedUnread: the answer comes although no byte of the body
// was sent.
func TestOversizeIsRefusedUnread(t *testing.T) {
	addr := serve(t, Config{}, ListenConfig{}, bodyEcho())
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\nContent-Length: %d\r\n\r\n", 8<<20+1)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %v, %v", resp, err)
	}
}

// TestSlowBody: a body that stops coming ends in an answer and a closed
// connection, and its claim on the budget was small.
func TestSlowBody(t *testing.T) {
	budget := NewBudget(1 << 20)
	addr := serve(t, Config{BodyTimeout: 100 * time.Millisecond, Budget: budget}, ListenConfig{}, bodyEcho())
	var conns []net.Conn
	for range 8 { // together they claim 64 times the budget
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\nContent-Length: %d\r\n\r\n{", 8<<20)
		conns = append(conns, conn)
	}
	if _, code, text := post(t, client(t, &http.Transport{}), addr, strings.NewReader("{}")); code != "" {
		t.Errorf("slow clients took the budget from others: %s %s", code, text)
	}
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != http.StatusRequestTimeout {
			t.Fatalf("got %v, %v", resp, err)
		}
		io.Copy(io.Discard, resp.Body)
		if _, err := r.ReadByte(); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection of a slow client was kept")
		}
	}
}

// TestBodyTimeoutIsNotTheHandlers: once the body is there, its deadline does not
// end the context of a handler that takes longer.
func TestBodyTimeoutIsNotTheHandlers(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	addr := serve(t, Config{BodyTimeout: 50 * time.Millisecond}, ListenConfig{},
		Raw("logs", "Logs_20140328.PutLogEvents", func(ctx context.Context, _ *Request, _ *Reply) error {
			close(entered)
			<-leave
			return ctx.Err()
		}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		if status, _, text := post(t, client(t, &http.Transport{}), addr, strings.NewReader("{}")); status != http.StatusOK {
			t.Errorf("a slow handler got %d %s", status, text)
		}
	})
	<-entered
	// A body that never comes shows when the timeout has passed.
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\nContent-Length: 2\r\n\r\n{")
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Error(err)
	}
	close(leave)
	wg.Wait()
}

// TestClientThatDoesNotRead: an answer that nobody takes is given up.
func TestClientThatDoesNotRead(t *testing.T) {
	seen := make(observed, 1)
	addr := serve(t, Config{WriteTimeout: 50 * time.Millisecond, Observer: seen}, ListenConfig{},
		Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, _ *Request, w *Reply) error {
			w.Body = append(w.Body, make([]byte, 64<<20)...)
			return nil
		}))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\nContent-Length: 2\r\n\r\n{}")
	select {
	case <-seen:
	case <-time.After(10 * time.Second):
		t.Error("the server still waits for a client that does not read")
	}
}

type observed chan Exchange

func (o observed) Served(x Exchange) { o <- x }

func TestPanicIsLogged(t *testing.T) {
	var log bytes.Buffer
	s, err := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, toys()...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the process goes on
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"logGroupName":"panic"}`))
		r.Header.Set("X-Amz-Target", "Logs_20140328.CreateLogGroup")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "toy") {
			t.Errorf("answer %d %s", w.Code, w.Body)
		}
	}
	for _, want := range []string{"toy panic", "toy_test.go", "Logs_20140328.CreateLogGroup"} {
		if strings.Count(log.String(), want) < 2 {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
	if n := len(s.places); n != 0 {
		t.Errorf("%d places were not given back", n)
	}
}

// TestFaultsAreLogged: a client is told to come again, the operator why.
func TestFaultsAreLogged(t *testing.T) {
	var log bytes.Buffer
	err := error(ErrServiceUnavailable)
	s, newErr := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, Raw("logs", "Logs_20140328.GetLogEvents", func(context.Context, *Request, *Reply) error { return err }))
	if newErr != nil {
		t.Fatal(newErr)
	}
	f := func(fault error, wantStatus int, wantLog string) {
		t.Helper()
		log.Reset()
		s.told.Store(0)
		err = fault
		for range 3 {
			r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
			r.Header.Set("X-Amz-Target", "Logs_20140328.GetLogEvents")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != wantStatus || strings.Contains(w.Body.String(), "device") {
				t.Errorf("%v: answer %d %s", fault, w.Code, w.Body)
			}
		}
		if n := strings.Count(log.String(), "\n"); n > 2 || (n > 0) != (wantLog != "") || !strings.Contains(log.String(), wantLog) {
			t.Errorf("%v: the log has %q", fault, &log)
		}
	}
	f(fmt.Errorf("%w: %w", ErrServiceUnavailable, errors.New("read block: the device is gone")), 503, "read block: the device is gone")
	f(ErrServiceUnavailable, 503, "")
	f(fmt.Errorf("%w: %w", ErrServiceUnavailable, context.Canceled), 503, "")
	f(fmt.Errorf("%w: %w", ErrThrottled, errors.New("no room on the device")), 400, "")
}

// TestSignedGzip: the signature is over the compressed bytes as sent.
func TestSignedGzip(t *testing.T) {
	addr := serve(t, Config{Credentials: []Credential{{AccessKey: "AK", SecretKey: "secret"}}}, ListenConfig{}, bodyEcho())
	body := zipped(t, make([]byte, 100_000))
	f := func(hashed []byte, wantCode string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
		req.Header.Set("Content-Encoding", "gzip")
		sum := sha256.Sum256(hashed)
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "secret"},
			req, hex.EncodeToString(sum[:]), "logs", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		resp, err := client(t, &http.Transport{}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := resp.Header.Get(errorTypeHeader); got != wantCode {
			text, _ := io.ReadAll(resp.Body)
			t.Errorf("got %q %s, want %q", got, text, wantCode)
		}
	}
	f(body, "")
	f(make([]byte, 100_000), CodeInvalidSignature)
}

// gate is an operation that tells when it runs and waits to be let go.
type gate struct{ entered, leave chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

func (g *gate) operation() Operation {
	return Raw("logs", "Logs_20140328.PutLogEvents", func(context.Context, *Request, *Reply) error {
		g.entered <- struct{}{}
		<-g.leave
		return nil
	})
}

func TestBudgetRefusesEarly(t *testing.T) {
	g := newGate()
	budget := NewBudget(2 * trusted)
	addr := serve(t, Config{Budget: budget}, ListenConfig{}, g.operation())
	c := client(t, &http.Transport{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { post(t, c, addr, strings.NewReader("{}")) })
		<-g.entered
	}
	status, code, _ := post(t, c, addr, strings.NewReader("{}"))
	if status != http.StatusServiceUnavailable || code != CodeServiceUnavailable {
		t.Errorf("third body: %d %s", status, code)
	}
	close(g.leave)
	wg.Wait()
	go func() { <-g.entered }()
	if status, _, text := post(t, c, addr, strings.NewReader("{}")); status != http.StatusOK {
		t.Errorf("after the others ended: %d %s", status, text)
	}
	if used := budget.Used(); used != 0 {
		t.Errorf("%d bytes were not given back", used)
	}
}

func TestMaxConcurrent(t *testing.T) {
	g := newGate()
	addr := serve(t, Config{MaxConcurrent: 1}, ListenConfig{}, g.operation())
	c := client(t, &http.Transport{})
	var wg sync.WaitGroup
	wg.Go(func() { post(t, c, addr, strings.NewReader("{}")) })
	<-g.entered
	if status, code, _ := post(t, c, addr, strings.NewReader("{}")); status != http.StatusServiceUnavailable || code != CodeServiceUnavailable {
		t.Errorf("second request: %d %s", status, code)
	}
	close(g.leave)
	wg.Wait()
}

// TestManyAtOnce: bodies of concurrent requests do not meet in one buffer.
func TestManyAtOnce(t *testing.T) {
	addr := serve(t, Config{}, ListenConfig{}, Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, r *Request, w *Reply) error {
		w.Body = append(w.Body, r.Body...)
		return nil
	}))
	c := client(t, &http.Transport{MaxIdleConnsPerHost: 8})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				body := strings.Repeat(fmt.Sprintf("%d/%d ", i, j), 1+j*1000)
				var got string
				if j%2 == 0 {
					_, _, got = post(t, c, addr, strings.NewReader(body))
				} else {
					_, _, got = post(t, c, addr, bytes.NewReader(zipped(t, []byte(body))), "Content-Encoding", "gzip")
				}
				if got != body {
					t.Errorf("request %d/%d got another one's answer", i, j)
				}
			}
		})
	}
	wg.Wait()
}

func TestStream(t *testing.T) {
	seen := &recorder{}
	leave := make(chan error)
	budget := NewBudget(1 << 20)
	addr := serve(t, Config{MaxConcurrent: 1, Budget: budget, Observer: seen}, ListenConfig{},
		bodyEcho(),
		Raw("logs", "Logs_20140328.StartLiveTail", func(ctx context.Context, r *Request, w *Reply) error {
			s := w.Stream("application/vnd.amazon.eventstream")
			if r.Body != nil {
				t.Error("the body outlives the beginning of the stream")
			}
			io.WriteString(s, "session start")
			s.Flush()
			return <-leave
		}))
	c := client(t, &http.Transport{})
	start := func() *http.Response {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, strings.NewReader("{}"))
		req.Header.Set("X-Amz-Target", "Logs_20140328.StartLiveTail")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, len("session start"))); err != nil {
			t.Fatal(err)
		}
		return resp
	}
	resp := start()
	if resp.Header.Get("Content-Type") != "application/vnd.amazon.eventstream" || resp.Header.Get(requestIDHeader) == "" {
		t.Errorf("header of a stream: %v", resp.Header)
	}
	if used := budget.Used(); used != 0 {
		t.Errorf("a stream holds %d bytes of the budget", used)
	}
	if status, _, _ := post(t, c, addr, strings.NewReader("{}")); status != http.StatusOK {
		t.Error("a stream holds a place among the concurrent requests")
	}
	leave <- nil
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Errorf("end of a stream: %q, %v", rest, err)
	}
	resp.Body.Close()

	resp = start()
	leave <- ErrLimitExceeded
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a stream that ended in an error looks whole")
	}
	resp.Body.Close()
}
