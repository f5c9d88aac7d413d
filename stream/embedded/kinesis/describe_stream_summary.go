package kinesis

import (
	"context"

	"sluice/internal/awsapi"
)

// DescribeStreamSummary shows a stream without its shards.
//
// Known deviations: those of DescribeStream.
func (r *Room) describeStreamSummary() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "DescribeStreamSummary", r.summarize)
}

type describeStreamSummaryInput struct{ target }

type describeStreamSummaryOutput struct{ StreamDescriptionSummary streamSummary }

type streamSummary struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       streamModeDetails
	RetentionPeriodHours    int
	StreamCreationTimestamp instant
	EnhancedMonitoring      []enhancedMetrics
	EncryptionType          string
	OpenShardCount          int
	ConsumerCount           int
	MaxRecordSizeInKiB      int
}

func (r *Room) summarize(_ context.Context, c awsapi.Caller, in *describeStreamSummaryInput) (*describeStreamSummaryOutput, error) {
	s, err := r.find(c, in.target, awsapi.KinesisValidation())
	if err != nil {
		return nil, err
	}
	return &describeStreamSummaryOutput{streamSummary{
		StreamName: s.Name, StreamARN: c.StreamARN(s.Name), StreamStatus: statusActive, StreamModeDetails: streamModeDetails{s.Mode},
		RetentionPeriodHours: s.RetentionHours, StreamCreationTimestamp: instantOf(s.Created), EnhancedMonitoring: noEnhancedMetrics(),
		EncryptionType: encryptionNone, OpenShardCount: len(s.Shards), MaxRecordSizeInKiB: s.MaxRecordKiB,
	}}, nil
}
