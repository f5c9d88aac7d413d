package putlogevents_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
)

// wire keeps the body of the last request and answers with an empty success.
type wire struct{ body string }

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	w.body = string(body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, err
}

// TestAppendRequestIsWhatTheSDKSends compares with a real client.
func TestAppendRequestIsWhatTheSDKSends(t *testing.T) {
	w := new(wire)
	client := cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: "us-east-1", HTTPClient: w, BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
	})
	f := func(messages ...string) {
		t.Helper()
		in := cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(`/shop/"web"`), LogStreamName: aws.String("i-1")}
		var events []putlogevents.Event
		for i, m := range messages {
			at := corpus.Epoch.UnixMilli() + int64(i)
			in.LogEvents = append(in.LogEvents, types.InputLogEvent{Message: aws.String(m), Timestamp: aws.Int64(at)})
			events = append(events, putlogevents.Event{Timestamp: at, Message: []byte(m)})
		}
		if _, err := client.PutLogEvents(context.Background(), &in); err != nil {
			t.Fatal(err)
		}
		if got := string(putlogevents.AppendRequest(nil, `/shop/"web"`, "i-1", events...)); got != w.body {
			t.Errorf("got  %.500s\nwant %.500s", got, w.body)
		}
	}
	f("one")
	f("a \"quote\" and a \\", "line\nfeed\r\ttab\b\f\x00\x1f\x7f", "<&>/' é € 😀 \u2028\u2029")
	f("\xff bad \xc3", "", "end")
	for _, kind := range corpus.Kinds() {
		g := corpus.New(kind, 1, corpus.Epoch)
		e, _ := g.AppendEvent(nil)
		f(string(e))
	}
}
