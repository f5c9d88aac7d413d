package main

import (
	"bytes"
	"cmp"
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

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/cmd/sluice/internal/ship"
)

// exportClient speaks the export operations. It finds endpoint, region and
// credentials as the AWS SDK does, and writes the JSON itself: the SDK's types
// have no room for SluiceOptions and sluiceProgress, nor for ResumeExportTask.
type exportClient struct {
	endpoint, region string
	credentials      aws.CredentialsProvider
	http             *http.Client
	pause            time.Duration // before the second attempt
}

func newExportClient(ctx context.Context, endpoint string) (*exportClient, error) {
	client, chosen, err := ship.NewClient(ctx, endpoint, 1)
	if err != nil {
		return nil, err
	}
	o := client.Options()
	return &exportClient{
		endpoint: chosen, region: o.Region, credentials: o.Credentials, http: &http.Client{Timeout: time.Minute}, pause: 200 * time.Millisecond,
	}, nil
}

// createExport is the request of CreateExportTask.
type createExport struct {
	TaskName            string         `json:"taskName,omitempty"`
	LogGroupName        string         `json:"logGroupName"`
	LogStreamNamePrefix string         `json:"logStreamNamePrefix,omitempty"`
	From                int64          `json:"from"`
	To                  int64          `json:"to"`
	Destination         string         `json:"destination"`
	DestinationPrefix   string         `json:"destinationPrefix,omitempty"`
	SluiceOptions       *exportOptions `json:"SluiceOptions,omitempty"`
}

type exportOptions struct {
	Format            string `json:",omitempty"`
	CompressionFormat string `json:",omitempty"`
	FilterPattern     string `json:",omitempty"`
	ObjectSizeInMBs   int    `json:",omitempty"`
	From              string `json:",omitempty"`
}

type taskID struct {
	TaskID string `json:"taskId"`
}

// exportTask is a task as DescribeExportTasks shows it.
type exportTask struct {
	TaskID            string
	TaskName          string
	LogGroupName      string
	From, To          int64
	Destination       string
	DestinationPrefix string
	Status            struct{ Code, Message string }
	ExecutionInfo     struct{ CreationTime, CompletionTime int64 }
	SluiceProgress    *exportProgress // nil from AWS, and before the task begins

	raw json.RawMessage // as it came
}

type exportProgress struct {
	LogStreams, LogStreamsDone int
	Objects, Events            int64
	Bytes, ObjectBytes         int64
	ExportableBytes            int64
	Waiting                    string
}

func (t *exportTask) ended() bool {
	switch t.Status.Code {
	case "COMPLETED", "FAILED", "CANCELLED":
		return true
	}
	return false
}

func (c *exportClient) create(ctx context.Context, in *createExport) (id string, err error) {
	var out taskID
	err = c.call(ctx, "CreateExportTask", in, &out)
	return out.TaskID, err
}

// list asks for page after page; 0 is no limit.
func (c *exportClient) list(ctx context.Context, state string, limit int) (tasks []exportTask, err error) {
	in := map[string]any{}
	if state != "" {
		in["statusCode"] = state
	}
	for {
		page, next, err := c.page(ctx, in)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, page...)
		if limit > 0 && len(tasks) >= limit {
			return tasks[:limit], nil
		}
		if next == "" {
			return tasks, nil
		}
		in["nextToken"] = next
	}
}

var errNoTask = &exportError{Code: "ResourceNotFoundException", Message: "The specified export task does not exist."}

func (c *exportClient) describe(ctx context.Context, id string) (exportTask, error) {
	tasks, _, err := c.page(ctx, map[string]any{"taskId": id})
	if err == nil && len(tasks) == 0 {
		err = errNoTask
	}
	if err != nil {
		return exportTask{}, err
	}
	return tasks[0], nil
}

func (c *exportClient) page(ctx context.Context, in map[string]any) (tasks []exportTask, next string, err error) {
	var out struct {
		ExportTasks []json.RawMessage
		NextToken   string
	}
	if err := c.call(ctx, "DescribeExportTasks", in, &out); err != nil {
		return nil, "", err
	}
	tasks = make([]exportTask, len(out.ExportTasks))
	for i, raw := range out.ExportTasks {
		if err := json.Unmarshal(raw, &tasks[i]); err != nil {
			return nil, "", fmt.Errorf("DescribeExportTasks: read answer: %w", err)
		}
		tasks[i].raw = raw
	}
	return tasks, out.NextToken, nil
}

// exportError is what the service answers.
type exportError struct {
	Operation, Code, Message string
	status                   int
}

func (e *exportError) Error() string { return cmp.Or(e.Message, e.Code, http.StatusText(e.status)) }

// ErrorCode is what the SDK's errors have too.
func (e *exportError) ErrorCode() string { return e.Code }

// passes tells whether the same request may succeed later.
func (e *exportError) passes() bool { return e.status >= 500 || e.Code == "ThrottlingException" }

const exportAttempts = 3

// call makes a request, again where that does no harm: a second CreateExportTask
// could make a second task.
func (c *exportClient) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	pause := c.pause
	for attempt := 1; ; attempt++ {
		answer, err := c.once(ctx, operation, body)
		var refused *exportError
		again := !errors.As(err, &refused) || refused.passes()
		switch {
		case err == nil && out == nil:
			return nil
		case err == nil:
			if err := json.Unmarshal(answer, out); err != nil {
				return fmt.Errorf("%s: read answer: %w", operation, err)
			}
			return nil
		case !again, attempt == exportAttempts, operation == "CreateExportTask", ctx.Err() != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (c *exportClient) once(ctx context.Context, operation string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328."+operation)
	who, err := c.credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "logs", c.region, time.Now()); err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() // read to its end below
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = readExportError(operation, answer.StatusCode, text)
	}
	return text, err
}

func readExportError(operation string, status int, text []byte) *exportError {
	var said struct {
		Type    string `json:"__type"`
		Message string
	}
	if json.Unmarshal(text, &said) != nil { // a proxy's page
		return &exportError{operation, "", fmt.Sprintf("%d %s: %.200s", status, http.StatusText(status), text), status}
	}
	_, code, found := strings.Cut(said.Type, "#")
	if !found {
		code = said.Type
	}
	return &exportError{operation, code, said.Message, status}
}
