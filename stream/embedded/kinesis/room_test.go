package kinesis

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/catalog"
	"sluice/stream/embedded"
)

// TestSDK has an AWS client put records into a stream and read them from every kind
// of iterator.
func TestSDK(t *testing.T) {
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d log shards", shards), func(t *testing.T) {
			testSDK(t, newWorld(t, shards, nil))
		})
	}
}

func testSDK(t *testing.T, w *world) {
	ctx, k, name := t.Context(), w.client(), aws.String("orders")
	if _, err := k.CreateStream(ctx, &sdk.CreateStreamInput{StreamName: name, ShardCount: aws.Int32(3)}); err != nil {
		t.Fatal(err)
	}
	if err := sdk.NewStreamExistsWaiter(k).Wait(ctx, &sdk.DescribeStreamInput{StreamName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	one, err := k.PutRecord(ctx, &sdk.PutRecordInput{StreamName: name, Data: []byte("first"), PartitionKey: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	w.advance(time.Second)
	in := &sdk.PutRecordsInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/orders")}
	for i := range 300 {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: fmt.Appendf(nil, "%d", i), PartitionKey: aws.String(fmt.Sprint(i % 7))})
	}
	put, err := k.PutRecords(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToInt32(put.FailedRecordCount) != 0 || len(put.Records) != 300 {
		t.Fatal(put)
	}
	sequences := map[string]string{"first": *one.SequenceNumber}
	for i, r := range put.Records {
		sequences[fmt.Sprint(i)] = *r.SequenceNumber
	}

	read := func(in *sdk.GetShardIteratorInput, limit int32) (out []types.Record) {
		t.Helper()
		in.StreamName = name
		it, err := k.GetShardIterator(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for next := it.ShardIterator; ; {
			page, err := k.GetRecords(ctx, &sdk.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(limit)})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Records) > int(limit) {
				t.Fatal(len(page.Records), "records, asked for", limit)
			}
			out = append(out, page.Records...)
			if next = page.NextShardIterator; *page.MillisBehindLatest == 0 {
				return out
			}
		}
	}
	listed, err := k.ListShards(ctx, &sdk.ListShardsInput{StreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	if len(listed.Shards) != 3 {
		t.Fatal(listed)
	}
	seen := 0
	for _, shard := range listed.Shards {
		all := read(&sdk.GetShardIteratorInput{ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}, 7)
		seen += len(all)
		lastOf := map[string]int{}
		for i, r := range all {
			if i > 0 && *all[i-1].SequenceNumber >= *r.SequenceNumber {
				t.Error("sequence numbers do not grow")
			}
			if sequences[string(r.Data)] != *r.SequenceNumber {
				t.Errorf("record %s has another sequence number than it was put with", r.Data)
			}
			n := 0
			fmt.Sscan(string(r.Data), &n)
			if n < lastOf[*r.PartitionKey] {
				t.Errorf("%s is behind %d", r.Data, lastOf[*r.PartitionKey])
			}
			lastOf[*r.PartitionKey] = n
		}
		if len(all) < 3 {
			continue
		}
		middle := all[len(all)/2].SequenceNumber
		f := func(kind types.ShardIteratorType, number *string, at *time.Time, want []types.Record) {
			t.Helper()
			got := read(&sdk.GetShardIteratorInput{ShardId: shard.ShardId, ShardIteratorType: kind, StartingSequenceNumber: number, Timestamp: at}, 10_000)
			if !slices.EqualFunc(got, want, func(a, b types.Record) bool { return *a.SequenceNumber == *b.SequenceNumber }) {
				t.Errorf("%s: %d records, want %d", kind, len(got), len(want))
			}
		}
		f(types.ShardIteratorTypeAtSequenceNumber, middle, nil, all[len(all)/2:])
		f(types.ShardIteratorTypeAfterSequenceNumber, middle, nil, all[len(all)/2+1:])
		f(types.ShardIteratorTypeAtSequenceNumber, shard.SequenceNumberRange.StartingSequenceNumber, nil, all)
		f(types.ShardIteratorTypeLatest, nil, nil, nil)
		second := all
		if string(all[0].Data) == "first" {
			second = all[1:]
		}
		f(types.ShardIteratorTypeAtTimestamp, nil, aws.Time(start.Add(500*time.Millisecond)), second)
		f(types.ShardIteratorTypeAtTimestamp, nil, aws.Time(start.Add(-time.Hour)), all)
	}
	if seen != 301 {
		t.Errorf("read %d records, put 301", seen)
	}
	if _, err := k.DeleteStream(ctx, &sdk.DeleteStreamInput{StreamName: name}); err != nil {
		t.Fatal(err)
	}
	var gone *types.ResourceNotFoundException
	if _, err := k.DescribeStreamSummary(ctx, &sdk.DescribeStreamSummaryInput{StreamName: name}); !errors.As(err, &gone) {
		t.Error(err)
	}
	if len(w.streams.RecordStreams()) != 0 {
		t.Error("a deleted stream has records")
	}
}

// advance moves the clock without waiting for anybody: nothing runs here.
func (w *world) advance(by time.Duration) {
	w.t.Helper()
	w.Room.tidy.Stop()
	if err := w.clock.Advance(context.Background(), by); err != nil {
		w.t.Fatal(err)
	}
}

// TestLatest: an iterator is behind what was there, and before what comes.
func TestLatest(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	put := func(key string) {
		w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "eA==", "PartitionKey": key})
	}
	put("before")
	it := w.iterator("shardId-000000000000", "LATEST", nil)
	got, last := w.read(it)
	if got != nil {
		t.Error(got)
	}
	put("after")
	put("later")
	for _, from := range []string{it, last["NextShardIterator"].(string)} {
		if got, _ := w.read(from); !slices.Equal(got, []string{"after", "later"}) {
			t.Error(got)
		}
	}
}

// TestMillisBehindLatest tells how old the last record of an answer is.
func TestMillisBehindLatest(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	for _, key := range []string{"a", "b", "c"} {
		w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "", "PartitionKey": key})
		w.advance(time.Second)
	}
	it := w.iterator("0", "TRIM_HORIZON", nil)
	for _, want := range []float64{3000, 2000, 0, 0} {
		out := w.ok("GetRecords", map[string]any{"ShardIterator": it, "Limit": 1})
		if out["MillisBehindLatest"] != want {
			t.Errorf("%v ms behind, want %v", out["MillisBehindLatest"], want)
		}
		it = out["NextShardIterator"].(string)
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	hour := func(key string) {
		w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "", "PartitionKey": key})
		w.advance(time.Hour)
	}
	for i := range 30 {
		hour(fmt.Sprint(i))
	}
	f := func(first, last int) {
		t.Helper()
		var want []string
		for i := first; i <= last; i++ {
			want = append(want, fmt.Sprint(i))
		}
		got, _ := w.read(w.iterator("shardId-000000000000", "TRIM_HORIZON", nil))
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %d to %d", got, first, last)
		}
	}
	f(6, 29) // also those that Run has not let go of
	w.ok("IncreaseStreamRetentionPeriod", map[string]any{"StreamName": "s", "RetentionPeriodHours": 28})
	f(2, 29)
	w.expire()
	if n := w.streams.Totals(1).InFlight + w.streams.Totals(2).InFlight; n != 28 {
		t.Errorf("%d records are kept, want 28", n)
	}
	w.ok("DecreaseStreamRetentionPeriod", map[string]any{"StreamName": "s", "RetentionPeriodHours": 24})
	f(6, 29)
}

// TestRunExpires: what is too old goes by itself, unless somebody is behind.
func TestRunExpires(t *testing.T) {
	needed := uint64(1)
	w := newWorld(t, 1, func(c *Config) { c.Needed = func(Stream, uint32) uint64 { return needed } })
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "", "PartitionKey": "k"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	advance := func(by time.Duration, want int) {
		t.Helper()
		if err := w.clock.Advance(ctx, by); err != nil {
			t.Fatal(err)
		}
		var kept int64
		for stream := range w.streams.RecordStreams() {
			kept += w.streams.Totals(stream).InFlight
		}
		if kept != int64(want) {
			t.Errorf("%d records are kept, want %d", kept, want)
		}
	}
	advance(23*time.Hour, 1)
	advance(2*time.Hour, 1)
	needed = math.MaxUint64
	advance(time.Hour, 0)
	cancel()
	<-done
}

func TestErrors(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.MaxShards = 10 })
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 2})
	f := func(operation string, in map[string]any, code, message string) {
		t.Helper()
		status, out := w.call(operation, in)
		if status != 400 || out["__type"] != code || out["message"] != message {
			t.Errorf("%s: %d %v: %v\nwant %s: %s", operation, status, out["__type"], out["message"], code, message)
		}
	}
	const invalid, notFound = "InvalidArgumentException", "ResourceNotFoundException"
	s := func(more map[string]any) map[string]any {
		in := map[string]any{"StreamName": "s"}
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	f("DescribeStream", map[string]any{"StreamName": "wrong-stream-name"}, notFound, "Stream wrong-stream-name under account 000000000000 not found.")
	f("CreateStream", s(nil), "ResourceInUseException", "Stream s under account 000000000000 already exists.")
	f("CreateStream", map[string]any{"StreamName": "t", "ShardCount": 9}, "LimitExceededException",
		"This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the account: 2. Limit: 10. Number of additional shards that would have resulted from this request: 9.")
	f("CreateStream", map[string]any{"StreamName": "a b", "ShardCount": 0}, "ValidationException",
		"2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; "+
			"Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1")
	f("PutRecord", s(map[string]any{"Data": "", "PartitionKey": "k", "ExplicitHashKey": "340282366920938463463374607431768211456"}), invalid,
		"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456")
	f("PutRecord", s(map[string]any{"PartitionKey": "k"}), "ValidationException",
		"1 validation error detected: Value null at 'data' failed to satisfy constraint: Member must not be null")
	f("PutRecord", s(map[string]any{"Data": "", "PartitionKey": "k", "SequenceNumberForOrdering": "5"}), invalid,
		"ExclusiveMinimumSequenceNumber 5 used in PutRecord on stream s under account 000000000000 is invalid.")
	f("PutRecord", map[string]any{"Data": "", "PartitionKey": "k", "StreamARN": "arn:aws:kinesis:us-east-1:111111111111:stream/s"}, notFound,
		"Stream s under account 111111111111 not found.")
	large := base64.StdEncoding.EncodeToString(make([]byte, 1<<20))
	f("PutRecord", s(map[string]any{"Data": large, "PartitionKey": "k"}), invalid,
		"The record is 1048577 bytes long with its partition key, and stream s takes at most 1048576.")
	f("PutRecords", s(map[string]any{"Records": []any{}}), "ValidationException",
		"1 validation error detected: Value '[...]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f("PutRecords", s(map[string]any{"Records": []any{map[string]any{"Data": "", "PartitionKey": ""}}}), "ValidationException",
		"1 validation error detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1")
	at := func(more map[string]any) map[string]any {
		in := s(map[string]any{"ShardId": "shardId-000000000001", "ShardIteratorType": "AT_SEQUENCE_NUMBER"})
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	f("GetShardIterator", at(map[string]any{"ShardId": "shardId-000000000002"}), notFound,
		"Shard shardId-000000000002 in stream s under account 000000000000 does not exist")
	f("GetShardIterator", at(map[string]any{"ShardId": "other"}), notFound, "Could not find shard other in stream s under account 000000000000.")
	f("GetShardIterator", at(nil), invalid, "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "+
		"(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.")
	f("GetShardIterator", at(map[string]any{"StartingSequenceNumber": "5"}), invalid,
		"StartingSequenceNumber 5 used in GetShardIterator on shard shardId-000000000001 in stream s under account 000000000000 is invalid.")
	number := func(created int64, shard uint32) string {
		return string(appendSequence(nil, created, shard, place{1, 0}))
	}
	f("GetShardIterator", at(map[string]any{"StartingSequenceNumber": number(start.UnixMilli(), 0)}), invalid,
		"Invalid StartingSequenceNumber. It encodes shardId-000000000000, while it was used in a call to a shard with shardId-000000000001")
	old := number(1e12, 1)
	f("GetShardIterator", at(map[string]any{"StartingSequenceNumber": old}), invalid, "StartingSequenceNumber "+old+
		" used in GetShardIterator on shard shardId-000000000001 in stream s under account 000000000000 is invalid because it did not come from this stream.")
	f("GetShardIterator", at(map[string]any{"ShardIteratorType": "AT_TIMESTAMP"}), invalid, "Must specify timestamp when using AT_TIMESTAMP shard iterator type")
	f("GetRecords", map[string]any{"ShardIterator": "AAAA"}, invalid, "Invalid ShardIterator.")
	f("ListShards", map[string]any{}, invalid, "Either NextToken or StreamName should be provided.")
	f("IncreaseStreamRetentionPeriod", s(map[string]any{"RetentionPeriodHours": 23}), invalid,
		"Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.")
	f("IncreaseStreamRetentionPeriod", s(map[string]any{"RetentionPeriodHours": 8761}), invalid,
		"Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.")
	f("DecreaseStreamRetentionPeriod", s(map[string]any{"RetentionPeriodHours": 25}), invalid,
		"Requested retention period (25 hours) for stream s can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.")
	f("SplitShard", s(nil), "UnknownOperationException", "The operation Kinesis_20131202.SplitShard is not supported here.")

	it := w.iterator("shardId-000000000000", "TRIM_HORIZON", nil)
	w.advance(5 * time.Minute)
	w.ok("GetRecords", map[string]any{"ShardIterator": it})
	w.advance(time.Second)
	f("GetRecords", map[string]any{"ShardIterator": it}, "ExpiredIteratorException",
		"Iterator expired. The iterator was created at time Tue Feb 03 04:05:06 UTC 2026 while right now it is Tue Feb 03 04:10:07 UTC 2026 "+
			"which is further in the future than the tolerated delay of 300000 milliseconds.")
	it = w.iterator("shardId-000000000000", "TRIM_HORIZON", nil)
	w.ok("DeleteStream", s(nil))
	w.ok("CreateStream", s(map[string]any{"ShardCount": 1}))
	if status, out := w.call("GetRecords", map[string]any{"ShardIterator": it}); status != 400 || out["__type"] != notFound {
		t.Error("an iterator of a deleted stream:", status, out)
	}
}

func TestDescriptions(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "Tags": map[string]any{"a": "1"}})
	d := w.ok("DescribeStream", map[string]any{"StreamName": "s", "Limit": 3})["StreamDescription"].(map[string]any)
	if d["StreamARN"] != "arn:aws:kinesis:us-east-1:000000000000:stream/s" || d["StreamStatus"] != "ACTIVE" || d["HasMoreShards"] != true ||
		d["RetentionPeriodHours"] != 24.0 || d["StreamCreationTimestamp"] != float64(start.Unix()) || len(d["Shards"].([]any)) != 3 ||
		d["StreamModeDetails"].(map[string]any)["StreamMode"] != "ON_DEMAND" || d["EncryptionType"] != "NONE" {
		t.Error(d)
	}
	d = w.ok("DescribeStream", map[string]any{"StreamName": "s", "ExclusiveStartShardId": "shardId-000000000002"})["StreamDescription"].(map[string]any)
	last := d["Shards"].([]any)[0].(map[string]any)
	if len(d["Shards"].([]any)) != 1 || last["ShardId"] != "shardId-000000000003" ||
		last["HashKeyRange"].(map[string]any)["EndingHashKey"] != "340282366920938463463374607431768211455" {
		t.Error(d)
	}
	s := w.ok("DescribeStreamSummary", map[string]any{"StreamName": "s"})["StreamDescriptionSummary"].(map[string]any)
	if s["OpenShardCount"] != 4.0 || s["MaxRecordSizeInKiB"] != 1024.0 {
		t.Error(s)
	}
	var shards []string
	in := map[string]any{"StreamName": "s", "MaxResults": 3}
	for {
		out := w.ok("ListShards", in)
		for _, shard := range out["Shards"].([]any) {
			shards = append(shards, shard.(map[string]any)["ShardId"].(string))
		}
		if out["NextToken"] == nil {
			break
		}
		in = map[string]any{"NextToken": out["NextToken"]}
	}
	if want := []string{"shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "shardId-000000000003"}; !slices.Equal(shards, want) {
		t.Error(shards)
	}
	for _, name := range []string{"b", "c", "a"} {
		w.ok("CreateStream", map[string]any{"StreamName": name, "ShardCount": 1})
	}
	var names []string
	in = map[string]any{"Limit": 2}
	for {
		out := w.ok("ListStreams", in)
		for _, name := range out["StreamNames"].([]any) {
			names = append(names, name.(string))
		}
		if out["HasMoreStreams"] == false {
			break
		}
		in = map[string]any{"Limit": 2, "NextToken": out["NextToken"]}
	}
	if !slices.Equal(names, []string{"a", "b", "c", "s"}) {
		t.Error(names)
	}
	l := w.ok("DescribeLimits", map[string]any{})
	if l["OpenShardCount"] != 7.0 || l["OnDemandStreamCount"] != 1.0 {
		t.Error(l)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1, "Tags": map[string]any{"made": "with"}})
	w.ok("AddTagsToStream", map[string]any{"StreamName": "s", "Tags": map[string]any{"foo": "bar", "gone": "x"}})
	w.ok("RemoveTagsFromStream", map[string]any{"StreamName": "s", "TagKeys": []string{"gone", "never"}})
	out := w.ok("ListTagsForStream", map[string]any{"StreamName": "s", "Limit": 1})
	if got := fmt.Sprint(out["Tags"], out["HasMoreTags"]); got != "[map[Key:foo Value:bar]] true" {
		t.Error(got)
	}
	out = w.ok("ListTagsForStream", map[string]any{"StreamName": "s", "ExclusiveStartTagKey": "foo"})
	if got := fmt.Sprint(out["Tags"], out["HasMoreTags"]); got != "[map[Key:made Value:with]] false" {
		t.Error(got)
	}
	status, _ := w.call("AddTagsToStream", map[string]any{"StreamName": "s", "Tags": map[string]any{"aws:x": ""}})
	if status != 400 {
		t.Error(status)
	}
}

// TestExplicitHashKeys choose the shard in place of the partition key.
func TestExplicitHashKeys(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 8})
	width := new(big.Int).Lsh(big.NewInt(1), 125)
	for i := range int64(8) {
		hash := new(big.Int).Mul(width, big.NewInt(i))
		out := w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "", "PartitionKey": "k", "ExplicitHashKey": hash.String()})
		if want := fmt.Sprintf("shardId-%012d", i); out["ShardId"] != want {
			t.Error(out["ShardId"], want)
		}
	}
	// The MD5 of "hello" is 5d41402a..., in the third of eight parts.
	if out := w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": "", "PartitionKey": "hello"}); out["ShardId"] != "shardId-000000000002" {
		t.Error(out)
	}
}

func TestRates(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.Rates = true })
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	half := base64.StdEncoding.EncodeToString(make([]byte, 512<<10-1))
	entry := map[string]any{"Data": half, "PartitionKey": "k"}
	out := w.ok("PutRecords", map[string]any{"StreamName": "s", "Records": []any{entry, entry, entry}})
	if out["FailedRecordCount"] != 1.0 {
		t.Fatal(out["FailedRecordCount"])
	}
	failed := out["Records"].([]any)[2].(map[string]any)
	const text = "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000."
	if failed["ErrorCode"] != "ProvisionedThroughputExceededException" || failed["ErrorMessage"] != text || failed["SequenceNumber"] != nil {
		t.Error(failed)
	}
	it := w.iterator("shardId-000000000000", "TRIM_HORIZON", nil)
	for range 5 {
		w.ok("GetRecords", map[string]any{"ShardIterator": it, "Limit": 1})
	}
	f := func(operation string, in map[string]any) {
		t.Helper()
		if status, out := w.call(operation, in); status != 400 || out["__type"] != codeThroughput || out["message"] != text {
			t.Error(operation, status, out)
		}
	}
	put := map[string]any{"StreamName": "s", "Data": half, "PartitionKey": "k"}
	f("GetRecords", map[string]any{"ShardIterator": it})
	f("PutRecord", put)
	w.advance(2 * time.Second)
	w.ok("PutRecord", put)
	w.ok("GetRecords", map[string]any{"ShardIterator": it})
}

// TestTake: what the outbox offers again after a crash is there once, whatever shard
// of the log it is on.
func TestTake(t *testing.T) {
	for _, shards := range []int{1, 3} {
		w := newWorld(t, shards, nil)
		w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 4})
		scope := catalog.Scope{Account: "000000000000", Region: "us-east-1"}
		from := embedded.Origin{Route: 9, Shard: 1}
		var made []Made
		for i := range uint64(12) {
			for part := range uint32(2) {
				made = append(made, Made{i + 1, part, fmt.Sprintf("%d-%d", i, part), make([]byte, 600<<10)})
			}
		}
		for n := 0; n < len(made); n += 7 {
			for again := range 2 {
				if err := w.Take(t.Context(), scope, "s", from, made[max(0, n-again*5):min(len(made), n+7)]); err != nil {
					t.Fatal(err)
				}
				w = w.crash(shards)
			}
		}
		got := map[string]int{}
		for shard := range 4 {
			keys, _ := w.read(w.iterator(fmt.Sprintf("shardId-%012d", shard), "TRIM_HORIZON", nil))
			for _, key := range keys {
				got[key]++
			}
		}
		for _, m := range made {
			if got[m.Key] != 1 {
				t.Errorf("%s is there %d times", m.Key, got[m.Key])
			}
		}
		if len(got) != len(made) {
			t.Errorf("%d records, want %d", len(got), len(made))
		}
		// Another origin's are others.
		if err := w.Take(t.Context(), scope, "s", embedded.Origin{Route: 9, Shard: 0}, made[:1]); err != nil {
			t.Fatal(err)
		}
		if err := w.Take(t.Context(), scope, "none", from, made[:1]); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
}

// TestAnswersAreBounded: 10 MiB at most, and a record larger than that never exists.
func TestAnswersAreBounded(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 1})
	data := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 900<<10)))
	for i := range 15 {
		w.ok("PutRecord", map[string]any{"StreamName": "s", "Data": data, "PartitionKey": fmt.Sprint(i)})
	}
	out := w.ok("GetRecords", map[string]any{"ShardIterator": w.iterator("0", "TRIM_HORIZON", nil)})
	if n := len(out["Records"].([]any)); n != 11 {
		t.Errorf("%d records of 900 KiB in an answer, want 11", n)
	}
	rest, _ := w.read(out["NextShardIterator"].(string))
	if !slices.Equal(rest, []string{"11", "12", "13", "14"}) {
		t.Error(rest)
	}
}

// A log that gets more shards leaves streams where they are: what was put is read, and
// sequence numbers go on.
func TestMoreShardsOfTheLog(t *testing.T) {
	f := func(noted bool) {
		t.Helper()
		w := newWorld(t, 1, nil)
		w.ok("CreateStream", map[string]any{"StreamName": "s", "ShardCount": 3})
		shards := []string{"shardId-000000000000", "shardId-000000000001", "shardId-000000000002"}
		put := func(key string) (shard, sequence string) {
			out := w.ok("PutRecord", map[string]any{"StreamName": "s", "PartitionKey": key, "Data": "eA=="})
			return out["ShardId"].(string), out["SequenceNumber"].(string)
		}
		last := map[string]string{}
		for i := range 30 {
			shard, sequence := put(fmt.Sprint("old", i))
			last[shard] = sequence
		}
		if !noted { // as a version before left it, which this one opened since
			if _, err := w.cfg.Definitions.Change(catalog.Scope{Account: "000000000000", Region: "us-east-1"}, "s", func(s *Stream) error {
				s.Logs = 0
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			w = w.crash(1)
		}
		w = w.crash(4)
		for i := range 10 {
			put(fmt.Sprint("new", i))
		}
		all, since := 0, 0
		for _, shard := range shards {
			got, _ := w.read(w.iterator(shard, trimHorizon, nil))
			all += len(got)
			got, _ = w.read(w.iterator(shard, afterSequenceNumber, map[string]any{"StartingSequenceNumber": last[shard]}))
			since += len(got)
		}
		if all != 40 || since != 10 {
			t.Errorf("noted %v: %d of 40 records, %d of 10 since", noted, all, since)
		}
	}
	f(true)
	f(false)
}
