package awsapi

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests got into testdata")

// TestExchanges sends raw requests and compares raw answers. A file holds
// cases of the form "## name", request, "-> ", answer; CRLF is written as a
// line end, Content-Length of a request is filled in, ids and dates masked.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchanges/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			addr := serve(t, Config{}, ListenConfig{}, append(toys(), (&metricToys{}).operations()...)...)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for i, part := range strings.Split("\n"+string(content), "\n## ") {
				if i == 0 {
					got.WriteString(strings.TrimPrefix(part, "\n"))
					continue
				}
				name, rest, _ := strings.Cut(part, "\n")
				request, want, _ := strings.Cut(rest, "\n->\n")
				answer := exchangeRaw(t, addr, request)
				fmt.Fprintf(&got, "\n## %s\n%s\n->\n%s\n", name, request, answer)
				if !*rewrite && strings.TrimSpace(want) != answer {
					t.Errorf("%s: got\n%s\nwant\n%s", name, answer, strings.TrimSpace(want))
				}
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func exchangeRaw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head, body, _ := strings.Cut(request, "\n\n")
	body = unquoteBytes(body)
	head = strings.ReplaceAll(head, "\n", "\r\n")
	if !strings.Contains(head, "Content-Length") && !strings.Contains(head, "Transfer-Encoding") {
		head += fmt.Sprintf("\r\nContent-Length: %d", len(body))
	}
	if _, err := io.WriteString(conn, head+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, io.Discard)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", resp.Status)
	resp.Header.Write(&b)
	b.WriteString("\n")
	io.Copy(&b, resp.Body)
	text := strings.ReplaceAll(b.String(), "\r\n", "\n")
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`).ReplaceAllString(text, "<uuid>")
	text = regexp.MustCompile(`(?m)^Date: .*$`).ReplaceAllString(text, "Date: <date>")
	return quoteBytes(strings.TrimSpace(text))
}

// quoteBytes is unquoteBytes' other way.
func quoteBytes(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError || r < ' ' && r != '\n' || r == 0x7f {
			fmt.Fprintf(&b, "\\x%02x", s[i])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unquoteBytes lets a body hold bytes that a text file should not: \xff.
func unquoteBytes(s string) string {
	return regexp.MustCompile(`\\x[0-9a-f]{2}`).ReplaceAllStringFunc(s, func(hex string) string {
		var c byte
		fmt.Sscanf(hex[2:], "%02x", &c)
		return string([]byte{c})
	})
}

// TestRequestIDSpelling reads the header block as a client does that searches
// it for AWS's spelling.
func TestRequestIDSpelling(t *testing.T) {
	addr := serve(t, Config{}, ListenConfig{}, toys()...)
	f := func(target, want string) {
		t.Helper()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Target: %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", addr, target)
		raw, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte("\r\n"+want+": ")) {
			t.Errorf("%s: no %s in\n%s", target, want, raw)
		}
	}
	f("Logs_20140328.DescribeLogGroups", "x-amzn-RequestId")
	f("Logs_20140328.CreateLogGroup", "x-amzn-RequestId")
	f("Logs_20140328.CreateLogGroup", "x-amzn-ErrorType")
	f("Logs_20140328.Nonsense", "x-amzn-RequestId")
}
