package firehose

import (
	"regexp"
	"strconv"
	"strings"

	"sluice/internal/awsapi"
)

const (
	processorDecompression  = "Decompression"
	processorCloudWatchLogs = "CloudWatchLogProcessing"
	processorDeaggregation  = "RecordDeAggregation"
	processorLambda         = "Lambda"
	processorExtraction     = "MetadataExtraction"
	processorDelimiter      = "AppendDelimiterToRecord"

	parameterCompression = "CompressionFormat"
	parameterExtraction  = "DataMessageExtraction"
	parameterLambda      = "LambdaArn"
	parameterRetries     = "NumberOfRetries"
	parameterSize        = "BufferSizeInMBs"
	parameterInterval    = "BufferIntervalInSeconds"
	parameterQuery       = "MetadataExtractionQuery"
	parameterEngine      = "JsonParsingEngine"
	parameterSubRecord   = "SubRecordType"
	parameterDelimiter   = "Delimiter"

	// compressionZSTD is an extension of ours.
	compressionZSTD = "ZSTD"

	maxProcessors = 5
	maxPrefix     = 1024 // as given
)

// model checks what the service model says of a destination at a path.
func (d *destination) model(v *awsapi.Validation, at string) {
	v.NotNull(at+".roleARN", d.RoleARN != "")
	v.NotNull(at+".bucketARN", d.BucketARN != "")
	d.modelUpdate(v, at)
}

// modelUpdate is model without what only a new destination must have.
func (d *destination) modelUpdate(v *awsapi.Validation, at string) {
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
	d.modelHints(v, at+".bufferingHints")
	if d.CompressionFormat != "" && d.CompressionFormat != compressionZSTD {
		// In the order in which AWS was seen to print them.
		v.Enum(at+".compressionFormat", d.CompressionFormat, "ZIP", "HADOOP_SNAPPY", "Snappy", "GZIP", "UNCOMPRESSED")
	}
	d.EncryptionConfiguration.model(v, at+".encryptionConfiguration")
	d.CloudWatchLoggingOptions.model(v, at+".cloudWatchLoggingOptions")
	if d.S3BackupMode != "" {
		v.Enum(at+".s3BackupMode", d.S3BackupMode, "Disabled", "Enabled")
	}
	if d.S3BackupConfiguration != nil {
		d.S3BackupConfiguration.model(v, at+".s3BackupConfiguration")
	}
	v.Length(at+".fileExtension", d.FileExtension, 0, 128)
	v.Pattern(at+".fileExtension", d.FileExtension, `^$|\.[0-9a-z!\-_.*'()]+`, validExtension(d.FileExtension))
	v.Length(at+".customTimeZone", d.CustomTimeZone, 0, 50)
	v.Pattern(at+".customTimeZone", d.CustomTimeZone, `^$|[a-zA-Z/_]+`, validTimeZone(d.CustomTimeZone))
	d.modelProcessors(v, at+".processingConfiguration.processors")
	d.DataFormatConversionConfiguration.model(v, at+".dataFormatConversionConfiguration")
	d.SluiceConfiguration.model(v, at+".sluiceConfiguration")
	if p := d.DynamicPartitioningConfiguration; p != nil && p.RetryOptions != nil && p.RetryOptions.DurationInSeconds != nil {
		v.Range(at+".dynamicPartitioningConfiguration.retryOptions.durationInSeconds", int64(*p.RetryOptions.DurationInSeconds), 0, 7200)
	}
}

func (d *destination) modelHints(v *awsapi.Validation, at string) {
	if h := d.BufferingHints; h != nil {
		if h.SizeInMBs != nil {
			v.Range(at+".sizeInMBs", int64(*h.SizeInMBs), 1, 128)
		}
		if h.IntervalInSeconds != nil {
			v.Range(at+".intervalInSeconds", int64(*h.IntervalInSeconds), 0, 900)
		}
	}
}

func (e *encryption) model(v *awsapi.Validation, at string) {
	if e == nil {
		return
	}
	if e.NoEncryptionConfig != "" {
		v.Enum(at+".noEncryptionConfig", e.NoEncryptionConfig, "NoEncryption")
	}
	if k := e.KMSEncryptionConfig; k != nil {
		v.NotNull(at+".kMSEncryptionConfig.aWSKMSKeyARN", k.AWSKMSKeyARN != "")
		if k.AWSKMSKeyARN != "" {
			validateKeyARN(v, at+".kMSEncryptionConfig.aWSKMSKeyARN", k.AWSKMSKeyARN)
		}
	}
}

const patternKeyARN = `arn:.*:kms:[a-zA-Z0-9\-]+:\d{12}:(key|alias)/[a-zA-Z_0-9+=,.@\-_/]+`

var keyARN = regexp.MustCompile("^" + patternKeyARN + "$")

func validateKeyARN(v *awsapi.Validation, at, arn string) {
	v.Length(at, arn, 1, 512)
	v.Pattern(at, arn, patternKeyARN, keyARN.MatchString(arn))
}

func (o *cloudWatchLogging) model(v *awsapi.Validation, at string) {
	if o == nil {
		return
	}
	for _, name := range []struct{ member, value string }{{"logGroupName", o.LogGroupName}, {"logStreamName", o.LogStreamName}} {
		v.Length(at+"."+name.member, name.value, 0, 512)
		v.Pattern(at+"."+name.member, name.value, `[^:*]*`, !strings.ContainsAny(name.value, ":*"))
	}
}

func (d *destination) modelProcessors(v *awsapi.Validation, at string) {
	if d.ProcessingConfiguration == nil {
		return
	}
	for i, p := range d.ProcessingConfiguration.Processors {
		at := at + "." + strconv.Itoa(i+1) + ".member"
		v.Enum(at+".type", p.Type, processorDeaggregation, processorDecompression, processorCloudWatchLogs,
			processorLambda, processorExtraction, processorDelimiter)
		for j, param := range p.Parameters {
			at := at + ".parameters." + strconv.Itoa(j+1) + ".member"
			v.Enum(at+".parameterName", param.ParameterName, parameterLambda, parameterRetries, parameterQuery,
				parameterEngine, "RoleArn", parameterSize, parameterInterval, parameterSubRecord,
				parameterDelimiter, parameterCompression, parameterExtraction)
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
