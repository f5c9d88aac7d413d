package kinesis

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// TestServerThatDoesNotAnswer: a request ends that a server takes and forgets, as
// kinesalite does where it is asked for an iterator at a time after the last record.
func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer server.Close()
	defer close(over)
	client, err := newClient(t.Context(), "us-east-1", server.URL, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v", err)
	}
}
