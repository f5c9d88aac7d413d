package firehose_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/firehose"
	"sluice/internal/awsapi"
)

// refused calls an operation that must fail with this code and text.
func (w *world) refused(operation, body, want string) {
	w.Helper()
	out, err := w.call(operation, body)
	if err == nil || err.Error() != want {
		w.Errorf("%s %s:\n got %s %v\nwant %s", operation, body, out, err, want)
	}
}

func TestCreateModelChecks(t *testing.T) {
	w := newWorld(t, config{})
	const at = "ValidationException: 1 validation error detected: Value at '"
	f := func(body, want string) {
		t.Helper()
		w.refused("CreateDeliveryStream", body, want)
	}
	s3 := func(members string) string {
		return `{"DeliveryStreamName":"n","ExtendedS3DestinationConfiguration":{` + roleAndBucket + "," + members + `}}`
	}
	const ext = "extendedS3DestinationConfiguration."
	f(`{"ExtendedS3DestinationConfiguration":{`+roleAndBucket+`}}`, at+"deliveryStreamName' failed to satisfy constraint: Member must not be null")
	f(`{"DeliveryStreamName":"`+strings.Repeat("n", 65)+`"}`, at+"deliveryStreamName' failed to satisfy constraint: Member must have length less than or equal to 64")
	f(`{"DeliveryStreamName":"a b"}`, at+"deliveryStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	f(`{"DeliveryStreamName":"n","DeliveryStreamType":"direct"}`, at+"deliveryStreamType' failed to satisfy constraint: Member must satisfy enum value set: [DirectPut, KinesisStreamAsSource, MSKAsSource, DatabaseAsSource]")
	f(`{"DeliveryStreamName":"n","ExtendedS3DestinationConfiguration":{}}`,
		"ValidationException: 2 validation errors detected: Value at '"+ext+"roleARN' failed to satisfy constraint: Member must not be null; Value at '"+ext+"bucketARN' failed to satisfy constraint: Member must not be null")
	f(`{"DeliveryStreamName":"n","S3DestinationConfiguration":{"RoleARN":"arn:aws:iam::1:role/r"}}`, at+"s3DestinationConfiguration.bucketARN' failed to satisfy constraint: Member must not be null")
	f(`{"DeliveryStreamName":"n","S3DestinationConfiguration":{"RoleARN":"r","BucketARN":"arn:aws:s3:::b"}}`, at+`s3DestinationConfiguration.roleARN' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:.*`)
	for _, arn := range []string{"lake", "arn:aws:s3:::", "arn:aws:s3:::a/b", "arn:aws:s3:us-east-1::b", "aws:s3:::b"} {
		f(`{"DeliveryStreamName":"n","S3DestinationConfiguration":{"RoleARN":"arn:r","BucketARN":"`+arn+`"}}`, at+`s3DestinationConfiguration.bucketARN' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:.*:s3:::[\w\.\-]{1,255}`)
	}
	f(s3(`"Prefix":"`+strings.Repeat("p", 1025)+`"`), at+ext+"prefix' failed to satisfy constraint: Member must have length less than or equal to 1024")
	f(s3(hints(129, 60)), at+ext+"bufferingHints.sizeInMBs' failed to satisfy constraint: Member must have value less than or equal to 128")
	f(s3(hints(0, 60)), at+ext+"bufferingHints.sizeInMBs' failed to satisfy constraint: Member must have value greater than or equal to 1")
	f(s3(hints(1, 901)), at+ext+"bufferingHints.intervalInSeconds' failed to satisfy constraint: Member must have value less than or equal to 900")
	f(s3(`"CompressionFormat":"SNAPPY"`), at+ext+"compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
	f(s3(`"S3BackupMode":"On"`), at+ext+"s3BackupMode' failed to satisfy constraint: Member must satisfy enum value set: [Disabled, Enabled]")
	f(s3(`"FileExtension":"gz"`), at+ext+`fileExtension' failed to satisfy constraint: Member must satisfy regular expression pattern: ^$|\.[0-9a-z!\-_.*'()]+`)
	f(s3(`"CustomTimeZone":"Etc/GMT+9"`), at+ext+`customTimeZone' failed to satisfy constraint: Member must satisfy regular expression pattern: ^$|[a-zA-Z/_]+`)
	f(s3(`"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Gunzip"}]}`), at+ext+"processingConfiguration.processors.1.member.type' failed to satisfy constraint: Member must satisfy enum value set: [RecordDeAggregation, Decompression, CloudWatchLogProcessing, Lambda, MetadataExtraction, AppendDelimiterToRecord]")
	f(s3(`"EncryptionConfiguration":{"NoEncryptionConfig":"None"}`), at+ext+"encryptionConfiguration.noEncryptionConfig' failed to satisfy constraint: Member must satisfy enum value set: [NoEncryption]")
	f(`{"DeliveryStreamName":"n","Tags":[{"Key":"aws:x","Value":"v"}]}`, at+`tags.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`)
	f(`{"DeliveryStreamName":"n","ExtendedS3DestinationConfiguration":[]}`, "SerializationException: Start of list found where not expected")
	// The model speaks first.
	f(s3(`"CompressionFormat":"gzip","Prefix":"!{bad"`), at+ext+"compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
}

func TestCreateSemanticChecks(t *testing.T) {
	w := newWorld(t, config{})
	f := func(members, want string) {
		t.Helper()
		w.refused("CreateDeliveryStream", `{"DeliveryStreamName":"n",`+members+`}`, "InvalidArgumentException: "+want)
	}
	one := `"ExtendedS3DestinationConfiguration":{` + roleAndBucket + `}`
	s3 := func(members string) string {
		return `"ExtendedS3DestinationConfiguration":{` + roleAndBucket + "," + members + `}`
	}
	processors := func(list string) string {
		return s3(`"ProcessingConfiguration":{"Enabled":true,"Processors":[` + list + `]}`)
	}
	f(`"DeliveryStreamType":"DirectPut"`, "Exactly one destination configuration is supported for a Firehose")
	f(one+`,"S3DestinationConfiguration":{`+roleAndBucket+`}`, "Exactly one destination configuration is supported for a Firehose")
	f(one+`,"SplunkDestinationConfiguration":{"x":1}`, "Exactly one destination configuration is supported for a Firehose")
	f(`"DeliveryStreamType":"KinesisStreamAsSource",`+one, "KinesisSourceStreamConfig is mandatory for KinesisStreamAsSource stream type.")
	f(`"DeliveryStreamType":"MSKAsSource",`+one, "MSKSourceConfig is mandatory for MSK as Source stream type.")
	f(s3(`"Prefix":"a/!{timestamp:yyyy}/"`), "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	f(s3(`"Prefix":"/_sluice/meta/"`), "Prefix must not lie under _sluice/, where manifests and metadata are kept")
	f(s3(`"Prefix":"`+strings.Repeat("p", 499)+`"`), "Length of evaluated prefix cannot be greater than 512")
	f(s3(`"ErrorOutputPrefix":"`+strings.Repeat("p", 499)+`"`), "Length of evaluated ErrorOutputPrefix cannot be greater than 512")
	f(s3(`"BufferingHints":{"SizeInMBs":5}`), "If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	f(s3(`"BufferingHints":{"IntervalInSeconds":5}`), "If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	f(processors(``), "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	f(processors(strings.TrimSuffix(strings.Repeat(`{"Type":"Decompression"},`, 6), ",")), "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	f(processors(`{"Type":"Decompression"},{"Type":"Decompression"}`), "Cannot have more than 1 Decompression processor.")
	f(processors(`{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"true"}]}`), "CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor")
	f(processors(`{"Type":"Decompression"},{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"yes"}]}`), "Invalid parameter value for DataMessageExtraction. Allowed values are True and False.")
	f(processors(`{"Type":"Decompression","Parameters":[{"ParameterName":"CompressionFormat","ParameterValue":"ZIP"}]}`), "Invalid parameter value for CompressionFormat. Allowed value is GZIP.")
	f(s3(`"CloudWatchLoggingOptions":{"Enabled":true}`), "CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	f(s3(`"S3BackupMode":"Enabled"`), "S3 backup destination configuration is required when enabling S3 backup.")

	const kinesisStream, cluster = "arn:aws:kinesis:us-east-1:000000000000:stream/s", "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"
	f(`"DeliveryStreamType":"KinesisStreamAsSource",`+kinesisOf(kinesisStream)+one, "Firehose is unable to read from "+kinesisStream+": the configuration of this sluice has no such source.")
	f(`"DeliveryStreamType":"MSKAsSource",`+mskOf(cluster, "t")+one, "Firehose is unable to read from "+cluster+": the configuration of this sluice has no such source.")

	// What AWS has and this version has not.
	g := func(members, feature string) { t.Helper(); f(members, feature+" is not supported yet by this version") }
	g(`"HttpEndpointDestinationConfiguration":{"x":1}`, "HttpEndpointDestinationConfiguration")
	g(`"IcebergDestinationConfiguration":{"x":1}`, "IcebergDestinationConfiguration")
	g(`"DeliveryStreamType":"DatabaseAsSource",`+one, "The DeliveryStreamType DatabaseAsSource")
	g(`"DirectPutSourceConfiguration":{"ThroughputHintInMBs":5},`+one, "DirectPutSourceConfiguration")
	g(s3(`"EncryptionConfiguration":{"KMSEncryptionConfig":{"AWSKMSKeyARN":"arn:aws:kms:us-east-1:000000000000:key/k"}}`), "KMSEncryptionConfig")
	if n := len(w.room.Status(t.Context())); n != 0 {
		t.Errorf("%d streams were made", n)
	}
}

func TestEveryCompressionFormatIsAccepted(t *testing.T) {
	w := newWorld(t, config{})
	for _, codec := range []string{"UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY"} {
		w.must("CreateDeliveryStream", `{"DeliveryStreamName":"`+codec+`","ExtendedS3DestinationConfiguration":{`+roleAndBucket+`,"CompressionFormat":"`+codec+`"}}`)
	}
}

func TestCreateAndDescribe(t *testing.T) {
	w := newWorld(t, config{})
	describe := func(create, want string) {
		t.Helper()
		out := w.must("CreateDeliveryStream", create)
		if out != `{"DeliveryStreamARN":"arn:aws:firehose:us-east-1:000000000000:deliverystream/n"}` {
			t.Error(out)
		}
		var got, wanted any
		if err := json.Unmarshal([]byte(w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"n","Limit":1}`)), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Error(d)
		}
		w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"n","AllowForceDelete":true}`)
	}
	head := `{"DeliveryStreamDescription":{"DeliveryStreamName":"n","DeliveryStreamARN":"arn:aws:firehose:us-east-1:000000000000:deliverystream/n",
		"DeliveryStreamStatus":"ACTIVE","DeliveryStreamEncryptionConfiguration":{"Status":"DISABLED"},"DeliveryStreamType":"DirectPut","VersionId":"1",
		"CreateTimestamp":1767323045,"HasMoreDestinations":false,"Destinations":[{"DestinationId":"destinationId-000000000001",`
	describe(`{"DeliveryStreamName":"n","S3DestinationConfiguration":{`+roleAndBucket+`}}`,
		head+`"S3DestinationDescription":{`+roleAndBucket+`,"BufferingHints":{"SizeInMBs":5,"IntervalInSeconds":300},"CompressionFormat":"UNCOMPRESSED",
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"CloudWatchLoggingOptions":{"Enabled":false}},
		"ExtendedS3DestinationDescription":{`+roleAndBucket+`,"BufferingHints":{"SizeInMBs":5,"IntervalInSeconds":300},"CompressionFormat":"UNCOMPRESSED",
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"CloudWatchLoggingOptions":{"Enabled":false},
			"S3BackupMode":"Disabled","DataFormatConversionConfiguration":{"Enabled":false},"CustomTimeZone":"UTC"}}]}}`)
	describe(`{"DeliveryStreamName":"n","DeliveryStreamType":"DirectPut","KinesisStreamSourceConfiguration":null,"Tags":[{"Key":"k","Value":""}],
		"ExtendedS3DestinationConfiguration":{`+roleAndBucket+`,"Prefix":"p/","ErrorOutputPrefix":"e/","FileExtension":".log","CompressionFormat":"GZIP",`+hints(64, 0)+`,`+decompress+`,
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"DynamicPartitioningConfiguration":{"Enabled":false}}}`,
		head+`"S3DestinationDescription":{`+roleAndBucket+`,"Prefix":"p/","ErrorOutputPrefix":"e/","BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":0},"CompressionFormat":"GZIP",
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"CloudWatchLoggingOptions":{"Enabled":false}},
		"ExtendedS3DestinationDescription":{`+roleAndBucket+`,"Prefix":"p/","ErrorOutputPrefix":"e/","FileExtension":".log","BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":0},"CompressionFormat":"GZIP",
			"EncryptionConfiguration":{"NoEncryptionConfig":"NoEncryption"},"CloudWatchLoggingOptions":{"Enabled":false},`+decompress+`,
			"S3BackupMode":"Disabled","DataFormatConversionConfiguration":{"Enabled":false},"DynamicPartitioningConfiguration":{"Enabled":false,"RetryOptions":{"DurationInSeconds":300}},"CustomTimeZone":"UTC"}}]}}`)
}

func TestNamesAndStatus(t *testing.T) {
	w := newWorld(t, config{room: firehose.Config{CreatingFor: 10 * time.Second, MaxDeliveryStreams: 1}})
	w.create("")
	status := func(want string) {
		t.Helper()
		var out struct {
			DeliveryStreamDescription struct{ DeliveryStreamStatus string }
		}
		if err := json.Unmarshal([]byte(w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)), &out); err != nil {
			t.Fatal(err)
		}
		if got := out.DeliveryStreamDescription.DeliveryStreamStatus; got != want {
			t.Errorf("status %s, want %s", got, want)
		}
	}
	status("CREATING")
	w.refused("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`, "ResourceInUseException: Firehose lake under accountId 000000000000 is CREATING and cannot be deleted now.")
	w.refused("PutRecord", `{"DeliveryStreamName":"lake","Record":{"Data":"YQ=="}}`, "ServiceUnavailableException: Firehose lake under accountId 000000000000 is CREATING.")
	w.advance(10 * time.Second)
	status("ACTIVE")
	body := func(name string) string {
		return `{"DeliveryStreamName":"` + name + `","ExtendedS3DestinationConfiguration":{` + roleAndBucket + `}}`
	}
	w.refused("CreateDeliveryStream", body("second"), "LimitExceededException: You have already consumed your firehose quota of 1 hoses.")
	for _, op := range []string{"DescribeDeliveryStream", "DeleteDeliveryStream"} {
		w.refused(op, `{"DeliveryStreamName":"none"}`, "ResourceNotFoundException: Firehose none under account 000000000000 not found.")
		w.refused(op, `{}`, "ValidationException: 1 validation error detected: Value at 'deliveryStreamName' failed to satisfy constraint: Member must not be null")
	}
	w.refused("DescribeDeliveryStream", `{"DeliveryStreamName":"lake","Limit":0}`, "ValidationException: 1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1")

	w = newWorld(t, config{})
	w.create("")
	w.refused("CreateDeliveryStream", body("lake"), "ResourceInUseException: Firehose lake under accountId 000000000000 already exists")
	if _, err := w.callAs(awsapi.Caller{Account: home.Account, Region: "eu-west-1"}, "CreateDeliveryStream", body("lake")); err != nil {
		t.Error("the same name in another region:", err)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t, config{})
	var all []string
	for i := range 25 {
		name := fmt.Sprintf("s%02d", i*7%25)
		all = append(all, name)
		w.must("CreateDeliveryStream", `{"DeliveryStreamName":"`+name+`","S3DestinationConfiguration":{`+roleAndBucket+`}}`)
	}
	slices.Sort(all)
	f := func(body string, more bool, names ...string) {
		t.Helper()
		want, err := json.Marshal(map[string]any{"DeliveryStreamNames": append([]string{}, names...), "HasMoreDeliveryStreams": more})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.must("ListDeliveryStreams", body); got != string(want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	f(`{}`, true, all[:10]...)
	f(`{"Limit":3}`, true, all[:3]...)
	f(`{"Limit":25}`, false, all...)
	f(`{"Limit":24,"DeliveryStreamType":"DirectPut"}`, true, all[:24]...)
	f(`{"ExclusiveStartDeliveryStreamName":"s20"}`, false, all[21:]...)
	f(`{"ExclusiveStartDeliveryStreamName":"s2"}`, false, all[20:]...)
	f(`{"ExclusiveStartDeliveryStreamName":"z"}`, false)
	f(`{"DeliveryStreamType":"MSKAsSource"}`, false)
	w.refused("ListDeliveryStreams", `{"Limit":10001}`, "ValidationException: 1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000")
	w.refused("ListDeliveryStreams", `{"DeliveryStreamType":"x"}`, "ValidationException: 1 validation error detected: Value at 'deliveryStreamType' failed to satisfy constraint: Member must satisfy enum value set: [DirectPut, KinesisStreamAsSource, MSKAsSource, DatabaseAsSource]")
}

func TestPut(t *testing.T) {
	w := newWorld(t, config{})
	w.create(hints(1, 60))
	encode := base64.StdEncoding.EncodeToString
	put := func(data string) string { return `{"DeliveryStreamName":"lake","Record":{"Data":"` + data + `"}}` }
	batch := func(data ...string) string {
		var records []string
		for _, d := range data {
			records = append(records, `{"Data":"`+d+`"}`)
		}
		return `{"DeliveryStreamName":"lake","Records":[` + strings.Join(records, ",") + `]}`
	}
	const at = "ValidationException: 1 validation error detected: Value at '"
	w.refused("PutRecord", `{"DeliveryStreamName":"lake"}`, at+"record' failed to satisfy constraint: Member must not be null")
	w.refused("PutRecord", `{"DeliveryStreamName":"lake","Record":{}}`, at+"record.data' failed to satisfy constraint: Member must not be null")
	w.refused("PutRecord", put(encode(make([]byte, 1_024_001))), at+"record.data' failed to satisfy constraint: Member must have length less than or equal to 1024000")
	w.refused("PutRecord", `{"DeliveryStreamName":"none","Record":{"Data":""}}`, "ResourceNotFoundException: Firehose none under account 000000000000 not found.")
	w.refused("PutRecordBatch", `{"DeliveryStreamName":"lake"}`, at+"records' failed to satisfy constraint: Member must not be null")
	w.refused("PutRecordBatch", batch(), at+"records' failed to satisfy constraint: Member must have length greater than or equal to 1")
	w.refused("PutRecordBatch", batch(make([]string, 501)...), at+"records' failed to satisfy constraint: Member must have length less than or equal to 500")
	w.refused("PutRecordBatch", `{"DeliveryStreamName":"lake","Records":[{"Data":""},{}]}`, at+"records.2.member.data' failed to satisfy constraint: Member must not be null")
	mib := encode(make([]byte, 1_024_000))
	w.refused("PutRecordBatch", batch(mib, mib, mib, mib, mib), "InvalidArgumentException: Records size exceeds 4 MB limit")

	var one struct {
		RecordID  string `json:"RecordId"`
		Encrypted *bool
	}
	if err := json.Unmarshal([]byte(w.must("PutRecord", put(encode([]byte("a\x00"))))), &one); err != nil {
		t.Fatal(err)
	}
	var many struct {
		FailedPutCount   *int
		Encrypted        *bool
		RequestResponses []struct {
			RecordID string `json:"RecordId"`
		}
	}
	if err := json.Unmarshal([]byte(w.must("PutRecordBatch", batch(encode([]byte("b")), "", encode([]byte("\xff"))))), &many); err != nil {
		t.Fatal(err)
	}
	if one.Encrypted == nil || many.Encrypted == nil || many.FailedPutCount == nil || *many.FailedPutCount != 0 || len(many.RequestResponses) != 3 {
		t.Errorf("%+v %+v", one, many)
	}
	ids := map[string]bool{one.RecordID: true}
	for _, r := range many.RequestResponses {
		ids[r.RecordID] = true
	}
	for id := range ids {
		if b, err := base64.StdEncoding.DecodeString(id); len(id) != 224 || len(b) != 168 || err != nil {
			t.Errorf("record id %q: %v", id, err)
		}
	}
	if len(ids) != 4 {
		t.Errorf("%d different ids of 4 records", len(ids))
	}
	w.advance(time.Minute)
	w.want("a\x00b\xff")
	if s := w.status(); s.Delivered != 4 {
		t.Errorf("%+v", s)
	}
}

func TestOnlyFiltersPutIntoADecompressingStream(t *testing.T) {
	for _, members := range []string{decompress, extract} {
		w := newWorld(t, config{})
		w.create(members)
		w.refused("PutRecord", `{"DeliveryStreamName":"lake","Record":{"Data":"YQ=="}}`,
			"InvalidSourceException: Only CloudWatch Logs may put records into a delivery stream with decompression enabled.")
	}
}

func TestPutIntoALogThatTakesNothing(t *testing.T) {
	w := newWorld(t, config{})
	w.create("")
	w.log.step = func(string) error { return errCrashed }
	_, err := w.call("PutRecordBatch", `{"DeliveryStreamName":"lake","Records":[{"Data":"YQ=="}]}`)
	if awsapi.CodeOf(err) != "ServiceUnavailableException" {
		t.Error(err)
	}
}
