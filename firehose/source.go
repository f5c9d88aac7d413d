package firehose

import (
	"errors"
	"regexp"
	"time"

	"sluice/internal/awsapi"
)

// sourceConfig is what a delivery stream reads in place of what clients put, as the
// catalog holds it.
type sourceConfig struct {
	MSK     *mskSource     `json:",omitzero"`
	Kinesis *kinesisSource `json:",omitzero"`
	// From says that Kinesis is a stream of this process: the positions at which
	// delivery begins, one for each shard of the log.
	From []uint64 `json:",omitzero"`
	// Bucket is the one that the delivery stream was made with.
	Bucket string `json:",omitzero"`
}

const (
	kinesisAsSource = "KinesisStreamAsSource"
	mskAsSource     = "MSKAsSource"
)

// mskSource is MSKSourceConfiguration.
type mskSource struct {
	MSKClusterARN               string
	TopicName                   string
	AuthenticationConfiguration *mskAuthentication `json:",omitzero"`
	ReadFromTimestamp           *awsapi.Timestamp  `json:",omitzero"`
}

type mskAuthentication struct {
	RoleARN      string
	Connectivity string
}

// kinesisSource is KinesisStreamSourceConfiguration.
type kinesisSource struct {
	KinesisStreamARN string
	RoleARN          string
}

// sourceDescription is Source of a description.
type sourceDescription struct {
	KinesisStreamSourceDescription *kinesisSourceDescription `json:",omitzero"`
	MSKSourceDescription           *mskSourceDescription     `json:",omitzero"`
}

type kinesisSourceDescription struct {
	kinesisSource
	DeliveryStartTimestamp awsapi.Timestamp
}

type mskSourceDescription struct {
	mskSource
	DeliveryStartTimestamp awsapi.Timestamp
}

// describe shows the source of a stream that was created at an instant, ms: from
// when on it delivers.
func (c *sourceConfig) describe(created int64) *sourceDescription {
	switch {
	case c == nil:
		return nil
	case c.MSK != nil:
		return &sourceDescription{MSKSourceDescription: &mskSourceDescription{*c.MSK, timestamp(c.start(created).UnixMilli())}}
	case c.Kinesis != nil:
		return &sourceDescription{KinesisStreamSourceDescription: &kinesisSourceDescription{*c.Kinesis, timestamp(created)}}
	}
	return nil
}

// start is where parts begin that nobody has read: ReadFromTimestamp, or when the
// stream was created. The epoch is the first record there is.
func (c *sourceConfig) start(created int64) time.Time {
	if c.MSK != nil && c.MSK.ReadFromTimestamp != nil {
		return c.MSK.ReadFromTimestamp.Time
	}
	return time.UnixMilli(created)
}

var (
	mskARN   = regexp.MustCompile(`^arn:`)
	mskTopic = regexp.MustCompile(`^[a-zA-Z0-9._\-]+$`)
)

func (m *mskSource) model(v *awsapi.Validation) {
	if m == nil {
		return
	}
	const at = "mSKSourceConfiguration"
	v.NotNull(at+".mSKClusterARN", m.MSKClusterARN != "")
	if m.MSKClusterARN != "" {
		v.Length(at+".mSKClusterARN", m.MSKClusterARN, 1, 512)
		v.Pattern(at+".mSKClusterARN", m.MSKClusterARN, `arn:.*`, mskARN.MatchString(m.MSKClusterARN))
	}
	v.NotNull(at+".topicName", m.TopicName != "")
	if m.TopicName != "" {
		v.Length(at+".topicName", m.TopicName, 1, 255)
		v.Pattern(at+".topicName", m.TopicName, `[a-zA-Z0-9\._\-]+`, mskTopic.MatchString(m.TopicName))
	}
	v.NotNull(at+".authenticationConfiguration", m.AuthenticationConfiguration != nil)
	if a := m.AuthenticationConfiguration; a != nil {
		v.NotNull(at+".authenticationConfiguration.roleARN", a.RoleARN != "")
		v.NotNull(at+".authenticationConfiguration.connectivity", a.Connectivity != "")
		if a.Connectivity != "" {
			v.Enum(at+".authenticationConfiguration.connectivity", a.Connectivity, "PUBLIC", "PRIVATE")
		}
	}
}

func (k *kinesisSource) model(v *awsapi.Validation) {
	if k == nil {
		return
	}
	const at = "kinesisStreamSourceConfiguration"
	v.NotNull(at+".kinesisStreamARN", k.KinesisStreamARN != "")
	if k.KinesisStreamARN != "" {
		v.Length(at+".kinesisStreamARN", k.KinesisStreamARN, 1, 512)
		v.Pattern(at+".kinesisStreamARN", k.KinesisStreamARN, `arn:.*`, mskARN.MatchString(k.KinesisStreamARN))
	}
	v.NotNull(at+".roleARN", k.RoleARN != "")
}

// source is that of a request. AWS takes a block for another type than the
// stream's, and ignores it; so does this.
func (in *createInput) source(d *destination) *sourceConfig {
	switch in.DeliveryStreamType {
	case mskAsSource:
		return &sourceConfig{MSK: in.MSKSourceConfiguration, Bucket: d.bucket()}
	case kinesisAsSource:
		return &sourceConfig{Kinesis: in.KinesisStreamSourceConfiguration, Bucket: d.bucket()}
	}
	return nil
}

// origin is a source as the outside knows it.
func (c *sourceConfig) origin(s *stream) Origin {
	o := Origin{Bucket: c.Bucket, Scope: s.Scope, DeliveryStream: s.Name, Start: c.start(s.created)}
	switch {
	case c.MSK != nil:
		o.ARN, o.Topic = c.MSK.MSKClusterARN, c.MSK.TopicName
	case c.Kinesis != nil:
		o.ARN = c.Kinesis.KinesisStreamARN
	}
	if o.Start.UnixMilli() == 0 {
		o.Start = time.Time{}
	}
	return o
}

// openSource joins a stream to its source outside. Where the configuration does
// not have it any more the stream waits for a restart with one that has.
func (r *Room) openSource(s *stream, c *sourceConfig) error {
	s.source = c.origin(s)
	if r.links.Outside == nil || r.cfg.Scratch == "" {
		return nil
	}
	group, err := r.links.Outside.Open(s.source)
	switch {
	case errors.Is(err, ErrNoSource):
		r.cfg.Logger.Error("a delivery stream waits for its source to be configured", "stream", s.Name, "source", s.source.ARN)
		return nil
	case err != nil:
		return err
	}
	s.group = group
	return nil
}

// known tells whether a source can be read.
func (r *Room) known(c *sourceConfig, o Origin) error {
	err := ErrNoSource
	if r.links.Outside != nil && r.cfg.Scratch != "" {
		_, err = r.links.Outside.Open(o)
	}
	switch {
	case errors.Is(err, ErrNoSource) && r.attach(c, o):
		return nil
	case errors.Is(err, ErrNoSource):
		return awsapi.InvalidArgument("Firehose is unable to read from %s: the configuration of this sluice has no such source.", o.ARN)
	case err != nil:
		return awsapi.InvalidArgument("Firehose is unable to read from %s: %v", o.ARN, err)
	}
	return nil
}
