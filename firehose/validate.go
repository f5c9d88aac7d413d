package firehose

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/awsapi"
	"sluice/internal/format"
)

const (
	processorDecompression  = "Decompression"
	processorCloudWatchLogs = "CloudWatchLogProcessing"
	parameterCompression    = "CompressionFormat"
	parameterExtraction     = "DataMessageExtraction"

	maxProcessors = 5
	maxPrefix     = 1024 // as given
	maxEvaluated  = 512  // with what is appended
)

// model checks what the service model says of a destination at a path.
func (d *destination) model(v *awsapi.Validation, at string) {
	v.NotNull(at+".roleARN", d.RoleARN != "")
	v.NotNull(at+".bucketARN", d.BucketARN != "")
	if d.RoleARN != "" {
		v.Length(at+".roleARN", d.RoleARN, 1, 512)
		v.Pattern(at+".roleARN", d.RoleARN, `arn:.*`, strings.HasPrefix(d.RoleARN, "arn:"))
	}
	if d.BucketARN != "" {
		v.Length(at+".bucketARN", d.BucketARN, 1, 2048)
		v.Pattern(at+".bucketARN", d.BucketARN, `arn:.*:s3:::[\w\.\-]{1,255}`, validBucketARN(d.BucketARN))
	}
	v.Length(at+".prefix", d.Prefix, 0, maxPrefix)
	v.Length(at+".errorOutputPrefix", d.ErrorOutputPrefix, 0, maxPrefix)
	if h := d.BufferingHints; h != nil {
		if h.SizeInMBs != nil {
			v.Range(at+".bufferingHints.sizeInMBs", int64(*h.SizeInMBs), 1, 128)
		}
		if h.IntervalInSeconds != nil {
			v.Range(at+".bufferingHints.intervalInSeconds", int64(*h.IntervalInSeconds), 0, 900)
		}
	}
	if d.CompressionFormat != "" {
		// In the order in which AWS was seen to print them.
		v.Enum(at+".compressionFormat", d.CompressionFormat, "ZIP", "HADOOP_SNAPPY", "Snappy", "GZIP", "UNCOMPRESSED")
	}
	if e := d.EncryptionConfiguration; e != nil && e.NoEncryptionConfig != "" {
		v.Enum(at+".encryptionConfiguration.noEncryptionConfig", e.NoEncryptionConfig, "NoEncryption")
	}
	if d.S3BackupMode != "" {
		v.Enum(at+".s3BackupMode", d.S3BackupMode, "Disabled", "Enabled")
	}
	v.Length(at+".fileExtension", d.FileExtension, 0, 128)
	v.Pattern(at+".fileExtension", d.FileExtension, `^$|\.[0-9a-z!\-_.*'()]+`, validExtension(d.FileExtension))
	v.Length(at+".customTimeZone", d.CustomTimeZone, 0, 50)
	v.Pattern(at+".customTimeZone", d.CustomTimeZone, `^$|[a-zA-Z/_]+`, validTimeZone(d.CustomTimeZone))
	d.modelProcessors(v, at+".processingConfiguration.processors")
}

func (d *destination) modelProcessors(v *awsapi.Validation, at string) {
	if d.ProcessingConfiguration == nil {
		return
	}
	for i, p := range d.ProcessingConfiguration.Processors {
		at := at + "." + strconv.Itoa(i+1) + ".member"
		v.Enum(at+".type", p.Type, "RecordDeAggregation", processorDecompression, processorCloudWatchLogs,
			"Lambda", "MetadataExtraction", "AppendDelimiterToRecord")
		for j, param := range p.Parameters {
			at := at + ".parameters." + strconv.Itoa(j+1) + ".member"
			v.Enum(at+".parameterName", param.ParameterName, "LambdaArn", "NumberOfRetries", "MetadataExtractionQuery",
				"JsonParsingEngine", "RoleArn", "BufferSizeInMBs", "BufferIntervalInSeconds", "SubRecordType",
				"Delimiter", parameterCompression, parameterExtraction)
			v.Length(at+".parameterValue", param.ParameterValue, 1, 5120)
			v.Pattern(at+".parameterValue", param.ParameterValue, `^(?!\s*$).+`, strings.TrimSpace(param.ParameterValue) != "")
		}
	}
}

func validBucketARN(s string) bool {
	rest, ok := strings.CutPrefix(s, "arn:")
	i := strings.LastIndex(rest, ":s3:::")
	if !ok || i < 0 {
		return false
	}
	bucket := rest[i+len(":s3:::"):]
	return bucket != "" && len(bucket) <= 255 && awsapi.ValidDeliveryStreamName(bucket) // [\w.-] too
}

func validExtension(s string) bool {
	if s == "" {
		return true
	}
	return len(s) > 1 && s[0] == '.' && only(s, "0123456789abcdefghijklmnopqrstuvwxyz!-_.*'()")
}

func validTimeZone(s string) bool {
	return only(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_")
}

func only(s, set string) bool {
	return strings.Trim(s, set) == ""
}

// semantics checks what members mean together, in AWS's words where a feature
// is here, and refuses by name what is not.
func (d *destination) semantics() error {
	for _, check := range []func() error{
		d.checkPrefixes, d.checkHints, d.checkProcessing, d.checkLogging, d.checkBackup, d.checkConversion, d.checkRest,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// unsupported refuses a feature of AWS's that this version does not have.
func unsupported(feature string) error {
	return awsapi.InvalidArgument("%s is not supported yet by this version", feature)
}

func (d *destination) checkPrefixes() error {
	if strings.Contains(d.Prefix, "!{") {
		if d.ErrorOutputPrefix == "" {
			return awsapi.InvalidArgument("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
		}
		return unsupported("An expression (!{...}) in Prefix")
	}
	if strings.Contains(d.ErrorOutputPrefix, "!{") {
		return unsupported("An expression (!{...}) in ErrorOutputPrefix")
	}
	if strings.HasPrefix(strings.TrimLeft(d.Prefix, "/"), "_sluice/") {
		return awsapi.InvalidArgument("Prefix must not lie under _sluice/, where manifests and metadata are kept")
	}
	if len(d.Prefix)+len(timePrefix) > maxEvaluated {
		return awsapi.InvalidArgument("Length of evaluated prefix cannot be greater than 512")
	}
	if len(d.ErrorOutputPrefix)+len(timePrefix) > maxEvaluated {
		return awsapi.InvalidArgument("Length of evaluated ErrorOutputPrefix cannot be greater than 512")
	}
	return nil
}

func (d *destination) checkHints() error {
	if h := d.BufferingHints; h != nil && (h.SizeInMBs == nil) != (h.IntervalInSeconds == nil) {
		return awsapi.InvalidArgument("If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	}
	return nil
}

func (d *destination) checkProcessing() error {
	if d.ProcessingConfiguration == nil || !d.ProcessingConfiguration.Enabled {
		return nil
	}
	list := d.ProcessingConfiguration.Processors
	if len(list) == 0 || len(list) > maxProcessors {
		return awsapi.InvalidArgument("A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	}
	seen := map[string]bool{}
	for _, p := range list {
		if p.Type != processorDecompression && p.Type != processorCloudWatchLogs {
			return unsupported("The processor " + p.Type)
		}
		if seen[p.Type] {
			return awsapi.InvalidArgument("Cannot have more than 1 %s processor.", p.Type)
		}
		seen[p.Type] = true
	}
	if !seen[processorDecompression] {
		return awsapi.InvalidArgument("CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor")
	}
	return d.checkParameters()
}

func (d *destination) checkParameters() error {
	if c := d.processor(processorDecompression).parameter(parameterCompression); c != "" && c != "GZIP" {
		return awsapi.InvalidArgument("Invalid parameter value for CompressionFormat. Allowed value is GZIP.")
	}
	if p := d.processor(processorCloudWatchLogs); p != nil {
		v := p.parameter(parameterExtraction)
		if !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			return awsapi.InvalidArgument("Invalid parameter value for DataMessageExtraction. Allowed values are True and False.")
		}
	}
	return nil
}

func (d *destination) checkLogging() error {
	o := d.CloudWatchLoggingOptions
	switch {
	case o == nil || !o.Enabled:
		return nil
	case o.LogGroupName == "":
		return awsapi.InvalidArgument("CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	}
	return unsupported("CloudWatchLoggingOptions with Enabled true")
}

func (d *destination) checkBackup() error {
	if d.S3BackupMode == "Enabled" {
		if !given(d.S3BackupConfiguration) {
			return awsapi.InvalidArgument("S3 backup destination configuration is required when enabling S3 backup.")
		}
		return unsupported("S3BackupMode Enabled")
	}
	if given(d.S3BackupConfiguration) {
		return unsupported("S3BackupConfiguration")
	}
	return nil
}

func (d *destination) checkConversion() error {
	// Enabled is true when it is left out.
	if c := d.DataFormatConversionConfiguration; c != nil && (c.Enabled == nil || *c.Enabled) {
		return unsupported("DataFormatConversionConfiguration")
	}
	if c := d.DynamicPartitioningConfiguration; c != nil && c.Enabled != nil && *c.Enabled {
		return unsupported("DynamicPartitioningConfiguration")
	}
	return nil
}

func (d *destination) checkRest() error {
	if d.EncryptionConfiguration != nil && given(d.EncryptionConfiguration.KMSEncryptionConfig) {
		return unsupported("KMSEncryptionConfig")
	}
	if d.CustomTimeZone != "" && d.CustomTimeZone != "UTC" {
		return unsupported("A CustomTimeZone other than UTC")
	}
	if d.CompressionFormat != "" {
		if _, err := format.CodecNamed(d.CompressionFormat); err != nil {
			return unsupported("The CompressionFormat " + d.CompressionFormat)
		}
	}
	return nil
}

// given tells whether a member was sent with something in it.
func given(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }
