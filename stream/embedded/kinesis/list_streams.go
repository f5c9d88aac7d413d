package kinesis

import (
	"context"
	"encoding/base64"

	"sluice/internal/awsapi"
)

// ListStreams lists the caller's streams in the order of their names.
//
// Limits: Limit 1-10,000, default 100.
func (r *Room) listStreams() awsapi.Operation {
	return awsapi.Multi(awsapi.Kinesis, "ListStreams", r.list)
}

type listStreamsInput struct {
	Limit                    *int64
	ExclusiveStartStreamName *string
	NextToken                *string
}

type listStreamsOutput struct {
	StreamNames     []string
	HasMoreStreams  bool
	NextToken       string `json:",omitzero"`
	StreamSummaries []listedStream
}

type listedStream struct {
	StreamName              string
	StreamARN               string
	StreamStatus            string
	StreamModeDetails       streamModeDetails
	StreamCreationTimestamp instant
}

const listedStreams = 100

func (r *Room) list(_ context.Context, c awsapi.Caller, in *listStreamsInput) (*listStreamsOutput, error) {
	v := awsapi.KinesisValidation()
	page := int64(listedStreams)
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, mostPage)
		page = *in.Limit
	}
	after := ""
	if in.ExclusiveStartStreamName != nil {
		after = *in.ExclusiveStartStreamName
		validateName(v, "exclusiveStartStreamName", after)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		name, err := base64.RawURLEncoding.DecodeString(*in.NextToken)
		if err != nil || !awsapi.ValidDeliveryStreamName(string(name)) {
			return nil, awsapi.InvalidArgument("NextToken is invalid.")
		}
		after = string(name)
	}
	out := &listStreamsOutput{StreamNames: []string{}, StreamSummaries: []listedStream{}}
	streams := r.cfg.Definitions.List(scopeOf(c), "", after, int(page)+1)
	if out.HasMoreStreams = int64(len(streams)) > page; out.HasMoreStreams {
		streams = streams[:page]
		out.NextToken = base64.RawURLEncoding.EncodeToString([]byte(streams[page-1].Name))
	}
	for _, s := range streams {
		out.StreamNames = append(out.StreamNames, s.Name)
		out.StreamSummaries = append(out.StreamSummaries, listedStream{
			s.Name, c.StreamARN(s.Name), statusActive, streamModeDetails{s.Mode}, instantOf(s.Created),
		})
	}
	return out, nil
}
