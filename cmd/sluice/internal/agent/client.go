package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/cmd/sluice/internal/ship"
)

// requestTimeout bounds one attempt.
const requestTimeout = 90 * time.Second

// SDKClient sends with the connections, credentials, region and endpoint of an
// SDK's client. The requests themselves are made here: the SDK gives every call
// an invocation id of its own, and its encoder of events costs more than all the
// rest of the agent.
type SDKClient struct {
	sdk          *cloudwatchlogs.Client
	endpoint     string
	signer       *v4.Signer
	group        string
	createGroup  bool
	createStream bool
}

// NewSDKClient makes a client for one log group.
func NewSDKClient(sdk *cloudwatchlogs.Client, endpoint, group string, createGroup, createStream bool) *SDKClient {
	return &SDKClient{sdk: sdk, endpoint: strings.TrimSuffix(endpoint, "/") + "/", signer: v4.NewSigner(),
		group: group, createGroup: createGroup, createStream: createStream}
}

// ServiceError is an answer that is no success.
type ServiceError struct {
	Status  int
	Code    string
	Message string
}

func (e *ServiceError) Error() string {
	return fmt.Sprintf("put log events: %d %s: %s", e.Status, e.Code, e.Message)
}

type errorKind int

const (
	passing   errorKind = iota // goes away by itself: throttling, 5xx, connections
	permanent                  // somebody has to do something: permissions
	missing                    // no such log group or log stream
	invalid                    // this request will never be taken
)

func (e *ServiceError) kind() errorKind {
	switch e.Code {
	case "ResourceNotFoundException":
		return missing
	case "InvalidParameterException", "SerializationException", "ValidationException":
		return invalid
	case "ThrottlingException", "Throttling", "ThrottledException", "RequestTimeout", "LimitExceededException",
		"OperationAbortedException", "ServiceUnavailableException":
		return passing
	}
	switch {
	case e.Status == http.StatusRequestEntityTooLarge:
		return invalid
	case e.Status >= 500, e.Status == http.StatusTooManyRequests, e.Status == http.StatusRequestTimeout:
		return passing
	}
	return permanent
}

// kindOf also knows the errors of the SDK, which come from Create.
func kindOf(err error) errorKind {
	var service *ServiceError
	var notFound *types.ResourceNotFoundException
	var coded interface{ ErrorCode() string }
	switch {
	case errors.As(err, &service):
		return service.kind()
	case errors.As(err, &notFound):
		return permanent // Create was not allowed to make the log group
	case errors.As(err, &coded):
		return (&ServiceError{Status: 400, Code: coded.ErrorCode()}).kind()
	}
	return passing
}

// Put sends the request once.
func (c *SDKClient) Put(ctx context.Context, r *Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := c.request(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	response, err := c.sdk.Options().HTTPClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return readAnswer(response, text)
}

func (c *SDKClient) request(ctx context.Context, r *Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	request.Header.Set("Amz-Sdk-Invocation-Id", r.InvocationID)
	request.Header.Set("Amz-Sdk-Request", fmt.Sprintf("attempt=%d", r.Attempt))
	request.Header.Set("User-Agent", "sluice-ship")
	options := c.sdk.Options()
	credentials, err := options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	sum := sha256.Sum256(r.Body)
	err = c.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "logs", options.Region, time.Now())
	return request, err
}

func readAnswer(response *http.Response, text []byte) (Answer, error) {
	var body struct {
		Type     string `json:"__type"`
		Message  string `json:"message"`
		Rejected struct {
			TooOld  *int `json:"tooOldLogEventEndIndex"`
			Expired *int `json:"expiredLogEventEndIndex"`
			TooNew  *int `json:"tooNewLogEventStartIndex"`
		} `json:"rejectedLogEventsInfo"`
	}
	err := json.Unmarshal(text, &body) // a proxy's page is no JSON, and its status says enough
	if response.StatusCode != http.StatusOK {
		code := body.Type[strings.LastIndexByte(body.Type, '#')+1:]
		if code == "DataAlreadyAcceptedException" {
			return Kept(), nil
		}
		return Answer{}, &ServiceError{response.StatusCode, code, body.Message}
	}
	if err != nil && len(text) > 0 {
		return Answer{}, &ServiceError{http.StatusBadGateway, "", "the answer is no JSON: something other than CloudWatch Logs answers"}
	}
	index := func(p *int) int {
		if p == nil {
			return -1
		}
		return *p
	}
	return Answer{index(body.Rejected.TooOld), index(body.Rejected.Expired), index(body.Rejected.TooNew)}, nil
}

// Create makes what is allowed to be made.
func (c *SDKClient) Create(ctx context.Context, stream string) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if !c.createStream {
		return &ServiceError{400, "AccessDeniedException", "the log group or the log stream is missing, and making it was not allowed"}
	}
	if c.createGroup {
		return ship.Create(ctx, c.sdk, c.group, []string{stream})
	}
	return ship.CreateStream(ctx, c.sdk, c.group, stream)
}
