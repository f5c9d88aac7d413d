package awsapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type createLogGroupRequest struct {
	LogGroupName string            `json:"logGroupName"`
	Tags         map[string]string `json:"tags"`
}

type describeLogGroupsRequest struct {
	Limit  *int32 `json:"limit"`
	Prefix string `json:"logGroupNamePrefix"`
}

type describeLogGroupsResponse struct {
	LogGroups []logGroup `json:"logGroups"`
	NextToken string     `json:"nextToken,omitzero"`
}

type logGroup struct {
	ARN          string `json:"arn"`
	CreationTime int64  `json:"creationTime"`
	LogGroupName string `json:"logGroupName"`
}

type describeDeliveryStreamRequest struct{ DeliveryStreamName string }

type putRecordRequest struct {
	DeliveryStreamName string
	Record             struct{ Data []byte }
}

type putRecordResponse struct {
	RecordId  string
	Encrypted bool
}

// toys are operations with just enough behind them to be told apart.
func toys() []Operation {
	return []Operation{
		JSON("logs", "Logs_20140328.CreateLogGroup", func(_ context.Context, c Caller, in *createLogGroupRequest) (*struct{}, error) {
			v := LogsValidation()
			v.NotNull("logGroupName", in.LogGroupName != "")
			v.Length("logGroupName", in.LogGroupName, 0, 512)
			if err := v.Err(); err != nil {
				return nil, err
			}
			switch in.LogGroupName {
			case "taken":
				return nil, ErrLogGroupExists
			case "disk":
				return nil, errors.New("write frame: no space left on device")
			case "panic":
				panic("toy panic")
			case "cancelled":
				return nil, context.Canceled
			}
			return nil, nil
		}),
		JSON("logs", "Logs_20140328.DescribeLogGroups", func(_ context.Context, c Caller, in *describeLogGroupsRequest) (*describeLogGroupsResponse, error) {
			if in.Limit != nil {
				v := LogsValidation()
				v.Range("limit", int64(*in.Limit), 1, 50)
				if err := v.Err(); err != nil {
					return nil, err
				}
			}
			if in.Prefix == "none" {
				return &describeLogGroupsResponse{}, nil
			}
			return &describeLogGroupsResponse{LogGroups: []logGroup{
				{ARN: c.LogGroupStarARN("/shop/web"), CreationTime: 1700000000123, LogGroupName: "/shop/web"},
			}}, nil
		}),
		Raw("logs", "Logs_20140328.PutLogEvents", func(_ context.Context, r *Request, w *Reply) error {
			w.Body = append(w.Body, `{"nextSequenceToken":"1"}`...)
			return nil
		}),
		JSON("firehose", "Firehose_20150804.DescribeDeliveryStream", func(_ context.Context, c Caller, in *describeDeliveryStreamRequest) (*struct{}, error) {
			return nil, DeliveryStreamNotFound(c, in.DeliveryStreamName)
		}),
		JSON("firehose", "Firehose_20150804.PutRecord", func(_ context.Context, _ Caller, in *putRecordRequest) (*putRecordResponse, error) {
			return &putRecordResponse{RecordId: string(in.Record.Data)}, nil
		}),
	}
}

type recorder struct {
	mu   sync.Mutex
	seen []Exchange
}

func (r *recorder) Served(x Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, x)
}

// last waits for nothing: net/http runs a handler to its end before the next
// request of the same connection, and tests ask after having read the answer.
func (r *recorder) all() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Exchange(nil), r.seen...)
}

// quiet is a log for tests that provoke errors.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// serve runs a server as sluice does and returns its address.
func serve(t testing.TB, cfg Config, listen ListenConfig, ops ...Operation) string {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = quiet()
	}
	s, err := New(cfg, ops...)
	if err != nil {
		t.Fatal(err)
	}
	listen.Addr = "127.0.0.1:0"
	l, err := Listen(t.Context(), listen)
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, s)
}

func serveOn(t testing.TB, l net.Listener, h http.Handler) string {
	t.Helper()
	srv := NewHTTPServer(HTTPConfig{Log: quiet()}, h)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server ended with %v", err)
		}
	})
	return l.Addr().String()
}

// client is an HTTP client whose connections end with the test.
func client(t testing.TB, transport *http.Transport) *http.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
