package firehose

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// UpdateDestination changes the destination of a delivery stream.
//
// Behaviour: members that are given replace those of before, each as a whole;
// what is left out, or null, stays. The result is checked as a new destination
// is. VersionId rises by one with every call, and the stream stays ACTIVE. What
// waits is delivered by the settings in force when it is cut, under a key with
// the new version; what is planned already, also if it cannot be put and is
// tried again, is delivered as planned. Nothing is flushed early.
//
// Limits: CurrentDeliveryStreamVersionId 1-50 digits, DestinationId 1-100 of
// [a-zA-Z0-9-]. Another version gives ConcurrentModificationException.
//
// Known deviations: as CreateDeliveryStream; another type of destination is
// refused by name; dynamic partitioning may be turned on and off. Where records
// were delivered ahead of others, settings that tell partitions apart in another
// way come into force once the rest is delivered too, by the settings of before.
func (r *Room) updateDestination() awsapi.Operation {
	return awsapi.JSON(service, target+"UpdateDestination", r.update)
}

type updateInput struct {
	DeliveryStreamName             string
	CurrentDeliveryStreamVersionId string
	DestinationId                  string
	S3DestinationUpdate            jsontext.Value
	ExtendedS3DestinationUpdate    jsontext.Value

	RedshiftDestinationUpdate                   jsontext.Value
	ElasticsearchDestinationUpdate              jsontext.Value
	AmazonopensearchserviceDestinationUpdate    jsontext.Value
	AmazonOpenSearchServerlessDestinationUpdate jsontext.Value
	SplunkDestinationUpdate                     jsontext.Value
	HttpEndpointDestinationUpdate               jsontext.Value
	SnowflakeDestinationUpdate                  jsontext.Value
	IcebergDestinationUpdate                    jsontext.Value
}

func (r *Room) update(_ context.Context, c awsapi.Caller, in *updateInput) (*emptyOutput, error) {
	if err := in.model(); err != nil {
		return nil, err
	}
	s, err := r.active(c, in.DeliveryStreamName)
	if err != nil {
		return nil, err
	}
	told := s.settings()
	if in.CurrentDeliveryStreamVersionId != told.versionID() {
		return nil, changedMeanwhile(s.Name, told.versionID(), in.CurrentDeliveryStreamVersionId)
	}
	if in.DestinationId != destinationID {
		return nil, awsapi.InvalidArgument("Destination Id %s not found", in.DestinationId)
	}
	next, err := in.destination(told.config)
	if err != nil {
		return nil, err
	}
	if err := r.change(s, told, told.kept.with(next.withDefaults())); err != nil {
		return nil, err
	}
	r.warnOfTraps(s.Name, next)
	return &emptyOutput{}, nil
}

func (in *updateInput) model() error {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	v.NotNull("currentDeliveryStreamVersionId", in.CurrentDeliveryStreamVersionId != "")
	if id := in.CurrentDeliveryStreamVersionId; id != "" {
		v.Length("currentDeliveryStreamVersionId", id, 1, 50)
		v.Pattern("currentDeliveryStreamVersionId", id, "[0-9]+", only(id, "0123456789"))
	}
	v.NotNull("destinationId", in.DestinationId != "")
	if id := in.DestinationId; id != "" {
		v.Length("destinationId", id, 1, 100)
		v.Pattern("destinationId", id, "[a-zA-Z0-9-]+", only(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"))
	}
	for _, m := range []struct {
		at    string
		value jsontext.Value
	}{{"s3DestinationUpdate", in.S3DestinationUpdate}, {"extendedS3DestinationUpdate", in.ExtendedS3DestinationUpdate}} {
		var d struct {
			destination
			S3BackupUpdate *destination
		}
		if given(m.value) {
			if err := awsapi.Unmarshal(m.value, &d); err != nil {
				return err
			}
		}
		d.modelUpdate(v, m.at)
		if d.S3BackupUpdate != nil {
			d.S3BackupUpdate.modelUpdate(v, m.at+".s3BackupUpdate")
		}
	}
	return v.Err()
}

// destination is what an update makes of the destination now.
func (in *updateInput) destination(now *destination) (*destination, error) {
	updates, others := in.given()
	switch {
	case len(updates)+len(others) != 1:
		return nil, awsapi.InvalidArgument("Exactly one destination configuration is supported for a Firehose")
	case len(others) > 0:
		return nil, unsupported(others[0])
	}
	var backup struct{ S3BackupUpdate jsontext.Value }
	if err := awsapi.Unmarshal(updates[0], &backup); err != nil {
		return nil, err
	}
	next, err := now.merged(updates[0])
	if err != nil {
		return nil, err
	}
	if given(in.S3DestinationUpdate) { // its shape has no other members
		plain := next.reduced()
		*next = *now
		next.setPlain(plain)
	}
	if given(backup.S3BackupUpdate) {
		if next.S3BackupConfiguration, err = now.backup().merged(backup.S3BackupUpdate); err != nil {
			return nil, err
		}
	}
	if err := next.semantics(); err != nil {
		return nil, err
	}
	if now.S3BackupMode == "Enabled" && next.S3BackupMode != "Enabled" {
		return nil, awsapi.InvalidArgument("S3 backup cannot be disabled once it is enabled.")
	}
	return next, nil
}

// backup is the one that an update changes.
func (d *destination) backup() *destination {
	if d.S3BackupConfiguration == nil {
		return new(destination)
	}
	return d.S3BackupConfiguration
}

func (in *updateInput) given() (updates []jsontext.Value, others []string) {
	for _, u := range []jsontext.Value{in.S3DestinationUpdate, in.ExtendedS3DestinationUpdate} {
		if given(u) {
			updates = append(updates, u)
		}
	}
	return updates, givenNames([]member{
		{"RedshiftDestinationUpdate", in.RedshiftDestinationUpdate},
		{"ElasticsearchDestinationUpdate", in.ElasticsearchDestinationUpdate},
		{"AmazonopensearchserviceDestinationUpdate", in.AmazonopensearchserviceDestinationUpdate},
		{"AmazonOpenSearchServerlessDestinationUpdate", in.AmazonOpenSearchServerlessDestinationUpdate},
		{"SplunkDestinationUpdate", in.SplunkDestinationUpdate},
		{"HttpEndpointDestinationUpdate", in.HttpEndpointDestinationUpdate},
		{"SnowflakeDestinationUpdate", in.SnowflakeDestinationUpdate},
		{"IcebergDestinationUpdate", in.IcebergDestinationUpdate},
	})
}

func changedMeanwhile(name, now, expected string) error {
	return &awsapi.Error{Code: awsapi.CodeConcurrentModification, Message: "Cannot update firehose: " + name +
		" since the current version id: " + now + " and specified version id: " + expected + " do not match"}
}

// active finds a delivery stream that can be changed.
func (r *Room) active(c awsapi.Caller, name string) (*stream, error) {
	s, status, err := r.find(c, name)
	if err == nil && status != statusActive {
		err = awsapi.ResourceInUse("Firehose %s under accountId %s is %s and cannot be changed now.", name, c.Account, status)
	}
	return s, err
}

// change makes the next version of a delivery stream durable, then its lanes
// follow it. ConcurrentModificationException if it is not at these settings any
// more.
func (r *Room) change(s *stream, told *settings, next kept) error {
	config, err := awsapi.AppendJSON(nil, next)
	if err != nil {
		return err
	}
	changed, err := r.links.Definitions.UpdateDeliveryStream(s.Scope, s.Name, told.defined.Version, func(d *catalog.DeliveryStream) error {
		if d.UID != told.defined.UID {
			return catalog.ErrNotFound // another one of that name
		}
		d.Config, d.Updated = config, r.now()
		return nil
	})
	switch {
	case errors.Is(err, catalog.ErrVersion):
		return changedMeanwhile(s.Name, s.settings().versionID(), told.versionID())
	case errors.Is(err, catalog.ErrNotFound):
		return awsapi.DeliveryStreamNotFound(awsapi.Caller{Account: s.Account, Region: s.Region}, s.Name)
	case err != nil:
		r.cfg.Logger.Error("update delivery stream", "stream", s.Name, "error", err)
		return awsapi.ErrServiceUnavailable
	}
	after, err := newSettings(changed)
	if err != nil {
		return err
	}
	s.follow(after)
	return nil
}
