package firehose

import (
	"context"
	"errors"
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/objput"
)

// ErrorLog takes what CloudWatchLoggingOptions ask for: lines about deliveries
// that fail. It must not let a line come back to the delivery stream of the
// route, which would write about it again.
type ErrorLog interface {
	Write(ctx context.Context, s catalog.Scope, logGroup, logStream string, route uint64, at int64, line []byte) error
}

// Names that the service's console gives, where the options name no stream.
const defaultLogStream = "DestinationDelivery"

// errorLine is a log event as the service writes it.
type errorLine struct {
	DeliveryStreamARN       string `json:"deliveryStreamARN"`
	Destination             string `json:"destination"`
	DeliveryStreamVersionId int    `json:"deliveryStreamVersionId"`
	Message                 string `json:"message"`
	ErrorCode               string `json:"errorCode"`
}

// logEvery bounds the lines about one failure that goes on: by the clock, so that
// lines about lines could never grow into a flood.
const logEvery = time.Minute

// logFailure writes a line about an attempt that failed, unless there was one
// just now about the same.
func (l *lane) logFailure(ctx context.Context, failure error) {
	code := failureCode(failure)
	now := l.room.cfg.Clock.Now()
	if code == l.loggedCode && now.Sub(l.logged) < logEvery {
		return
	}
	l.loggedCode, l.logged = code, now
	l.logLine(ctx, code, failure.Error())
}

// logQuarantined writes a line about records that went to the error prefix.
func (l *lane) logQuarantined(ctx context.Context, r result) {
	if r.quarantined == 0 {
		return
	}
	keys := ""
	for _, o := range r.objects {
		if o.Kind == "error" {
			keys += " " + o.Key
		}
	}
	l.logLine(ctx, "ProcessingFailed", "Records could not be processed and were put under the error prefix:"+keys)
}

func (l *lane) logLine(ctx context.Context, code, message string) {
	told := l.stream.settings()
	o := told.config.CloudWatchLoggingOptions
	if l.room.links.ErrorLog == nil || o == nil || !o.Enabled {
		return
	}
	stream := o.LogStreamName
	if stream == "" {
		stream = defaultLogStream
	}
	line, err := awsapi.AppendJSON(nil, errorLine{l.stream.arn, told.config.BucketARN, told.version(), message, code})
	if err == nil {
		err = l.room.links.ErrorLog.Write(ctx, l.stream.Scope, o.LogGroupName, stream, l.stream.Route, l.room.now(), line)
	}
	if err != nil && ctx.Err() == nil {
		l.room.cfg.Logger.Warn("write to the log group of delivery errors", "stream", l.stream.Name, "group", o.LogGroupName, "error", err)
	}
}

// failureCode is the service's name of a failure.
func failureCode(err error) string {
	var stop *stopError
	text := err.Error()
	switch {
	case strings.Contains(text, "NoSuchBucket"):
		return "S3.NoSuchBucket"
	case errors.Is(err, objput.ErrRefused):
		return "S3.AccessDenied"
	case errors.As(err, &stop) && stop.condition == Fenced:
		return "S3.Conflict"
	}
	return "InternalError"
}
