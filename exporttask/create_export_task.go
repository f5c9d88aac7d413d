package exporttask

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/objput"
)

// CreateExportTask starts the export of a log group's events into a bucket.
//
// Behaviour: checks the log group and the bucket, writes aws-logs-write-test,
// pins what is durable now and answers with the id of a PENDING task. What was
// acknowledged before the call is in the export; nothing that comes later is.
// Objects are <destinationPrefix>/<task id>/<log stream>/000000.gz and so on, the
// slashes of a stream's name replaced by hyphens, each line the time, a blank and
// the message; beyond AWS, events of a stream are sorted.
//
// Limits: taskName 1-512; from <= to, both ends belong to the range; one task of
// an account and region that has not ended, with limits: aws.
//
// Deviations: data is there at once instead of within 12 hours. Streams whose
// names are equal once their slashes are replaced continue each other's numbers
// instead of overwriting each other's objects. SluiceOptions (Format,
// CompressionFormat, FilterPattern, ObjectSizeInMBs, From) are ours; AWS's
// clients cannot send them, sluice export does.

type createInput struct {
	TaskName            *string `json:"taskName"`
	LogGroupName        *string `json:"logGroupName"`
	LogStreamNamePrefix *string `json:"logStreamNamePrefix"`
	From                *int64  `json:"from"`
	To                  *int64  `json:"to"`
	Destination         *string `json:"destination"`
	DestinationPrefix   *string `json:"destinationPrefix"`
	SluiceOptions       Options `json:"SluiceOptions"`
}

type createOutput struct {
	TaskID string `json:"taskId"`
}

// writeTest is what AWS leaves in a bucket that it may write to.
const (
	writeTest     = "aws-logs-write-test"
	writeTestText = "Permission Check Successful"
	defaultPrefix = "exportedlogs"
	// reserved is the folder of manifests and metadata at the root of a bucket.
	reserved = "_sluice/"
)

func (in *createInput) validate() error {
	v := awsapi.LogsValidation()
	if in.TaskName != nil {
		v.Length("taskName", *in.TaskName, 1, 512)
	}
	v.NotNull("logGroupName", in.LogGroupName != nil)
	if in.LogGroupName != nil {
		v.Length("logGroupName", *in.LogGroupName, 1, 512)
	}
	if in.LogStreamNamePrefix != nil {
		v.Length("logStreamNamePrefix", *in.LogStreamNamePrefix, 1, 512)
	}
	v.NotNull("from", in.From != nil)
	v.NotNull("to", in.To != nil)
	for name, at := range map[string]*int64{"from": in.From, "to": in.To} {
		if at != nil && *at < 0 {
			v.Range(name, *at, 0, 1<<62)
		}
	}
	v.NotNull("destination", in.Destination != nil)
	if in.Destination != nil {
		v.Length("destination", *in.Destination, 1, 512)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if in.DestinationPrefix != nil && strings.HasPrefix(strings.TrimLeft(*in.DestinationPrefix, "/")+"/", reserved) {
		return awsapi.InvalidParameter("The destinationPrefix must not lie under %s, where manifests and metadata are kept.", reserved)
	}
	if *in.From > *in.To {
		return awsapi.InvalidParameter("The export task's start time must not be later than its end time.")
	}
	return in.SluiceOptions.validate()
}

func (o *Options) validate() error {
	if !slices.Contains([]string{"", formatAWS, formatNDJSON, formatParquet}, o.Format) {
		return awsapi.InvalidParameter("SluiceOptions.Format %q is none of aws, ndjson, parquet.", o.Format)
	}
	if _, err := newShape(*o); err != nil {
		return awsapi.InvalidParameter("SluiceOptions.CompressionFormat: %s.", err.Error())
	}
	if o.ObjectSizeInMBs < 0 || o.ObjectSizeInMBs > 1024 {
		return awsapi.InvalidParameter("SluiceOptions.ObjectSizeInMBs %d is not between 1 and 1024.", o.ObjectSizeInMBs)
	}
	if o.From != "" && o.From != "last" {
		return awsapi.InvalidParameter("SluiceOptions.From %q is not last.", o.From)
	}
	if o.FilterPattern != "" {
		if _, err := pattern.Compile(o.FilterPattern); err != nil {
			return awsapi.InvalidParameter("SluiceOptions.FilterPattern: %s", err.Error())
		}
	}
	return nil
}

func (r *Room) createExportTask(ctx context.Context, c awsapi.Caller, in *createInput) (*createOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, ok := r.cfg.Groups.Group(scopeOf(c), *in.LogGroupName)
	if !ok {
		return nil, awsapi.ErrLogGroupNotFound
	}
	t := entry{scopeOf(c), Task{
		ID: newTaskID(), LogGroup: g.Name, GroupUID: g.UID, From: *in.From, To: *in.To,
		Bucket: *in.Destination, Prefix: defaultPrefix, Options: in.SluiceOptions, Code: pending,
	}}
	setIf(&t.Name, in.TaskName)
	setIf(&t.StreamPrefix, in.LogStreamNamePrefix)
	setIf(&t.Prefix, in.DestinationPrefix)
	t.Prefix = strings.TrimRight(t.Prefix, "/")
	if err := r.checkBucket(ctx, &t.Task, in.DestinationPrefix != nil); err != nil {
		return nil, err
	}
	if err := r.add(&t); err != nil {
		return nil, err
	}
	r.start(t)
	return &createOutput{TaskID: t.ID}, nil
}

func setIf(field *string, given *string) {
	if given != nil {
		*field = *given
	}
}

// checkBucket makes sure that the task can write, the way AWS does.
func (r *Room) checkBucket(ctx context.Context, t *Task, prefixGiven bool) error {
	exists, err := r.cfg.Objects.BucketExists(ctx, t.Bucket)
	switch {
	case err == nil && !exists, errors.Is(err, objput.ErrNotFound):
		return awsapi.InvalidParameter("The given bucket does not exist. Please make sure the bucket is valid.")
	case errors.Is(err, objput.ErrRefused):
		return awsapi.InvalidParameter("GetBucketAcl call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.")
	case err != nil:
		return unavailable(err)
	}
	key := writeTest
	if prefixGiven {
		key = t.key(writeTest)
	}
	err = r.cfg.Objects.PutIfAbsent(ctx, t.Bucket, key, objput.Object{
		Body: bytes.NewReader([]byte(writeTestText)), Size: int64(len(writeTestText)), ContentType: "text/plain",
	})
	switch {
	case err == nil, errors.Is(err, objput.ErrExists):
		return nil
	case errors.Is(err, objput.ErrRefused):
		return awsapi.InvalidParameter("Please ensure that the CreateExportTask caller has been granted s3:PutObject access to the bucket.")
	}
	return unavailable(err)
}

// add pins what is durable and makes the task durable.
func (r *Room) add(t *entry) error {
	r.creating.Lock()
	defer r.creating.Unlock()
	for _, other := range r.tasks(t.Scope) {
		if t.Options.From == "last" && t.After == nil && other.Code == completed && t.continues(&other) {
			t.After = other.Below
		}
	}
	if r.cfg.ActiveTasks > 0 && r.active(t.Scope) >= r.cfg.ActiveTasks {
		return awsapi.ErrLimitExceeded
	}
	t.Below, t.Created = r.cfg.Events.Durable(), r.now()
	if err := r.cfg.Tasks.Create(t.Scope, t.ID, t.Task); err != nil {
		return unavailable(fmt.Errorf("create export task: %w", err))
	}
	r.forget(t.Scope)
	return nil
}

// active counts the tasks of a scope that have not ended.
func (r *Room) active(s catalog.Scope) (n int) {
	for _, t := range r.cfg.Tasks.List(s, "", "", 0) {
		if !t.ended() {
			n++
		}
	}
	return n
}

// continues tells whether a task goes on where an earlier one ended.
func (t *Task) continues(earlier *Task) bool {
	return t.series() == earlier.series()
}

// newTaskID is a random UUID.
func newTaskID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
