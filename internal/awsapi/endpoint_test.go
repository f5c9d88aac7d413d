package awsapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/klauspost/compress/zstd"

	"sluice/internal/clock"
)

const testToken = "a-token-of-24-characters"

// echoEndpoint answers with who asked for what.
func echoEndpoint() Endpoint {
	return Endpoint{
		Path: "/echo", Name: "Echo", Service: "logs", MediaTypes: []string{"application/json", "text/plain"},
		Serve: func(_ context.Context, r *Request, w *Reply) error {
			switch string(r.Body) {
			case "throttle":
				return ErrThrottled
			case "busy":
				return ErrServiceUnavailable
			case "bug":
				return errors.New("a secret path")
			case "panic":
				panic("bug")
			}
			w.Body = fmt.Appendf(w.Body, "%s %s %s %s %d", r.Account, r.Region, r.MediaType, r.Query, len(r.Body))
			return nil
		},
	}
}

func ask(s *Server, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestEndpoint(t *testing.T) {
	s, err := New(Config{Endpoints: []Endpoint{echoEndpoint()}, Log: quiet()}, rawOK())
	if err != nil {
		t.Fatal(err)
	}
	f := func(method, url, body string, header []string, status int, text string) {
		t.Helper()
		w := ask(s, method, url, body, header...)
		if w.Code != status || !strings.Contains(w.Body.String(), text) || w.Header()[requestIDHeader] == nil || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %q: %d %v %s, want %d %s", method, url, body, w.Code, w.Header(), w.Body, status, text)
		}
		busy := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
		if (w.Header().Get("Retry-After") == "1") != busy {
			t.Errorf("%d: Retry-After %q", status, w.Header().Get("Retry-After"))
		}
	}
	h := func(header ...string) []string { return header }
	f("POST", "/echo", "12345", nil, 200, "000000000000 us-east-1 application/json  5")
	f("POST", "/echo?a=b%20c", "", h("Content-Type", "Text/Plain; charset=utf-8"), 200, "text/plain a=b%20c 0")
	f("POST", "/echo", "", h("Authorization", "Bearer whatever"), 200, "000000000000")
	f("POST", "/echo", "", h("Authorization", "AWS4-HMAC-SHA256 Credential=111122223333/20260102/eu-west-1/logs/aws4_request, SignedHeaders=host, Signature=x"), 200, "111122223333 eu-west-1")
	f("PUT", "/echo", "", nil, 405, "PUT is not a method of /echo")
	f("POST", "/echo", "", h("Content-Type", "image/png"), 415, "use application/json or text/plain")
	f("POST", "/echo", "throttle", nil, 429, `"__type":"ThrottlingException"`)
	f("POST", "/echo", "busy", nil, 503, `"__type":"ServiceUnavailableException"`)
	f("POST", "/echo", "bug", nil, 500, `"__type":"InternalFailure"`)
	f("POST", "/echo", "panic", nil, 500, `"__type":"InternalFailure"`)
	if w := ask(s, "POST", "/echo/", ""); w.Code != http.StatusNotFound {
		t.Errorf("another path: %d", w.Code)
	}
	if w := ask(s, "POST", "/echo", "bug"); strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a bug is explained: %s", w.Body)
	}
}

func TestEndpointRefusesInItsOwnWords(t *testing.T) {
	e := echoEndpoint()
	e.Refuse = func(dst []byte, r *Request, e *Error, status int) ([]byte, string) {
		return fmt.Appendf(dst, "%d %s %s", status, e.Code, r.MediaType), "text/own"
	}
	s, err := New(Config{Endpoints: []Endpoint{e}})
	if err != nil {
		t.Fatal(err)
	}
	w := ask(s, "POST", "/echo", "throttle")
	if w.Body.String() != "429 ThrottlingException application/json" || w.Header().Get("Content-Type") != "text/own" {
		t.Errorf("%s %v", w.Body, w.Header())
	}
}

func TestBearerTokens(t *testing.T) {
	at := clock.NewTest(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s, err := New(Config{Endpoints: []Endpoint{echoEndpoint()}, Clock: at, BearerTokens: []BearerToken{
		{Token: testToken},
		{Token: testToken + "2", Account: "111122223333", Region: "eu-west-1"},
		{Token: testToken + "3", Expires: at.Now().Add(time.Second)},
		{Token: testToken + "4", Expires: at.Now()},
	}}, rawOK())
	if err != nil {
		t.Fatal(err)
	}
	f := func(url, authorization string, status int, text string) {
		t.Helper()
		w := ask(s, "POST", url, "x", "Authorization", authorization, "X-Amz-Target", "Logs_20140328.PutLogEvents")
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s %q: %d %s, want %d %s", url, authorization, w.Code, w.Body, status, text)
		}
		if (status == http.StatusUnauthorized) != (w.Header().Get("Www-Authenticate") == "Bearer") {
			t.Errorf("%q: %v", authorization, w.Header())
		}
	}
	f("/echo", "Bearer "+testToken, 200, "000000000000 us-east-1")
	f("/echo", "bearer  "+testToken+" ", 200, "000000000000 us-east-1")
	f("/echo", "Bearer "+testToken+"2", 200, "111122223333 eu-west-1")
	f("/echo", "Bearer "+testToken+"3", 200, "")
	f("/echo", "Bearer "+testToken+"4", 401, CodeExpiredToken)
	f("/echo", "Bearer "+testToken+"5", 401, CodeUnrecognizedClient)
	f("/echo", "Bearer", 401, CodeIncompleteSignature)
	f("/echo", "", 401, CodeMissingAuthenticationToken)
	// A token opens the endpoints and nothing else.
	f("/", "Bearer "+testToken, 400, CodeIncompleteSignature)
	f("/", "", 400, CodeMissingAuthenticationToken)
}

// TestSignedEndpoint: path and query are signed, and the service must be the
// endpoint's.
func TestSignedEndpoint(t *testing.T) {
	s, err := New(Config{Endpoints: []Endpoint{echoEndpoint()}, Credentials: []Credential{{AccessKey: "AKID", SecretKey: "secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(service, signed, sent string, status int, code string) {
		t.Helper()
		const body = "hello"
		r := httptest.NewRequest("POST", "http://localhost/echo?"+signed, strings.NewReader(body))
		sum := sha256.Sum256([]byte(body))
		err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = sent
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != status || status != 200 && !strings.Contains(w.Body.String(), code) {
			t.Errorf("%s %s %s: %d %s", service, signed, sent, w.Code, w.Body)
		}
	}
	f("logs", "", "", 200, "")
	f("logs", "logGroup=%2Fa&logStream=s", "logGroup=%2Fa&logStream=s", 200, "")
	f("logs", "logGroup=%2Fa&logStream=s", "logGroup=%2Fb&logStream=s", 401, CodeInvalidSignature)
	f("firehose", "", "", 401, "scoped to correct service: 'logs'")
}

func TestEndpointConfiguration(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	e := echoEndpoint()
	f(Config{Endpoints: []Endpoint{e, e}}, "given twice")
	e.Path = "/"
	f(Config{Endpoints: []Endpoint{e}}, "are needed")
	f(Config{BearerTokens: []BearerToken{{Token: "short"}}}, "at least 16")
	f(Config{BearerTokens: []BearerToken{{Token: "with a blank in it"}}}, "visible")
	f(Config{BearerTokens: []BearerToken{{Token: testToken}, {Token: testToken}}}, "given twice")
	f(Config{BearerTokens: []BearerToken{{Token: testToken, Account: "1"}}}, "twelve digits")
	f(Config{BearerTokens: []BearerToken{{Token: testToken, Region: "a/b"}}}, "region")
}

func TestZstdLimits(t *testing.T) {
	const wire, body = 200_000, 300_000
	budget := NewBudget(16 << 20)
	s, err := New(Config{MaxWireBytes: wire, MaxBodyBytes: body, Budget: budget, Endpoints: []Endpoint{echoEndpoint()}})
	if err != nil {
		t.Fatal(err)
	}
	encode := func(n int, o ...zstd.EOption) string { // as a stream: no size in its header
		var out bytes.Buffer
		z, err := zstd.NewWriter(&out, o...)
		if err != nil {
			t.Fatal(err)
		}
		for range n / 10 {
			z.Write([]byte("0123456789"))
		}
		if len(o) > 0 {
			z.Flush() // or a small frame would declare a small window
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	sized := func(n int) string {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(z.EncodeAll(make([]byte, n), nil))
	}
	f := func(name, sent string, status int, text string) {
		t.Helper()
		w := ask(s, "POST", "/echo", sent, "Content-Encoding", "zstd")
		if w.Code != status || !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, status, text)
		}
		if used := budget.Used(); used != 0 {
			t.Fatalf("%s: %d bytes of the budget were not given back", name, used)
		}
	}
	f("a stream", encode(1000), 200, " 1000")
	f("a sized frame", sized(1000), 200, " 1000")
	f("nothing at all", "", 200, " 0")
	f("an empty frame", sized(0), 200, " 0")
	f("at the limit", encode(body), 200, fmt.Sprint(body))
	f("over the limit", encode(body+10), 413, "larger than 300000 bytes decompressed")
	f("a bomb", encode(200<<20), 413, "decompressed")
	f("a sized bomb", sized(100<<20), 413, "decompressed")
	f("two frames", encode(1000)+sized(500), 200, " 1500")
	f("two frames over the limit", sized(body)+encode(1000), 413, "decompressed")
	f("cut off", encode(100_000)[:20], 400, "Could not decompress")
	f("no zstd", "hello", 400, "Could not decompress")
	f("damaged", strings.Replace(encode(1000), "0123", "9123", 1), 400, "Could not decompress")
	f("a window of 64 MiB", encode(100_000, zstd.WithWindowSize(64<<20)), 400, "Could not decompress")

	// A header alone that claims 16 EiB costs nothing.
	claim := binary.LittleEndian.AppendUint64([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}, 1<<63)
	f("a claim", string(claim), 400, "Could not decompress")

	// The window is taken from the budget.
	if !budget.TryAcquire(int(budget.Limit()) - 1<<20) {
		t.Fatal("budget")
	}
	w := ask(s, "POST", "/echo", encode(100_000, zstd.WithWindowSize(4<<20)), "Content-Encoding", "zstd")
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("without budget: %d %s", w.Code, w.Body)
	}
}

// TestEndpointCostsFewAllocations: none of them grows with the body.
func TestEndpointCostsFewAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := echoEndpoint()
	e.Serve = func(_ context.Context, _ *Request, w *Reply) error {
		w.Body = append(w.Body, "{}"...) // or its buffer would not be used again
		return nil
	}
	s, err := New(Config{Endpoints: []Endpoint{e}, BearerTokens: []BearerToken{{Token: testToken}}})
	if err != nil {
		t.Fatal(err)
	}
	r, rewind := rewound(1<<20, "Authorization", "Bearer "+testToken, "Content-Type", "application/json")
	r.URL.Path = "/echo"
	w := &discard{header: http.Header{}}
	if n := testing.AllocsPerRun(100, func() {
		rewind()
		s.ServeHTTP(w, r)
	}); n > 16 {
		t.Errorf("%v allocations for a request of 1 MiB", n)
	}
}
