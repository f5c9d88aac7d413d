package logsapitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// Account and Region are those of all calls; the recordings use the account too.
const (
	Account = "111111111111"
	Region  = "us-east-1"
)

// Scope is where all calls happen.
var Scope = catalog.Scope{Account: Account, Region: Region}

// Server serves operations on a loopback port until the test ends.
type Server struct {
	t      testing.TB
	URL    string
	client *http.Client
}

// Serve starts a server.
func Serve(t testing.TB, ops ...awsapi.Operation) *Server {
	t.Helper()
	handler, err := awsapi.New(awsapi.Config{AccountID: Account, Region: Region}, ops...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return &Server{t: t, URL: s.URL, client: s.Client()} // a transport of its own, closed with the server
}

// Client is the AWS SDK's client. Of all errors it repeats only what net/http
// does to itself under load: a response that was on its way is cut off because
// the connection's writer was not scheduled to see the request's end before.
func (s *Server) Client() *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: aws.String(s.URL), Region: Region,
		Credentials: credentials.NewStaticCredentialsProvider(Account, "secret", ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
				return aws.BoolTernary(errors.Is(err, net.ErrClosed))
			})}
		}),
		HTTPClient: s.client,
	})
}

// Answer is what came back for one call.
type Answer struct {
	Status        int
	Code, Message string // of an error
	Raw           []byte
	Body          any // the decoded body; nil when it was empty
}

// Call posts a body as it stands to an operation.
func (s *Server) Call(operation, body string) Answer {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode}
	if a.Raw, err = io.ReadAll(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	a.decode(s.t)
	return a
}

func (a *Answer) decode(t testing.TB) {
	t.Helper()
	if len(a.Raw) == 0 {
		return
	}
	if err := json.Unmarshal(a.Raw, &a.Body); err != nil {
		t.Fatalf("answer %q: %v", a.Raw, err)
	}
	if members, ok := a.Body.(map[string]any); ok && a.Status != http.StatusOK {
		a.Code, _ = members["__type"].(string)
		a.Message, _ = members["message"].(string)
	}
}

// Done makes a call that must succeed and decodes its answer into out, unless
// that is nil.
func (s *Server) Done(operation, body string, out any) {
	s.t.Helper()
	a := s.Call(operation, body)
	if a.Status != http.StatusOK {
		s.t.Fatalf("%s %s: %s", operation, body, a)
	}
	if out == nil {
		if len(a.Raw) != 0 {
			s.t.Errorf("%s answered %s, want an empty body", operation, a.Raw)
		}
		return
	}
	if err := json.Unmarshal(a.Raw, out); err != nil {
		s.t.Fatalf("%s answered %s: %v", operation, a.Raw, err)
	}
}

// Refused makes a call that must fail, and compares "Code: message".
func (s *Server) Refused(operation, body, want string) {
	s.t.Helper()
	if got := s.Call(operation, body).String(); got != want {
		s.t.Errorf("%s %.200s\n got %s\nwant %s", operation, body, got, want)
	}
}

// String is the body of a success, "Code: message" of an error.
func (a Answer) String() string {
	if a.Status == http.StatusOK {
		return string(a.Raw)
	}
	return a.Code + ": " + a.Message
}
