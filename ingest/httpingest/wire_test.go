package httpingest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOnTheWire sends what curl sends, byte by byte: pieces without a length, a
// body that waits to be asked for, and two requests on one connection.
func TestOnTheWire(t *testing.T) {
	r := receive(t, nil)
	server := httptest.NewServer(r.api)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	head := "POST /ingest/bulk?logGroup=/ever&logStream=s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n" +
		"Authorization: Bearer " + token + "\r\nContent-Type: application/x-ndjson\r\n"
	answer := func(status int, text string) {
		t.Helper()
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || string(body) != text {
			t.Errorf("%d %s %v, want %d %s", resp.StatusCode, body, err, status, text)
		}
	}
	fmt.Fprint(conn, head+"Content-Length: 4\r\n\r\n1\n2\n")
	answer(http.StatusOK, "{}")
	fmt.Fprint(conn, head+"Transfer-Encoding: chunked\r\n\r\n3\r\n\"pi\r\n5\r\nece\"\n\r\n0\r\n\r\n")
	answer(http.StatusOK, "{}")
	fmt.Fprint(conn, head+"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q %v", line, err)
	}
	answers.ReadString('\n')
	fmt.Fprint(conn, "4\n")
	answer(http.StatusOK, "{}")
	if got := r.stored(); got != "0:1 0:2 | 0:piece | 0:4" {
		t.Error(got)
	}
	r.balanced()
}
