package firehose_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sluice/firehose"
	"sluice/internal/awsapi"
)

// The blocks below are right but for what a case changes.
const (
	typed       = `"ErrorOutputPrefix":"e/!{firehose:error-output-type}/"`
	partition   = `"DynamicPartitioningConfiguration":{"Enabled":true}`
	byQuery     = `"Prefix":"k=!{partitionKeyFromQuery:k}/",` + typed
	byLambda    = `"Prefix":"k=!{partitionKeyFromLambda:k}/",` + typed
	queryForK   = `{"Type":"MetadataExtraction","Parameters":[{"ParameterName":"MetadataExtractionQuery","ParameterValue":"{k:.k}"},{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-1.6"}]}`
	openX       = `"InputFormatConfiguration":{"Deserializer":{"OpenXJsonSerDe":{}}}`
	parquet     = `"OutputFormatConfiguration":{"Serializer":{"ParquetSerDe":{}}}`
	schema      = `"SchemaConfiguration":{"DatabaseName":"d","TableName":"t","RoleARN":"arn:r"}`
	convertsAll = openX + "," + parquet + "," + schema
)

func processing(list ...string) string {
	return `"ProcessingConfiguration":{"Enabled":true,"Processors":[` + strings.Join(list, ",") + `]}`
}

func kindOf(kind string, parameters ...string) string {
	var list []string
	for i := 0; i < len(parameters); i += 2 {
		list = append(list, `{"ParameterName":"`+parameters[i]+`","ParameterValue":"`+parameters[i+1]+`"}`)
	}
	return `{"Type":"` + kind + `","Parameters":[` + strings.Join(list, ",") + `]}`
}

func conversion(parts ...string) string {
	return `"DataFormatConversionConfiguration":{` + strings.Join(parts, ",") + `}`
}

// refusedS3 creates a delivery stream with these members, in vain.
func refusedS3(w *world) func(want string, members ...string) {
	return func(want string, members ...string) {
		w.Helper()
		w.refused("CreateDeliveryStream", `{"DeliveryStreamName":"n","ExtendedS3DestinationConfiguration":{`+
			roleAndBucket+","+strings.Join(members, ",")+`}}`, "InvalidArgumentException: "+want)
	}
}

func TestPrefixTexts(t *testing.T) {
	f := refusedS3(newWorld(t, config{}))
	f("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions", `"Prefix":"!{timestamp:yyyy}/"`)
	f("ErrorOutputPrefix cannot be null or empty when Prefix contains expressions", `"Prefix":"!{timestamp:yyyy}/","ErrorOutputPrefix":""`)
	f("Prefix must not contain any occurrence of !{firehose:error-output-type}", `"Prefix":"!{firehose:error-output-type}/"`, typed)
	f("ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}", `"ErrorOutputPrefix":"!{timestamp:yyyy}/"`)
	f("Invalid expression usage", `"Prefix":"a/!{timestamp:yyyy"`, typed)
	f("Namespace to the left of colon (bogus) is an invalid keyword!", `"Prefix":"!{bogus:100%}"`, typed)
	f("Invalid conversion character used in the value of the expression in Prefix", `"Prefix":"!{timestamp:b}"`, typed)
	f("Invalid conversion character used in the value of the expression in ErrorOutputPrefix", `"ErrorOutputPrefix":"!{firehose:uuid}!{firehose:error-output-type}"`)
	f("Length of evaluated prefix cannot be greater than 512", `"Prefix":"`+strings.Repeat("p", 509)+`!{timestamp:yyyy}"`, typed)
	f("Length of evaluated ErrorOutputPrefix cannot be greater than 512", `"ErrorOutputPrefix":"`+strings.Repeat("p", 512)+`"`)
	f("Dynamic Partitioning Namespaces can't be part of an error prefix expression", `"ErrorOutputPrefix":"!{firehose:error-output-type}!{partitionKeyFromQuery:k}"`)
	f("Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.", byQuery)
	f("Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled.", byQuery, `"DynamicPartitioningConfiguration":{"Enabled":false}`)
	f("CustomTimeZone Europe/Nowhere is not a known time zone", `"CustomTimeZone":"Europe/Nowhere"`)
	f("CustomTimeZone Local is not a known time zone", `"CustomTimeZone":"Local"`)
	f("Prefix must not lie under _sluice/, where manifests and metadata are kept", `"Prefix":"!{timestamp:'/_sluice/'}"`, typed)
	f("ErrorOutputPrefix must not lie under _sluice/, where manifests and metadata are kept", `"ErrorOutputPrefix":"_sluice/commit/"`)
	f("Prefix makes keys of more than the 1024 bytes that S3 takes", `"Prefix":"`+strings.Repeat("日", 400)+`"`)
}

func TestPartitioningTexts(t *testing.T) {
	f := refusedS3(newWorld(t, config{}))
	f("S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled", partition)
	f("Processing Configuration is not enabled when DataPartitioning is enabled", partition, byQuery)
	f("Processing Configuration is not enabled when DataPartitioning is enabled", partition, byQuery, `"ProcessingConfiguration":{"Enabled":false,"Processors":[`+queryForK+`]}`)
	f("MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery namespace.", partition, byQuery, processing(kindOf("Lambda", "LambdaArn", "arn:l")))
	f("Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda namespace", partition, byLambda, processing(queryForK))
	for _, query := range []string{"{k:.k, other:.o}", `{k, \"other\":1}`, ".deep | {$k, other}"} {
		f("MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression", partition, byQuery,
			processing(kindOf("MetadataExtraction", "MetadataExtractionQuery", query, "JsonParsingEngine", "JQ-1.6")))
	}
	f("class com.amazonaws.services.firehose.internal.model.MetadataExtractionProcessor can only be present when Dynamic Partitioning is enabled.", processing(queryForK))
	f("class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only be present when Dynamic Partitioning is enabled.", processing(kindOf("RecordDeAggregation", "SubRecordType", "JSON")))
	f("MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6", partition, byQuery, processing(kindOf("MetadataExtraction", "MetadataExtractionQuery", "{k:.k}", "JsonParsingEngine", "JQ-1.7")))
	f("MetaDataExtraction JQ Query is not valid", partition, byQuery, processing(kindOf("MetadataExtraction", "MetadataExtractionQuery", "{k:", "JsonParsingEngine", "JQ-1.6")))
	f("BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.", partition, byQuery, processing(queryForK), hints(63, 60))
	f("BufferingHints.IntervalInSeconds must be at least 60 seconds when Dynamic Partitioning is enabled.", partition, byQuery, processing(queryForK), hints(64, 59))
	f("SubRecordType has to be one of JSON, DELIMITED", partition, byQuery, processing(queryForK, kindOf("RecordDeAggregation", "SubRecordType", "CSV")))
	f("Delimiter should be present for DELIMITED", partition, byQuery, processing(queryForK, kindOf("RecordDeAggregation", "SubRecordType", "DELIMITED")))
	f("MetaDataExtraction JQ Query is not valid: parse jq query: now: depends on something other than the record", partition, byQuery,
		processing(kindOf("MetadataExtraction", "MetadataExtractionQuery", "{k:now}", "JsonParsingEngine", "JQ-1.6")))
	f("Delimiter is not valid: delimiter \"!\": illegal base64 data at input byte 0", partition, byQuery,
		processing(queryForK, kindOf("RecordDeAggregation", "SubRecordType", "DELIMITED", "Delimiter", "!")))
	f("The processor Lambda is not supported yet by this version", partition, byLambda, processing(kindOf("Lambda", "LambdaArn", "arn:l")))
}

func TestProcessorTexts(t *testing.T) {
	f := refusedS3(newWorld(t, config{}))
	lambda := func(parameters ...string) string {
		return processing(kindOf("Lambda", append([]string{"LambdaArn", "arn:l"}, parameters...)...))
	}
	f("LambdaArn is required when Lambda processor is used.", processing(kindOf("Lambda", "NumberOfRetries", "3")))
	f("Cannot have more than 1 Lambda processor.", processing(kindOf("Lambda", "LambdaArn", "arn:a"), kindOf("Lambda", "LambdaArn", "arn:b")))
	const both = "Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda processor."
	f(both, lambda("BufferSizeInMBs", "1"))
	f(both, lambda("BufferIntervalInSeconds", "60"))
	for _, size := range []string{"0.19", "3.1", "x", "NaN"} {
		f("BufferSizeInMBs for lambda processor must be between 0.2 and 3.", lambda("BufferSizeInMBs", size, "BufferIntervalInSeconds", "60"))
	}
	f("BufferIntervalInSeconds for lambda processor must be between 0 and 900.", lambda("BufferSizeInMBs", "0.2", "BufferIntervalInSeconds", "901"))
	f("Number of retries for lambda must be between 0 and 300.", lambda("NumberOfRetries", "301"))
	f("The processor Lambda is not supported yet by this version", lambda("BufferSizeInMBs", "3", "BufferIntervalInSeconds", "900", "NumberOfRetries", "300"))
}

func TestConversionTexts(t *testing.T) {
	f := refusedS3(newWorld(t, config{}))
	f("The S3 destination's compression format must be set to UNCOMPRESSED when data format conversion is enabled", conversion(convertsAll), `"CompressionFormat":"GZIP"`)
	f("BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.", conversion(convertsAll), hints(63, 60))
	f("InputFormatConfiguration must not be null", conversion())
	f("InputFormatConfiguration must not be null", conversion(`"Enabled":true`, parquet, schema))
	f("OutputFormatConfiguration must not be null", conversion(openX, schema))
	f("SchemaConfiguration must not be null", conversion(openX, parquet))
	f("More than one deserializer specified. Only one may be chosen.", conversion(`"InputFormatConfiguration":{"Deserializer":{"OpenXJsonSerDe":{},"HiveJsonSerDe":{}}}`, parquet, schema))
	f("Deserializer must not be null", conversion(`"InputFormatConfiguration":{"Deserializer":{}}`, parquet, schema))
	f("Deserializer must not be null", conversion(`"InputFormatConfiguration":{}`, parquet, schema))
	f("ORC output is not supported", conversion(openX, `"OutputFormatConfiguration":{"Serializer":{"OrcSerDe":{}}}`, schema))
}

func TestOtherTexts(t *testing.T) {
	w := newWorld(t, config{})
	f := refusedS3(w)
	f("S3 backup destination configuration is required when enabling S3 backup.", `"S3BackupMode":"Enabled"`)
	f("Invalid expression usage", `"S3BackupMode":"Enabled","S3BackupConfiguration":{`+roleAndBucket+`,"Prefix":"!{"}`)
	redshift := func(s3 string) string {
		return `{"DeliveryStreamName":"n","RedshiftDestinationConfiguration":{"S3Configuration":{` + roleAndBucket + s3 + `}}}`
	}
	const freedoms = "InvalidArgumentException: Prefix Expressions or ErrorOutputPrefix is currently not supported for this destination"
	w.refused("CreateDeliveryStream", redshift(`,"Prefix":"!{timestamp:yyyy}"`), freedoms)
	w.refused("CreateDeliveryStream", redshift(`,"ErrorOutputPrefix":"e/"`), freedoms)
	w.refused("CreateDeliveryStream", redshift(`,"Prefix":"p/"`), "InvalidArgumentException: RedshiftDestinationConfiguration is not supported yet by this version")
	encrypted := func(kind, key string) string {
		return `{"DeliveryStreamName":"n",` + kind + `"ExtendedS3DestinationConfiguration":{` + roleAndBucket + `},"DeliveryStreamEncryptionConfigurationInput":{` + key + `}}`
	}
	g := func(kind, key, want string) {
		t.Helper()
		w.refused("CreateDeliveryStream", encrypted(kind, key), want)
	}
	g("", `"KeyType":"CUSTOMER_MANAGED_CMK"`, "InvalidArgumentException: KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK")
	g("", `"KeyType":"AWS_OWNED_CMK","KeyARN":"`+keyHere+`"`, "InvalidArgumentException: KeyARN cannot be specified when KeyType is AWS_OWNED_CMK")
	g("", `"KeyType":"CUSTOMER_MANAGED_CMK","KeyARN":"arn:aws:kms:eu-west-1:000000000000:key/k"`, "InvalidArgumentException: Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose")
	g(`"DeliveryStreamType":"KinesisStreamAsSource",`+kinesisOf(keyHere), `"KeyType":"AWS_OWNED_CMK"`,
		"InvalidArgumentException: Server side encryption from firehose is only allowed for direct put delivery streams and database as a source delivery streams")
	g("", ``, "ValidationException: 1 validation error detected: Value at 'deliveryStreamEncryptionConfigurationInput.keyType' failed to satisfy constraint: Member must not be null")
}

const keyHere = "arn:aws:kms:us-east-1:000000000000:key/k"

// TestModelOfBlocks: the service model is asked before any meaning, also in the
// blocks that this version refuses.
func TestModelOfBlocks(t *testing.T) {
	w := newWorld(t, config{})
	f := func(members, member, constraint string) {
		t.Helper()
		w.refused("CreateDeliveryStream", `{"DeliveryStreamName":"n","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`,"Prefix":"!{",`+members+`}}`,
			"ValidationException: 1 validation error detected: Value at 'extendedS3DestinationConfiguration."+member+"' failed to satisfy constraint: "+constraint)
	}
	f(`"DynamicPartitioningConfiguration":{"RetryOptions":{"DurationInSeconds":7201}}`, "dynamicPartitioningConfiguration.retryOptions.durationInSeconds", "Member must have value less than or equal to 7200")
	f(`"S3BackupConfiguration":{`+roleAndBucket+`,"CompressionFormat":"gzip"}`, "s3BackupConfiguration.compressionFormat", "Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
	f(conversion(`"OutputFormatConfiguration":{"Serializer":{"ParquetSerDe":{"BlockSizeBytes":1}}}`), "dataFormatConversionConfiguration.outputFormatConfiguration.serializer.parquetSerDe.blockSizeBytes", "Member must have value greater than or equal to 67108864")
	f(conversion(`"OutputFormatConfiguration":{"Serializer":{"OrcSerDe":{"RowIndexStride":1}}}`), "dataFormatConversionConfiguration.outputFormatConfiguration.serializer.orcSerDe.rowIndexStride", "Member must have value greater than or equal to 1000")
	f(`"CloudWatchLoggingOptions":{"LogGroupName":"a:b"}`, "cloudWatchLoggingOptions.logGroupName", "Member must satisfy regular expression pattern: [^:*]*")
	f(`"EncryptionConfiguration":{"KMSEncryptionConfig":{}}`, "encryptionConfiguration.kMSEncryptionConfig.aWSKMSKeyARN", "Member must not be null")
	f(`"EncryptionConfiguration":{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:k"}}`, "encryptionConfiguration.kMSEncryptionConfig.aWSKMSKeyARN", `Member must satisfy regular expression pattern: arn:.*:kms:[a-zA-Z0-9\-]+:\d{12}:(key|alias)/[a-zA-Z_0-9+=,.@\-_/]+`)
}

// TestAcceptedExpressions: what the language has is delivered, see
// TestDeliveryUnderExpressions; a disabled block is kept as it was given.
func TestAcceptedExpressions(t *testing.T) {
	w := newWorld(t, config{})
	for name, members := range map[string]string{
		"time":     `"Prefix":"dt=!{timestamp:yyyy-MM-dd}/",` + typed,
		"random":   `"Prefix":"!{firehose:random-string}/",` + typed,
		"errors":   typed,
		"zone":     `"CustomTimeZone":"Europe/Berlin"`,
		"trap":     `"Prefix":"!{timestamp:YYYY/DD}/",` + typed,
		"off":      conversion(`"Enabled":false`, `"InputFormatConfiguration":{}`) + `,"CompressionFormat":"GZIP"`,
		"no-parts": `"ProcessingConfiguration":{"Enabled":false,"Processors":[` + kindOf("Lambda", "NumberOfRetries", "999") + `]}`,
	} {
		w.must("CreateDeliveryStream", `{"DeliveryStreamName":"`+name+`","ExtendedS3DestinationConfiguration":{`+roleAndBucket+","+members+`}}`)
	}
	if out := w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"off"}`); !strings.Contains(out, `"DataFormatConversionConfiguration":{"Enabled":false,"InputFormatConfiguration":{}}`) {
		t.Error(out)
	}
}

// TestTrapsAreLogged: nobody else can tell that a valid prefix prints something
// else than it looks like.
func TestTrapsAreLogged(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, config{room: firehose.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	w.create(`"Prefix":"!{timestamp:yyyy/MM/dd}/",` + typed)
	if strings.Contains(log.String(), "WARN") {
		t.Error(log.String())
	}
	w.must("UpdateDestination", updating(1, extended(`"Prefix":"!{timestamp:YYYY/MM/dd}/"`)))
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "Y is the year of the week") {
		t.Error(got)
	}
}

// FuzzMembers: whatever a destination is made of is refused, or can be described,
// updated with itself, found by the next process, and deleted.
func FuzzMembers(f *testing.F) {
	for _, members := range []string{
		`"x":0`, `"BufferingHints":{}`, `"DynamicPartitioningConfiguration":{}`, `"S3BackupConfiguration":null`, `"EncryptionConfiguration":{}`,
		`"ProcessingConfiguration":{"Processors":[]}`, `"Prefix":"!{timestamp:z}",` + typed, partition + "," + byQuery + "," + processing(queryForK),
		conversion(convertsAll), conversion(`"Enabled":false`), hints(1, 0), decompress, extract, `"CustomTimeZone":"Asia/Tokyo"`,
	} {
		f.Add(members)
	}
	f.Fuzz(func(t *testing.T, members string) {
		w := newWorld(t, config{})
		defer w.stop()
		body := `{` + roleAndBucket + `,` + members + `}`
		if _, err := w.call("CreateDeliveryStream", `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":`+body+`}`); err != nil {
			if awsapi.CodeOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)
		w.must("UpdateDestination", updating(1, `"ExtendedS3DestinationUpdate":`+body))
		next := newWorld(t, config{defs: w.defs})
		defer next.stop()
		next.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
	})
}
