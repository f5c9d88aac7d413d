package firehose

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// CreateDeliveryStream defines a delivery stream to S3 and starts it.
//
// Behaviour: model checks first (ValidationException, all of them in one text),
// then the meaning (InvalidArgumentException, the first). The name must be free:
// ResourceInUseException. The stream is there when the call returns; for
// Config.CreatingFor it is described as CREATING. A stream of a deleted one's
// name takes over its route: filters that waited for it deliver on, under the
// position they had reached.
//
// Limits: name 1-64 of [a-zA-Z0-9_.-]; SizeInMBs 1-128, default 5, or 128 with
// partitioning or conversion; IntervalInSeconds 0-900, default 300; Prefix 512 bytes with the time appended;
// 50 tags; Config.MaxDeliveryStreams for an account and region.
//
// Extensions: SluiceConfiguration in ExtendedS3DestinationConfiguration, or tags
// whose names start with sluice: (sluice_configuration.go, sluice_tags.go).
//
// Sources: an MSK cluster or a Kinesis stream must be named in the configuration
// (Outside), or the stream be one of this process (Streams); else
// InvalidArgumentException. A stream that is made again under its name goes on
// where its source was left.
//
// Known deviations: destinations other than S3, databases as sources, and
// of an S3 destination: the Lambda processor, conversion to ORC and KMS
// are refused by name, after everything that AWS itself would refuse in them; so
// are prefixes under _sluice/ and those that make keys longer than S3's. Buckets,
// roles and keys are not checked for existence. Pattern letters that print
// something else than they seem to are taken, as AWS takes them, and logged. There
// is no limit of active partitions, and RetryOptions mean nothing: attempts go on.
// Conversion to Parquet reads no Glue table: SchemaConfiguration is kept and shown,
// and the columns are those of package format.
func (r *Room) createDeliveryStream() awsapi.Operation {
	return awsapi.JSON(service, target+"CreateDeliveryStream", r.create)
}

const (
	service = "firehose"
	target  = "Firehose_20150804."

	directPut = "DirectPut"
)

type createInput struct {
	DeliveryStreamName                 string
	DeliveryStreamType                 string
	S3DestinationConfiguration         *destination
	ExtendedS3DestinationConfiguration *destination
	Tags                               []tag

	KinesisStreamSourceConfiguration                   *kinesisSource
	MSKSourceConfiguration                             *mskSource
	DatabaseSourceConfiguration                        jsontext.Value
	DirectPutSourceConfiguration                       jsontext.Value
	DeliveryStreamEncryptionConfigurationInput         *encryptionInput
	RedshiftDestinationConfiguration                   jsontext.Value
	ElasticsearchDestinationConfiguration              jsontext.Value
	AmazonopensearchserviceDestinationConfiguration    jsontext.Value
	AmazonOpenSearchServerlessDestinationConfiguration jsontext.Value
	SplunkDestinationConfiguration                     jsontext.Value
	HttpEndpointDestinationConfiguration               jsontext.Value
	SnowflakeDestinationConfiguration                  jsontext.Value
	IcebergDestinationConfiguration                    jsontext.Value
}

type tag struct{ Key, Value string }

type createOutput struct{ DeliveryStreamARN string }

func (r *Room) create(_ context.Context, c awsapi.Caller, in *createInput) (*createOutput, error) {
	if err := in.model(); err != nil {
		return nil, err
	}
	d, err := in.destination(c)
	if err != nil {
		return nil, err
	}
	source, now := in.source(d), r.now()
	if source != nil {
		if err := r.known(source, source.origin(&stream{Scope: scopeOf(c), Name: in.DeliveryStreamName, created: now})); err != nil {
			return nil, err
		}
	}
	config, err := awsapi.AppendJSON(nil, kept{
		destination: *d.withDefaults(), Encryption: in.DeliveryStreamEncryptionConfigurationInput.enabled(now), Source: source,
	})
	if err != nil {
		return nil, err
	}
	if err := r.quota(c); err != nil {
		return nil, err
	}
	made, err := r.links.Definitions.CreateDeliveryStream(catalog.DeliveryStream{
		Scope: scopeOf(c), Name: in.DeliveryStreamName, Created: now, Type: in.kind(), Config: config, Tags: tagMap(in.Tags),
	})
	if errors.Is(err, catalog.ErrExists) {
		return nil, awsapi.DeliveryStreamExists(c, in.DeliveryStreamName)
	}
	if err != nil {
		return nil, err
	}
	if err := r.open(made); err != nil {
		return nil, err
	}
	r.warnOfTraps(made.Name, d)
	return &createOutput{c.DeliveryStreamARN(made.Name)}, nil
}

// open takes a defined delivery stream in, and starts it if the room runs.
func (r *Room) open(d catalog.DeliveryStream) error {
	s, err := r.newStream(d)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams[s.key()] = s
	if r.running != nil {
		r.start(s)
	}
	return nil
}

// warnOfTraps tells the operator of what a client cannot be told.
func (r *Room) warnOfTraps(name string, d *destination) {
	pair, err := d.prefixes()
	if err != nil {
		return
	}
	for _, trap := range slices.Concat(pair.Prefix.Traps(), pair.ErrorOutputPrefix.Traps()) {
		r.cfg.Logger.Warn("a prefix may not print what it looks like", "stream", name, "letter", trap)
	}
}

func (r *Room) quota(c awsapi.Caller) error {
	if most := r.cfg.MaxDeliveryStreams; most > 0 && len(r.links.Definitions.DeliveryStreams(scopeOf(c), "", most)) >= most {
		return awsapi.LimitExceeded("You have already consumed your firehose quota of %d hoses.", most)
	}
	return nil
}

func (in *createInput) model() error {
	v := awsapi.FirehoseValidation()
	validateName(v, in.DeliveryStreamName)
	if in.DeliveryStreamType != "" {
		v.Enum("deliveryStreamType", in.DeliveryStreamType, directPut, kinesisAsSource, mskAsSource, "DatabaseAsSource")
	}
	if in.S3DestinationConfiguration != nil {
		in.S3DestinationConfiguration.model(v, "s3DestinationConfiguration")
	}
	if in.ExtendedS3DestinationConfiguration != nil {
		in.ExtendedS3DestinationConfiguration.model(v, "extendedS3DestinationConfiguration")
	}
	in.KinesisStreamSourceConfiguration.model(v)
	in.MSKSourceConfiguration.model(v)
	in.DeliveryStreamEncryptionConfigurationInput.model(v)
	validateTags(v, in.Tags)
	return v.Err()
}

// validateName checks the name that every operation takes.
func validateName(v *awsapi.Validation, name string) {
	if name == "" {
		v.NotNull("deliveryStreamName", false)
		return
	}
	v.Length("deliveryStreamName", name, 1, 64)
	v.Pattern("deliveryStreamName", name, awsapi.PatternDeliveryStreamName, awsapi.ValidDeliveryStreamName(name))
}

const patternTag = `^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`

const maxTags = 50

func validateTags(v *awsapi.Validation, tags []tag) {
	if len(tags) > maxTags {
		v.ListLength("tags", "", len(tags), 1, maxTags)
	}
	for _, t := range tags {
		validateTagKey(v, "tags.member.key", t.Key)
		v.Length("tags.member.value", t.Value, 0, 256)
		v.Pattern("tags.member.value", t.Value, patternTag, validTag(t.Value))
	}
}

func validTag(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@%", r)
	}) < 0
}

// destination returns the one destination of a request, if it is one that this
// version delivers to, from a source that it delivers from.
func (in *createInput) destination(c awsapi.Caller) (*destination, error) {
	var s3 []*destination
	for _, d := range []*destination{in.S3DestinationConfiguration, in.ExtendedS3DestinationConfiguration} {
		if d != nil {
			s3 = append(s3, d)
		}
	}
	if in.S3DestinationConfiguration != nil { // its shape has no other members
		s3[0] = s3[0].reduced()
	}
	others := in.otherDestinations()
	switch {
	case len(s3)+len(others) != 1:
		return nil, awsapi.InvalidArgument("Exactly one destination configuration is supported for a Firehose")
	case in.DeliveryStreamType == kinesisAsSource && in.KinesisStreamSourceConfiguration == nil:
		return nil, awsapi.InvalidArgument("KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")
	case in.DeliveryStreamType == mskAsSource && in.MSKSourceConfiguration == nil:
		return nil, awsapi.InvalidArgument("MSKSourceConfig is mandatory for MSK as Source stream type.")
	case len(others) > 0:
		if err := checkRedshift(in.RedshiftDestinationConfiguration); err != nil {
			return nil, err
		}
		return nil, unsupported(others[0])
	}
	if err := in.DeliveryStreamEncryptionConfigurationInput.semantics(c, in.DeliveryStreamType); err != nil {
		return nil, err
	}
	if err := in.tagged(s3[0]); err != nil {
		return nil, err
	}
	if err := s3[0].semantics(); err != nil {
		return nil, err
	}
	return s3[0], in.checkSource()
}

// checkRedshift: a Redshift destination passes through S3, with fewer freedoms.
func checkRedshift(config jsontext.Value) error {
	var in struct{ S3Configuration destination }
	if err := awsapi.Unmarshal(config, &in); err != nil {
		return err
	}
	if s3 := in.S3Configuration; strings.Contains(s3.Prefix, "!{") || s3.ErrorOutputPrefix != "" {
		return awsapi.InvalidArgument("Prefix Expressions or ErrorOutputPrefix is currently not supported for this destination")
	}
	return nil
}

func (in *createInput) otherDestinations() []string {
	return givenNames([]member{
		{"RedshiftDestinationConfiguration", in.RedshiftDestinationConfiguration},
		{"ElasticsearchDestinationConfiguration", in.ElasticsearchDestinationConfiguration},
		{"AmazonopensearchserviceDestinationConfiguration", in.AmazonopensearchserviceDestinationConfiguration},
		{"AmazonOpenSearchServerlessDestinationConfiguration", in.AmazonOpenSearchServerlessDestinationConfiguration},
		{"SplunkDestinationConfiguration", in.SplunkDestinationConfiguration},
		{"HttpEndpointDestinationConfiguration", in.HttpEndpointDestinationConfiguration},
		{"SnowflakeDestinationConfiguration", in.SnowflakeDestinationConfiguration},
		{"IcebergDestinationConfiguration", in.IcebergDestinationConfiguration},
	})
}

// member is a member that this version does not read.
type member struct {
	name  string
	value jsontext.Value
}

func givenNames(members []member) (names []string) {
	for _, m := range members {
		if given(m.value) {
			names = append(names, m.name)
		}
	}
	return names
}

func (in *createInput) kind() string { return cmp.Or(in.DeliveryStreamType, directPut) }

// checkSource: AWS accepts and ignores a source block of another type than the
// stream's, and so does this.
func (in *createInput) checkSource() error {
	switch {
	case in.DeliveryStreamType == "DatabaseAsSource":
		return unsupported("The DeliveryStreamType " + in.DeliveryStreamType)
	case given(in.DirectPutSourceConfiguration):
		return unsupported("DirectPutSourceConfiguration")
	}
	return nil
}
