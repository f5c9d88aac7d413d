package firehose

import (
	"context"

	"sluice/internal/awsapi"
)

// ListDeliveryStreams lists names in alphabetical order.
//
// Behaviour: starts behind ExclusiveStartDeliveryStreamName, which need not
// exist; DeliveryStreamType keeps those of one type.
//
// Limits: Limit 1-10000, default 10.
//
// Known deviations: none known.
func (r *Room) listDeliveryStreams() awsapi.Operation {
	return awsapi.JSON(service, target+"ListDeliveryStreams", r.list)
}

type listInput struct {
	Limit                            *int64
	DeliveryStreamType               string
	ExclusiveStartDeliveryStreamName string
}

type listOutput struct {
	DeliveryStreamNames    []string
	HasMoreDeliveryStreams bool
}

func (r *Room) list(_ context.Context, c awsapi.Caller, in *listInput) (*listOutput, error) {
	v := awsapi.FirehoseValidation()
	limit := 10
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, 10_000)
		limit = int(*in.Limit)
	}
	if in.DeliveryStreamType != "" {
		v.Enum("deliveryStreamType", in.DeliveryStreamType, directPut, "KinesisStreamAsSource", "MSKAsSource", "DatabaseAsSource")
	}
	if in.ExclusiveStartDeliveryStreamName != "" {
		v.Length("exclusiveStartDeliveryStreamName", in.ExclusiveStartDeliveryStreamName, 1, 64)
		v.Pattern("exclusiveStartDeliveryStreamName", in.ExclusiveStartDeliveryStreamName,
			awsapi.PatternDeliveryStreamName, awsapi.ValidDeliveryStreamName(in.ExclusiveStartDeliveryStreamName))
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	out := &listOutput{DeliveryStreamNames: []string{}}
	for _, d := range r.links.Definitions.DeliveryStreams(scopeOf(c), in.ExclusiveStartDeliveryStreamName, 0) {
		if in.DeliveryStreamType != "" && d.Type != in.DeliveryStreamType {
			continue
		}
		if len(out.DeliveryStreamNames) == limit {
			out.HasMoreDeliveryStreams = true
			break
		}
		out.DeliveryStreamNames = append(out.DeliveryStreamNames, d.Name)
	}
	return out, nil
}
