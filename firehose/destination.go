package firehose

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/awsapi"
)

// destination is ExtendedS3DestinationConfiguration with AWS's member names:
// what a client sends, what the catalog keeps (with defaults filled in) and what
// DescribeDeliveryStream shows.
type destination struct {
	RoleARN                           string               `json:",omitempty"`
	BucketARN                         string               `json:",omitempty"`
	Prefix                            string               `json:",omitempty"`
	ErrorOutputPrefix                 string               `json:",omitempty"`
	BufferingHints                    *bufferingHints      `json:",omitempty"`
	CompressionFormat                 string               `json:",omitempty"`
	EncryptionConfiguration           *encryption          `json:",omitempty"`
	CloudWatchLoggingOptions          *cloudWatchLogging   `json:",omitempty"`
	ProcessingConfiguration           *processing          `json:",omitempty"`
	S3BackupMode                      string               `json:",omitempty"`
	S3BackupConfiguration             jsontext.Value       `json:",omitempty"`
	DataFormatConversionConfiguration *formatConversion    `json:",omitempty"`
	DynamicPartitioningConfiguration  *dynamicPartitioning `json:",omitempty"`
	FileExtension                     string               `json:",omitempty"`
	CustomTimeZone                    string               `json:",omitempty"`
}

type bufferingHints struct {
	SizeInMBs         *int `json:",omitempty"`
	IntervalInSeconds *int `json:",omitempty"`
}

type encryption struct {
	NoEncryptionConfig  string         `json:",omitempty"`
	KMSEncryptionConfig jsontext.Value `json:",omitempty"`
}

type cloudWatchLogging struct {
	Enabled       bool
	LogGroupName  string `json:",omitempty"`
	LogStreamName string `json:",omitempty"`
}

type processing struct {
	Enabled    bool
	Processors []processor `json:",omitempty"`
}

type processor struct {
	Type       string
	Parameters []processorParameter `json:",omitempty"`
}

type processorParameter struct {
	ParameterName, ParameterValue string
}

type formatConversion struct {
	Enabled                   *bool          `json:",omitempty"`
	SchemaConfiguration       jsontext.Value `json:",omitempty"`
	InputFormatConfiguration  jsontext.Value `json:",omitempty"`
	OutputFormatConfiguration jsontext.Value `json:",omitempty"`
}

type dynamicPartitioning struct {
	Enabled      *bool          `json:",omitempty"`
	RetryOptions jsontext.Value `json:",omitempty"`
}

const (
	defaultSizeInMBs         = 5
	defaultIntervalInSeconds = 300
)

// withDefaults is what AWS describes of a configuration. The same hints hold
// for a half-given pair, which is refused before.
func (d destination) withDefaults() *destination {
	hints := bufferingHints{new(int), new(int)}
	*hints.SizeInMBs, *hints.IntervalInSeconds = defaultSizeInMBs, defaultIntervalInSeconds
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

// reduced is the S3DestinationDescription that AWS shows beside the extended one.
func (d *destination) reduced() *destination {
	r := *d
	r.ProcessingConfiguration, r.S3BackupMode, r.S3BackupConfiguration = nil, "", nil
	r.DataFormatConversionConfiguration, r.DynamicPartitioningConfiguration = nil, nil
	r.FileExtension, r.CustomTimeZone = "", ""
	return &r
}

// encode is the form that the catalog keeps.
func (d *destination) encode() ([]byte, error) { return awsapi.AppendJSON(nil, d) }
