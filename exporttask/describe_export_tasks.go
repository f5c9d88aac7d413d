package exporttask

import (
	"context"
	"encoding/base64"
	"strconv"

	"sluice/internal/awsapi"
)

// DescribeExportTasks lists the tasks of an account and region, newest first.
//
// Behaviour: a task that is not there is an empty list. Beyond AWS each task
// shows sluiceProgress: streams, objects, events and bytes so far.
//
// Limits: limit 1-50, default 50; the newest thousand tasks that have ended stay
// listed, and beyond those the last completed one of each log group, stream prefix
// and destination, which SluiceOptions.From goes on from.
//
// Deviations: tokens are ours.

type describeInput struct {
	TaskID     *string `json:"taskId"`
	StatusCode *string `json:"statusCode"`
	Limit      *int64  `json:"limit"`
	NextToken  *string `json:"nextToken"`
}

type describeOutput struct {
	ExportTasks []exportTask `json:"exportTasks"`
	NextToken   string       `json:"nextToken,omitempty"`
}

type exportTask struct {
	TaskID            string        `json:"taskId"`
	TaskName          string        `json:"taskName,omitempty"`
	LogGroupName      string        `json:"logGroupName"`
	From              int64         `json:"from"`
	To                int64         `json:"to"`
	Destination       string        `json:"destination"`
	DestinationPrefix string        `json:"destinationPrefix"`
	Status            status        `json:"status"`
	ExecutionInfo     executionInfo `json:"executionInfo"`
	SluiceProgress    *Progress     `json:"sluiceProgress,omitempty"`
}

type status struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

type executionInfo struct {
	CreationTime   int64 `json:"creationTime"`
	CompletionTime int64 `json:"completionTime,omitempty"`
}

const pageSize = 50

func (in *describeInput) validate() error {
	v := awsapi.LogsValidation()
	if in.TaskID != nil {
		v.Length("taskId", *in.TaskID, 1, 512)
	}
	if in.StatusCode != nil {
		v.Enum("statusCode", *in.StatusCode, states...)
	}
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, pageSize)
	}
	return v.Err()
}

func (r *Room) describeExportTasks(_ context.Context, c awsapi.Caller, in *describeInput) (*describeOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	skip, err := openToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := pageSize
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &describeOutput{ExportTasks: []exportTask{}}
	for _, t := range r.tasks(scopeOf(c)) {
		if in.TaskID != nil && t.ID != *in.TaskID || in.StatusCode != nil && t.Code != *in.StatusCode {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(out.ExportTasks) == limit {
			out.NextToken = token(in.NextToken, limit)
			break
		}
		out.ExportTasks = append(out.ExportTasks, r.describe(t))
	}
	return out, nil
}

func (r *Room) describe(t Task) exportTask {
	d := exportTask{
		TaskID: t.ID, TaskName: t.Name, LogGroupName: t.LogGroup, From: t.From, To: t.To,
		Destination: t.Bucket, DestinationPrefix: t.Prefix, Status: status{t.Code, t.Message},
		ExecutionInfo: executionInfo{CreationTime: t.Created, CompletionTime: t.Completed},
	}
	switch j := r.job(t.ID); {
	case t.ended():
		d.SluiceProgress = &t.Progress
	case j != nil && t.Code != pending:
		p := j.progress()
		d.SluiceProgress = &p
	}
	return d
}

// A token is the number of tasks to pass over; new ones come at the front, so
// that a page may repeat what the last one showed and never leaves one out.
func token(before *string, more int) string {
	skip, _ := openToken(before)
	return base64.RawURLEncoding.EncodeToString([]byte("export/" + strconv.Itoa(skip+more)))
}

func openToken(t *string) (skip int, err error) {
	if t == nil {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*t)
	if err == nil && len(text) > len("export/") {
		if skip, err = strconv.Atoi(string(text[len("export/"):])); err == nil && skip > 0 {
			return skip, nil
		}
	}
	return 0, awsapi.InvalidParameter("The specified nextToken is invalid.")
}
