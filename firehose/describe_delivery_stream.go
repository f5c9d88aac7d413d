package firehose

import (
	"context"
	"time"

	"sluice/internal/awsapi"
)

// DescribeDeliveryStream shows a delivery stream with its defaults filled in.
//
// Behaviour: the S3 destination is shown twice, as ExtendedS3DestinationDescription
// and as the reduced S3DestinationDescription, under destinationId-000000000001.
// LastUpdateTimestamp appears with the first update.
//
// Limits: Limit 1-10000. Unknown names: ResourceNotFoundException.
//
// Known deviations: ExclusiveStartDestinationId of the only destination gives an
// empty list.
func (r *Room) describeDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"DescribeDeliveryStream", r.describe)
}

type describeInput struct {
	DeliveryStreamName          string
	Limit                       *int64
	ExclusiveStartDestinationId string
}

type describeOutput struct{ DeliveryStreamDescription description }

type description struct {
	DeliveryStreamName                    string
	DeliveryStreamARN                     string
	DeliveryStreamStatus                  string
	DeliveryStreamEncryptionConfiguration encryptionDescription
	DeliveryStreamType                    string
	VersionId                             string
	CreateTimestamp                       awsapi.Timestamp
	LastUpdateTimestamp                   *awsapi.Timestamp  `json:",omitzero"`
	Source                                *sourceDescription `json:",omitzero"`
	Destinations                          []destinationDescription
	HasMoreDestinations                   bool
}

type destinationDescription struct {
	DestinationId                    string
	S3DestinationDescription         *destination
	ExtendedS3DestinationDescription extendedDescription
}

// extendedDescription is a destination in which the backup has the name that it
// has in descriptions.
type extendedDescription struct {
	destination
	S3BackupDescription *destination `json:",omitzero"`
}

func (d *destination) extended() extendedDescription {
	e := extendedDescription{destination: *d}
	if d.S3BackupConfiguration != nil {
		e.S3BackupConfiguration, e.S3BackupDescription = nil, d.S3BackupConfiguration.withDefaults().reduced()
	}
	return e
}

const destinationID = "destinationId-000000000001"

func (r *Room) describe(_ context.Context, c awsapi.Caller, in *describeInput) (*describeOutput, error) {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, 10_000)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	s, status, err := r.find(c, in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	told := s.settings()
	d := description{
		DeliveryStreamName: s.Name, DeliveryStreamARN: s.arn, DeliveryStreamStatus: status,
		DeliveryStreamEncryptionConfiguration: told.kept.Encryption.describe(r.now(), r.cfg.CreatingFor),
		DeliveryStreamType:                    s.kind, VersionId: told.versionID(), CreateTimestamp: timestamp(s.created),
		Source:       told.kept.Source.describe(s.created),
		Destinations: []destinationDescription{},
	}
	if told.defined.Version > 1 {
		t := timestamp(told.defined.Updated)
		d.LastUpdateTimestamp = &t
	}
	if in.ExclusiveStartDestinationId < destinationID {
		d.Destinations = append(d.Destinations, destinationDescription{destinationID, told.config.reduced(), told.config.extended()})
	}
	return &describeOutput{d}, nil
}

func timestamp(ms int64) awsapi.Timestamp { return awsapi.Timestamp{Time: time.UnixMilli(ms).UTC()} }
