//go:build integration

package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// recorder stands between a client and the server and notes every request. What
// it changes of a request is nothing: signatures are over the recorder's address.
type recorder struct {
	url string

	mu   sync.Mutex
	sent []*sending
}

// sending is one request as it came by.
type sending struct {
	operation  string // as PutLogEvents, or the path where there is no target
	body       [sha256.Size]byte
	size       int
	invocation string // the client's id of the call, the same when it tries again
	status     int
}

// record starts a recorder before a server.
func record(t *testing.T, server string) *recorder {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	type key struct{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host // it is signed
		},
		ModifyResponse: func(w *http.Response) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			w.Request.Context().Value(key{}).(*sending).status = w.StatusCode
			return nil
		},
		Transport:     transport,
		FlushInterval: -1, // live tails
	}
	r.url = newLoopbackServer(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), key{}, r.add(q, body))))
	}))
	return r
}

func (r *recorder) add(q *http.Request, body []byte) *sending {
	s := &sending{
		operation: q.URL.Path, body: sha256.Sum256(body), size: len(body),
		invocation: q.Header.Get("Amz-Sdk-Invocation-Id"),
	}
	if _, operation, ok := strings.Cut(q.Header.Get("X-Amz-Target"), "."); ok {
		s.operation = operation
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, s)
	return s
}

// answered counts the requests of an operation that the server took and began to
// answer.
func (r *recorder) answered(operation string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sent {
		if s.operation == operation && s.status == http.StatusOK {
			n++
		}
	}
	return n
}

// sentOnce wants every batch to have come by once and to have been taken, no
// call to have been tried again, and at least so many batches.
//
// Go's SDK (smithy-go 1.28) asks again for a long answer now and then: its request
// body fails with io.EOF once it is closed, which it is when the answer's header
// is here, and net/http, if it has not looked for the body's end by then, closes
// the connection under the rest of the answer. The answers to batches are short
// and in one piece with their headers, so that no batch comes again.
func (r *recorder) sentOnce(t *testing.T, operation string, atLeast int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	batches, refused, size := map[[sha256.Size]byte]int{}, 0, 0
	calls, lost := map[string]*sending{}, 0
	for _, s := range r.sent {
		if s.status >= 500 {
			t.Errorf("%s was answered with %d", s.operation, s.status)
		}
		if first := calls[s.invocation]; s.invocation != "" && first == nil {
			calls[s.invocation] = s
		} else if first != nil && (s.operation == operation || first.status != http.StatusOK) {
			t.Errorf("%s was tried again after %d", s.operation, first.status)
		} else if first != nil {
			lost++
		}
		if s.operation != operation {
			continue
		}
		if s.status != http.StatusOK {
			refused++
			continue
		}
		size += s.size
		if batches[s.body]++; batches[s.body] == 2 {
			t.Errorf("a batch of %d bytes was sent twice", s.size)
		}
	}
	if len(batches) < atLeast {
		t.Errorf("%d batches came by, want %d or more", len(batches), atLeast)
	}
	t.Logf("%d requests, %d batches of together %d bytes, each sent once; %d refused as the client wanted; %d long answers lost by the client", len(r.sent), len(batches), size, refused, lost)
}
