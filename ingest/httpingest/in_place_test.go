package httpingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"sluice/ingest/httpingest"
	"sluice/internal/awsapi"
	"sluice/internal/event"
)

// kept is a log that keeps what batches say.
type kept struct{ batches []string }

func (k *kept) Append(_ context.Context, b event.Batch) (event.Position, error) {
	var out strings.Builder
	for i := range b.Len() {
		fmt.Fprintf(&out, "%d %d %q\n", b.Index(i), b.Timestamp(i), b.Message(i))
	}
	k.batches = append(k.batches, out.String())
	if _, err := event.Open(b.Record()); err != nil {
		return event.Position{}, err
	}
	return event.Position{}, nil
}

// samePlace posts a body, whose batch is made where it lies, and hands the same one
// to the endpoint without the memory around it.
func samePlace(t *testing.T, body string) {
	t.Helper()
	var in, apart kept
	w := receive(t, func(c *httpingest.Config) { c.Appender = &in }).post("/ingest/bulk", body)
	var reply awsapi.Reply
	receive(t, func(c *httpingest.Config) {
		c.Appender = &apart
		api, err := httpingest.New(*c)
		if err != nil {
			t.Fatal(err)
		}
		request := awsapi.Request{
			Caller: awsapi.Caller{Account: "000000000000", Region: "us-east-1"}, Body: []byte(body),
			Header: http.Header{"X-Aws-Log-Group": {"/ever"}, "X-Aws-Log-Stream": {"s"}},
		}
		for _, e := range api.Endpoints() {
			if e.Path == "/ingest/bulk" {
				err = e.Serve(t.Context(), &request, &reply)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if w.Code != http.StatusOK || w.Body.String() != string(reply.Body) {
		t.Fatalf("%.300q: %d %s, want %s", body, w.Code, w.Body, reply.Body)
	}
	if len(in.batches) != len(apart.batches) {
		t.Fatalf("%.300q: %d batches, want %d", body, len(in.batches), len(apart.batches))
	}
	for i, want := range apart.batches {
		if in.batches[i] != want {
			t.Fatalf("%.300q: batch %d is %.500s, want %.500s", body, i, in.batches[i], want)
		}
	}
}

func TestInPlace(t *testing.T) {
	pieces := []string{
		`{"timestamp":` + at(1) + `,"a":"b"}`, `{"timestamp":1}`, `{"a": "\u00e9"}`, "7", `"text"`, `"\n\n"`, `"\\\\\\\\"`, `""`, "", "nope", "[1,2,3]", `["a",{"b":[4]},"\""]`,
		"[]", "[[],[]]", "{\"a\":\r1}", "[{\"a\":\r1},\"\xff\xfe\"]", "\"\xff\"", "{\"a\":\"\xff\xff\xff\xff\xff\xff\"}", " {} ", `{"long":"` + strings.Repeat("x", 700) + `"}`,
	}
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		var body strings.Builder
		for body.Len() < 1<<r.IntN(18) {
			body.WriteString(pieces[r.IntN(len(pieces))])
			body.WriteString([]string{"\n", "\r\n"}[r.IntN(n%3%2+1)])
		}
		samePlace(t, body.String())
		samePlace(t, body.String()+pieces[r.IntN(len(pieces))])
	}
	samePlace(t, strings.Repeat("7\n", event.MaxEvents-1)+"8")
	samePlace(t, strings.Repeat("7\n", event.MaxEvents+1))
	samePlace(t, strings.Repeat("\"\xff\"\n", event.MaxEvents+1))
	samePlace(t, strings.Repeat("[1,{}]\n", event.MaxEvents/2+1))
}

// FuzzInPlace puts anything to both.
func FuzzInPlace(f *testing.F) {
	f.Add("{\"a\":1}\n[1,\"\xff\"]\nnope\n{}")
	f.Fuzz(samePlace)
}
