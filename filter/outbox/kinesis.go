package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// KinesisClient is what Kinesis needs of the SDK's client.
type KinesisClient interface {
	PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, more ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// Kinesis sends records to a Kinesis stream, several in one request. A request holds
// at most one record of a key: those of one request are stored independently, and a
// record that failed must not be overtaken by the next one of its log stream.
type Kinesis struct {
	client KinesisClient
	stream string // ARN
	name   string // for servers that know no ARNs
}

// NewKinesis sends to the stream of an ARN.
func NewKinesis(client KinesisClient, streamARN string) *Kinesis {
	return &Kinesis{client: client, stream: streamARN, name: streamARN[strings.LastIndexByte(streamARN, '/')+1:]}
}

// Limits of PutRecords.
const (
	maxKinesisRecords = 500
	maxKinesisRequest = 5 << 20
	maxKinesisRecord  = 1 << 20 // with its key
)

// Send implements Sender.
func (k *Kinesis) Send(ctx context.Context, records []*Record) error {
	keys := byKey(records)
	for len(keys) > 0 {
		size := 0
		var request []*Record
		var rest [][]*Record
		for i, key := range keys {
			r := key[0]
			n := len(r.Data) + len(r.Key)
			if n > maxKinesisRecord {
				r.GiveUp(TooLarge)
			} else if len(request) == maxKinesisRecords || size+n > maxKinesisRequest {
				rest = append(rest, keys[i:]...)
				break
			} else {
				request, size = append(request, r), size+n
			}
			if len(key) > 1 {
				rest = append(rest, key[1:])
			}
		}
		if err := k.put(ctx, request); err != nil {
			return err
		}
		keys = rest
	}
	return nil
}

// put makes one request and notes which records are in the stream.
func (k *Kinesis) put(ctx context.Context, records []*Record) error {
	if len(records) == 0 {
		return nil
	}
	in := &kinesis.PutRecordsInput{StreamARN: &k.stream, StreamName: &k.name, Records: make([]types.PutRecordsRequestEntry, len(records))}
	for i, r := range records {
		in.Records[i] = types.PutRecordsRequestEntry{Data: r.Data, PartitionKey: &r.Key}
	}
	out, err := k.client.PutRecords(ctx, in)
	if err != nil {
		return kinesisError(err)
	}
	var failed error
	for i, e := range out.Records {
		if i >= len(records) {
			break
		}
		if code := aws.ToString(e.ErrorCode); code != "" {
			failed = fmt.Errorf("put records: %s: %s", code, aws.ToString(e.ErrorMessage))
			continue
		}
		records[i].Delivered()
	}
	return failed
}

// kinesisError tells what will not pass by itself.
func kinesisError(err error) error {
	var api interface {
		error
		ErrorCode() string
	}
	if errors.As(err, &api) {
		switch code := api.ErrorCode(); {
		case code == "ResourceNotFoundException", strings.HasPrefix(code, "AccessDenied"), code == "UnrecognizedClientException",
			code == "KMSAccessDeniedException", code == "KMSDisabledException", code == "KMSNotFoundException":
			return &Refusal{err}
		}
	}
	return err
}

// Probe implements Sender.
func (k *Kinesis) Probe(ctx context.Context, at time.Time) error {
	return k.put(ctx, []*Record{{Data: controlMember("Kinesis stream", at), Key: hashed("probe")}})
}
