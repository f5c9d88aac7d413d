package firehose_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"sluice/internal/awsapi"
)

// TestSDK drives the operations with AWS's own client.
func TestSDK(t *testing.T) {
	w := newWorld(t, config{})
	server, err := awsapi.New(awsapi.Config{}, w.room.Operations()...)
	if err != nil {
		t.Fatal(err)
	}
	http := httptest.NewServer(server)
	defer http.Close()
	client := sdk.New(sdk.Options{
		BaseEndpoint: aws.String(http.URL), Region: home.Region, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	})
	ctx, name := t.Context(), aws.String("lake")
	create := &sdk.CreateDeliveryStreamInput{
		DeliveryStreamName: name,
		ExtendedS3DestinationConfiguration: &types.ExtendedS3DestinationConfiguration{
			RoleARN: aws.String("arn:aws:iam::000000000000:role/r"), BucketARN: aws.String("arn:aws:s3:::lake"),
			BufferingHints:    &types.BufferingHints{SizeInMBs: aws.Int32(64), IntervalInSeconds: aws.Int32(60)},
			CompressionFormat: types.CompressionFormatGzip, Prefix: aws.String("logs/"),
		},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("shop")}},
	}
	made, err := client.CreateDeliveryStream(ctx, create)
	if err != nil || aws.ToString(made.DeliveryStreamARN) != "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake" {
		t.Fatal(made, err)
	}
	var inUse *types.ResourceInUseException
	if _, err := client.CreateDeliveryStream(ctx, create); !errors.As(err, &inUse) {
		t.Error(err)
	}
	create.DeliveryStreamName = aws.String("other")
	create.ExtendedS3DestinationConfiguration.EncryptionConfiguration = &types.EncryptionConfiguration{
		KMSEncryptionConfig: &types.KMSEncryptionConfig{AWSKMSKeyARN: aws.String("arn:aws:kms:us-east-1:000000000000:key/k")},
	}
	var invalid *types.InvalidArgumentException
	if _, err := client.CreateDeliveryStream(ctx, create); !errors.As(err, &invalid) ||
		invalid.ErrorMessage() != "KMSEncryptionConfig is not supported yet by this version" {
		t.Error(err)
	}

	described, err := client.DescribeDeliveryStream(ctx, &sdk.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	d := described.DeliveryStreamDescription
	if d.DeliveryStreamStatus != types.DeliveryStreamStatusActive || aws.ToString(d.VersionId) != "1" || !aws.ToTime(d.CreateTimestamp).Equal(start) ||
		aws.ToInt32(d.Destinations[0].ExtendedS3DestinationDescription.BufferingHints.SizeInMBs) != 64 {
		t.Errorf("%+v", d)
	}
	listed, err := client.ListDeliveryStreams(ctx, &sdk.ListDeliveryStreamsInput{})
	if err != nil || len(listed.DeliveryStreamNames) != 1 || aws.ToBool(listed.HasMoreDeliveryStreams) {
		t.Error(listed, err)
	}

	one, err := client.PutRecord(ctx, &sdk.PutRecordInput{DeliveryStreamName: name, Record: &types.Record{Data: []byte("one\n")}})
	if err != nil || aws.ToString(one.RecordId) == "" {
		t.Error(one, err)
	}
	many, err := client.PutRecordBatch(ctx, &sdk.PutRecordBatchInput{
		DeliveryStreamName: name, Records: []types.Record{{Data: []byte("two\n")}, {Data: []byte{}}},
	})
	if err != nil || aws.ToInt32(many.FailedPutCount) != 0 || len(many.RequestResponses) != 2 {
		t.Error(many, err)
	}
	w.advance(time.Minute)
	w.want("one\ntwo\n")

	changeBySDK(t, client, name)

	if _, err := client.DeleteDeliveryStream(ctx, &sdk.DeleteDeliveryStreamInput{DeliveryStreamName: name}); err != nil {
		t.Error(err)
	}
	var missing *types.ResourceNotFoundException
	if _, err := client.DescribeDeliveryStream(ctx, &sdk.DescribeDeliveryStreamInput{DeliveryStreamName: name}); !errors.As(err, &missing) {
		t.Error(err)
	}
}

// changeBySDK calls the operations that change a delivery stream, which has one
// tag and version 1.
func changeBySDK(t *testing.T, client *sdk.Client, name *string) {
	t.Helper()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	update := &sdk.UpdateDestinationInput{
		DeliveryStreamName: name, CurrentDeliveryStreamVersionId: aws.String("1"), DestinationId: aws.String("destinationId-000000000001"),
		ExtendedS3DestinationUpdate: &types.ExtendedS3DestinationUpdate{
			Prefix: aws.String("dt=!{timestamp:yyyy-MM-dd}/"), ErrorOutputPrefix: aws.String("e/!{firehose:error-output-type}/"),
			CustomTimeZone: aws.String("Europe/Berlin"),
		},
	}
	must(client.UpdateDestination(ctx, update))
	var stale *types.ConcurrentModificationException
	if _, err := client.UpdateDestination(ctx, update); !errors.As(err, &stale) {
		t.Error(err)
	}
	must(client.TagDeliveryStream(ctx, &sdk.TagDeliveryStreamInput{DeliveryStreamName: name, Tags: []types.Tag{{Key: aws.String("cost"), Value: aws.String("7")}}}))
	must(client.UntagDeliveryStream(ctx, &sdk.UntagDeliveryStreamInput{DeliveryStreamName: name, TagKeys: []string{"team"}}))
	tags, err := client.ListTagsForDeliveryStream(ctx, &sdk.ListTagsForDeliveryStreamInput{DeliveryStreamName: name, Limit: aws.Int32(50)})
	if err != nil || len(tags.Tags) != 1 || aws.ToString(tags.Tags[0].Key) != "cost" || aws.ToBool(tags.HasMoreTags) {
		t.Error(tags, err)
	}
	must(client.StartDeliveryStreamEncryption(ctx, &sdk.StartDeliveryStreamEncryptionInput{
		DeliveryStreamName: name, DeliveryStreamEncryptionConfigurationInput: &types.DeliveryStreamEncryptionConfigurationInput{KeyType: types.KeyTypeAwsOwnedCmk},
	}))
	described, err := client.DescribeDeliveryStream(ctx, &sdk.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	d := described.DeliveryStreamDescription
	s3 := d.Destinations[0].ExtendedS3DestinationDescription
	if aws.ToString(d.VersionId) != "2" || d.LastUpdateTimestamp == nil || d.DeliveryStreamEncryptionConfiguration.Status != types.DeliveryStreamEncryptionStatusEnabled ||
		aws.ToString(s3.Prefix) != "dt=!{timestamp:yyyy-MM-dd}/" || s3.CompressionFormat != types.CompressionFormatGzip || aws.ToString(s3.CustomTimeZone) != "Europe/Berlin" {
		t.Errorf("%+v %+v", d, s3)
	}
	must(client.StopDeliveryStreamEncryption(ctx, &sdk.StopDeliveryStreamEncryptionInput{DeliveryStreamName: name}))
}
