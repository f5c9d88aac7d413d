package kinesis

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// PutClient is what a Producer needs of the SDK's client.
type PutClient interface {
	PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, more ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// ReadClient is what reading needs of the SDK's client.
type ReadClient interface {
	ListShards(ctx context.Context, in *kinesis.ListShardsInput, more ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	DescribeStreamSummary(ctx context.Context, in *kinesis.DescribeStreamSummaryInput, more ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error)
	GetShardIterator(ctx context.Context, in *kinesis.GetShardIteratorInput, more ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(ctx context.Context, in *kinesis.GetRecordsInput, more ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// patience is how long a server may take, once it has a whole request, until it
// begins to answer. The SDK would wait for ever, and a shard with it.
const patience = 20 * time.Second

// NewClient makes the SDK's client, with the credentials that every AWS client
// finds. endpoint is "" for AWS itself. It does not try anything twice: producers
// and readers do, each in its order. A request without an answer ends after 20 s.
func NewClient(ctx context.Context, region, endpoint string) (*kinesis.Client, error) {
	return newClient(ctx, region, endpoint, patience)
}

func newClient(ctx context.Context, region, endpoint string, patience time.Duration) (*kinesis.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, err
	}
	cfg.BaseEndpoint = nil // AWS_ENDPOINT_URL is how clients find sluice
	cfg.Logger = nil       // it would print; errors are returned
	return kinesis.NewFromConfig(cfg, func(o *kinesis.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = patience })
	}), nil
}

// stream names a stream to a request, by name and, where that is known, by ARN.
type stream struct{ arn, name *string }

func newStream(nameOrARN string) stream {
	if strings.HasPrefix(nameOrARN, "arn:") {
		// Servers that imitate the service, and older ones, know names alone.
		name := nameOrARN[strings.LastIndexByte(nameOrARN, '/')+1:]
		return stream{arn: &nameOrARN, name: &name}
	}
	return stream{name: &nameOrARN}
}

// code is the AWS code of an error, "" for others.
func code(err error) string {
	var api interface {
		error
		ErrorCode() string
	}
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// throttled tells of errors that ask for fewer requests.
func throttled(err error) bool {
	switch code(err) {
	case "ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException", "ThrottlingException", "Throttling",
		"RequestLimitExceeded", "TooManyRequestsException", "SlowDown":
		return true
	}
	return false
}

// refused tells of errors that the same request meets until somebody acts.
func refused(err error) bool {
	switch c := code(err); c {
	case "ResourceNotFoundException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
		"KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "KMSOptInRequired",
		"InvalidArgumentException", "ValidationException", "SerializationException", "UnknownOperationException":
		return true
	default:
		return strings.HasPrefix(c, "AccessDenied") || c == "KMSAccessDeniedException"
	}
}
