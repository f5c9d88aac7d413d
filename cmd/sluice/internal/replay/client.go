package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Client puts records by PutRecordBatch: the one call that is needed.
type Client struct {
	Endpoint    string
	Region      string
	Credentials aws.CredentialsProvider
	Stream      string // DeliveryStreamName
	HTTP        *http.Client
	// Pause is how long to wait before records that were refused are put again;
	// it doubles. Default 200 ms.
	Pause time.Duration
}

const attempts = 5

// Put implements Putter. Records that the service did not take are put again,
// those it took are not.
func (c *Client) Put(ctx context.Context, records [][]byte) error {
	pause := c.Pause
	if pause == 0 {
		pause = 200 * time.Millisecond
	}
	for attempt := 1; ; attempt++ {
		left, err := c.put(ctx, records)
		if err != nil || len(left) == 0 {
			return err
		}
		if attempt == attempts {
			return fmt.Errorf("put records: %d of %d were refused %d times; a replay of this object puts the others again", len(left), len(records), attempts)
		}
		records = left
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// put makes one call and returns the records that were refused.
func (c *Client) put(ctx context.Context, records [][]byte) (refused [][]byte, err error) {
	type entry struct{ Data []byte }
	in := struct {
		DeliveryStreamName string
		Records            []entry
	}{DeliveryStreamName: c.Stream}
	for _, r := range records {
		in.Records = append(in.Records, entry{r})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	answer, err := c.call(ctx, "PutRecordBatch", body)
	if err != nil {
		return nil, fmt.Errorf("put records: %w", err)
	}
	var out struct {
		FailedPutCount   int
		RequestResponses []struct{ ErrorCode string }
	}
	if err := json.Unmarshal(answer, &out); err != nil || len(out.RequestResponses) != len(records) {
		return nil, fmt.Errorf("put records: answer of %d bytes is none of PutRecordBatch", len(answer))
	}
	for i, r := range out.RequestResponses {
		if r.ErrorCode != "" {
			refused = append(refused, records[i])
		}
	}
	return refused, nil
}

func (c *Client) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Firehose_20150804."+operation)
	who, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "firehose", c.Region, time.Now()); err != nil {
		return nil, err
	}
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() // read to its end below
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.500s", answer.Status, text)
	}
	return text, err
}
