package awsapi

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestHTTP2WithoutTLS: JavaScript's clients of Kinesis begin with HTTP/2 on a plain
// connection. The limits are those of HTTP/1.1.
func TestHTTP2WithoutTLS(t *testing.T) {
	addr := serve(t, Config{MaxWireBytes: 100}, ListenConfig{},
		JSON("logs", "Logs_20140328.CreateLogGroup", func(context.Context, Caller, *struct{}) (*struct{}, error) { return &struct{}{}, nil }))
	var two http.Protocols
	two.SetUnencryptedHTTP2(true)
	c := client(t, &http.Transport{Protocols: &two})
	f := func(body string, status int, want string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "Logs_20140328.CreateLogGroup")
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status || answer.ProtoMajor != 2 || !strings.Contains(string(got), want) {
			t.Errorf("HTTP/%d %d %s: %v", answer.ProtoMajor, answer.StatusCode, got, err)
		}
	}
	f(`{}`, 200, `{}`)
	f(`{"x":"`+strings.Repeat("x", 100)+`"}`, 413, CodeRequestEntityTooLarge)
	f(`{}`, 200, `{}`)
}
