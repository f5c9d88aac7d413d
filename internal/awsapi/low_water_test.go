package awsapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestLowWater sends large bodies in pieces of all sizes over one connection, small
// ones between them, and one that ends early: nobody waits for bytes that do not
// come, and all that come are read.
func TestLowWater(t *testing.T) {
	var got int
	sum := Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, r *Request, _ *Reply) error {
		got = 0
		for _, c := range r.Body {
			got += int(c)
		}
		return nil
	})
	addr := serve(t, Config{}, ListenConfig{MaxConns: 10}, sum)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	status := func() int {
		t.Helper()
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	head := func(size int) {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: Logs_20140328.PutLogEvents\r\nContent-Length: %d\r\n\r\n", addr, size)
	}
	for _, size := range []int{10, 1 << 20, 100, 2*leastLowWater - 1, 2 * leastLowWater, 2*leastLowWater + 1, 3<<20 + 7, 0} {
		for _, piece := range []int{1000, 70_000, 5 << 20} {
			head(size)
			body := strings.Repeat("abcdefg", size/7+1)[:size]
			want := 0
			for i := range len(body) {
				want += int(body[i])
			}
			for body != "" {
				n := min(piece, len(body))
				io.WriteString(conn, body[:n])
				body = body[n:]
			}
			if code := status(); code != http.StatusOK || got != want {
				t.Fatalf("%d bytes in pieces of %d: %d, sum %d, want %d", size, piece, code, got, want)
			}
		}
	}
	head(1 << 20)
	io.WriteString(conn, strings.Repeat("x", 1<<20-1))
	conn.(*net.TCPConn).CloseWrite()
	if code := status(); code != http.StatusBadRequest {
		t.Errorf("a body that ends early: %d", code)
	}
}
