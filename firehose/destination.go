package firehose

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/firehose/prefix"
	"sluice/internal/awsapi"
)

// destination is ExtendedS3DestinationConfiguration with AWS's member names:
// what a client sends, what the catalog keeps (with defaults filled in) and what
// DescribeDeliveryStream shows.
type destination struct {
	RoleARN                           string               `json:",omitzero"`
	BucketARN                         string               `json:",omitzero"`
	Prefix                            string               `json:",omitzero"`
	ErrorOutputPrefix                 string               `json:",omitzero"`
	BufferingHints                    *bufferingHints      `json:",omitzero"`
	CompressionFormat                 string               `json:",omitzero"`
	EncryptionConfiguration           *encryption          `json:",omitzero"`
	CloudWatchLoggingOptions          *cloudWatchLogging   `json:",omitzero"`
	ProcessingConfiguration           *processing          `json:",omitzero"`
	S3BackupMode                      string               `json:",omitzero"`
	S3BackupConfiguration             *destination         `json:",omitzero"`
	DataFormatConversionConfiguration *formatConversion    `json:",omitzero"`
	DynamicPartitioningConfiguration  *dynamicPartitioning `json:",omitzero"`
	FileExtension                     string               `json:",omitzero"`
	CustomTimeZone                    string               `json:",omitzero"`

	// SluiceConfiguration is what AWS does not have.
	SluiceConfiguration *sluiceConfiguration `json:",omitzero"`
}

type bufferingHints struct {
	SizeInMBs         *int `json:",omitzero"`
	IntervalInSeconds *int `json:",omitzero"`
}

type encryption struct {
	NoEncryptionConfig  string               `json:",omitzero"`
	KMSEncryptionConfig *kmsEncryptionConfig `json:",omitzero"`
}

type kmsEncryptionConfig struct{ AWSKMSKeyARN string }

type cloudWatchLogging struct {
	Enabled       bool
	LogGroupName  string `json:",omitzero"`
	LogStreamName string `json:",omitzero"`
}

type processing struct {
	Enabled    bool
	Processors []processor `json:",omitzero"`
}

type processor struct {
	Type       string
	Parameters []processorParameter `json:",omitzero"`
}

type processorParameter struct {
	ParameterName, ParameterValue string
}

type dynamicPartitioning struct {
	Enabled      *bool         `json:",omitzero"`
	RetryOptions *retryOptions `json:",omitzero"`
}

type retryOptions struct {
	DurationInSeconds *int `json:",omitzero"`
}

func (p *dynamicPartitioning) enabled() bool {
	return p != nil && p.Enabled != nil && *p.Enabled
}

const (
	defaultSizeInMBs         = 5
	defaultLargeInMBs        = 128 // with partitioning or conversion, which take 64 at least
	defaultIntervalInSeconds = 300
	defaultRetrySeconds      = 300
)

// withDefaults is what AWS describes of a configuration. The same hints hold
// for a half-given pair, which is refused before.
func (d destination) withDefaults() *destination {
	hints := bufferingHints{new(defaultSizeInMBs), new(defaultIntervalInSeconds)}
	if d.DynamicPartitioningConfiguration.enabled() || d.DataFormatConversionConfiguration.enabled() {
		hints.SizeInMBs = new(defaultLargeInMBs)
	}
	if h := d.BufferingHints; h != nil && h.SizeInMBs != nil && h.IntervalInSeconds != nil {
		hints = *h
	}
	d.BufferingHints = &hints
	if d.CompressionFormat == "" {
		d.CompressionFormat = "UNCOMPRESSED"
	}
	d.EncryptionConfiguration = &encryption{NoEncryptionConfig: "NoEncryption"}
	if d.CloudWatchLoggingOptions == nil {
		d.CloudWatchLoggingOptions = &cloudWatchLogging{}
	}
	if d.S3BackupMode == "" {
		d.S3BackupMode = "Disabled"
	}
	if d.DataFormatConversionConfiguration == nil {
		d.DataFormatConversionConfiguration = &formatConversion{Enabled: new(bool)}
	}
	if p := d.DynamicPartitioningConfiguration; p != nil && p.RetryOptions == nil {
		d.DynamicPartitioningConfiguration = &dynamicPartitioning{p.Enabled, &retryOptions{new(defaultRetrySeconds)}}
	}
	if d.CustomTimeZone == "" {
		d.CustomTimeZone = "UTC"
	}
	return &d
}

func (d *destination) hintBytes() int64 { return int64(*d.BufferingHints.SizeInMBs) << 20 }

func (d *destination) hintInterval() time.Duration {
	return time.Duration(*d.BufferingHints.IntervalInSeconds) * time.Second
}

// bucket is the name in the bucket's ARN, which was validated.
func (d *destination) bucket() string {
	return d.BucketARN[strings.LastIndexByte(d.BucketARN, ':')+1:]
}

// prefixes reads both members, and how they go with the rest.
func (d *destination) prefixes() (prefix.Pair, error) {
	f := prefix.Features{
		DynamicPartitioning: d.DynamicPartitioningConfiguration.enabled(),
		Processing:          d.ProcessingConfiguration != nil && d.ProcessingConfiguration.Enabled,
		Lambda:              d.processor(processorLambda) != nil,
	}
	if p := d.processor(processorExtraction); p != nil {
		f.Extraction = true
		f.ExtractedKeys = extractedKeys(p.parameter(parameterQuery))
	}
	data, errors := d.laidOut()
	return prefix.New(data, errors, f)
}

// processor finds a processor that is in force.
func (d *destination) processor(kind string) *processor {
	if d.ProcessingConfiguration == nil || !d.ProcessingConfiguration.Enabled {
		return nil
	}
	for i, p := range d.ProcessingConfiguration.Processors {
		if p.Type == kind {
			return &d.ProcessingConfiguration.Processors[i]
		}
	}
	return nil
}

func (p *processor) parameter(name string) string {
	for _, v := range p.Parameters {
		if v.ParameterName == name {
			return v.ParameterValue
		}
	}
	return ""
}

// form is how events land in this destination's objects.
func (d *destination) form() form {
	if d.processor(processorDecompression) == nil {
		return formMembers
	}
	if p := d.processor(processorCloudWatchLogs); p != nil && strings.EqualFold(p.parameter(parameterExtraction), "true") {
		return formMessages
	}
	return formDocuments
}

// reduced is a plain S3 destination: what AWS reads of S3DestinationConfiguration,
// and shows beside the extended description.
func (d *destination) reduced() *destination {
	r := *d
	r.ProcessingConfiguration, r.S3BackupMode, r.S3BackupConfiguration = nil, "", nil
	r.DataFormatConversionConfiguration, r.DynamicPartitioningConfiguration = nil, nil
	r.FileExtension, r.CustomTimeZone, r.SluiceConfiguration = "", "", nil
	return &r
}

// setPlain takes the members of a plain S3 destination over.
func (d *destination) setPlain(p *destination) {
	d.RoleARN, d.BucketARN, d.Prefix, d.ErrorOutputPrefix = p.RoleARN, p.BucketARN, p.Prefix, p.ErrorOutputPrefix
	d.BufferingHints, d.CompressionFormat = p.BufferingHints, p.CompressionFormat
	d.EncryptionConfiguration, d.CloudWatchLoggingOptions = p.EncryptionConfiguration, p.CloudWatchLoggingOptions
}

// merged is the destination after an update: what the update gives replaces the
// member as a whole, what it leaves out or null stays. Members are compared as
// JSON, for in that an empty string is not an absent one.
func (d *destination) merged(update jsontext.Value) (*destination, error) {
	old, err := awsapi.AppendJSON(nil, d)
	if err != nil {
		return nil, err
	}
	members := map[string]jsontext.Value{}
	for _, from := range []jsontext.Value{old, update} {
		var given map[string]jsontext.Value
		if err := awsapi.Unmarshal(from, &given); err != nil {
			return nil, err
		}
		for name, value := range given {
			if value.Kind() != 'n' {
				members[name] = value
			}
		}
	}
	both, err := awsapi.AppendJSON(nil, members)
	if err != nil {
		return nil, err
	}
	out := new(destination)
	return out, awsapi.Unmarshal(both, out)
}
