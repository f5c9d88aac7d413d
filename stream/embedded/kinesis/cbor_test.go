package kinesis

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"sluice/internal/awsapi"
)

// callCBOR makes a request in CBOR 1.1.
func (w *world) callCBOR(operation string, in, out any) int {
	w.t.Helper()
	body, err := cbor.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "http://127.0.0.1/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	answer := httptest.NewRecorder()
	w.handler().ServeHTTP(answer, r)
	if answer.Body.Len() > 0 {
		if err := cbor.Unmarshal(answer.Body.Bytes(), out); err != nil {
			w.t.Fatalf("%s: %v in %x", operation, err, answer.Body)
		}
	}
	return answer.Code
}

// TestCBOR11 speaks as Java's clients do: timestamps are milliseconds with tag 1.
func TestCBOR11(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.Rates = true })
	type fields = map[string]any
	f := func(operation string, in, out any) {
		t.Helper()
		if status := w.callCBOR(operation, in, out); status != 200 {
			t.Errorf("%s: %d %v", operation, status, out)
		}
	}
	f("CreateStream", fields{"StreamName": "s", "ShardCount": 1}, nil)
	var put struct{ ShardId, SequenceNumber string }
	f("PutRecord", fields{"StreamName": "s", "Data": []byte{0, 1, 0xff}, "PartitionKey": "first"}, &put)
	large := bytes.Repeat([]byte{7}, 70_000)
	var all struct {
		FailedRecordCount int
		Records           []struct{ ShardId, SequenceNumber, ErrorCode, ErrorMessage string }
	}
	entry := fields{"Data": large, "PartitionKey": "ключ"}
	var entries []any
	for range 20 {
		entries = append(entries, entry)
	}
	f("PutRecords", fields{"StreamName": "s", "Records": entries}, &all)
	if all.FailedRecordCount != 6 || len(all.Records) != 20 || all.Records[13].SequenceNumber == "" || all.Records[14].ErrorCode != codeThroughput {
		t.Errorf("%+v", all)
	}
	var it struct{ ShardIterator string }
	f("GetShardIterator", fields{
		"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP",
		"Timestamp": cbor.Tag{Number: 1, Content: start.Add(-time.Second).UnixMilli()},
	}, &it)
	var got struct {
		Records []struct {
			SequenceNumber, PartitionKey string
			Data                         []byte
			ApproximateArrivalTimestamp  cbor.Tag
		}
		NextShardIterator  string
		MillisBehindLatest int64
	}
	f("GetRecords", fields{"ShardIterator": it.ShardIterator}, &got)
	if len(got.Records) != 15 || got.MillisBehindLatest != 0 || got.NextShardIterator == "" {
		t.Fatalf("%+v", got)
	}
	one, two := got.Records[0], got.Records[1]
	if one.SequenceNumber != put.SequenceNumber || !bytes.Equal(one.Data, []byte{0, 1, 0xff}) || one.PartitionKey != "first" ||
		two.PartitionKey != "ключ" || !bytes.Equal(two.Data, large) || two.SequenceNumber != all.Records[0].SequenceNumber {
		t.Errorf("%+v", one)
	}
	if at := one.ApproximateArrivalTimestamp; at.Number != 1 || fmt.Sprint(at.Content) != fmt.Sprint(start.UnixMilli()) {
		t.Errorf("%+v", at)
	}
	var failure struct {
		Type    string `cbor:"__type"`
		Message string `cbor:"message"`
	}
	if status := w.callCBOR("DescribeStream", fields{"StreamName": "wrong-stream-name"}, &failure); status != 400 ||
		failure.Type != awsapi.CodeResourceNotFound || failure.Message != "Stream wrong-stream-name under account 000000000000 not found." {
		t.Error(status, failure)
	}
}

func TestInstants(t *testing.T) {
	f := func(ms int64) {
		t.Helper()
		b, err := cbor.Marshal(instantOf(ms))
		var got instant
		if err == nil {
			err = cbor.Unmarshal(b, &got)
		}
		if err != nil || got.UnixMilli() != ms {
			t.Error(ms, got, err)
		}
	}
	for _, ms := range []int64{0, 23, 24, 255, 256, 65_536, 1 << 32, 1_770_000_000_123, -1, -1_000_000} {
		f(ms)
	}
	var got instant
	if err := cbor.Unmarshal([]byte{0xc1, 0xfb, 0x40, 0x8f, 0x44, 0, 0, 0, 0, 0}, &got); err != nil || got.UnixMilli() != 1000 {
		t.Error(got, err)
	}
	for _, b := range [][]byte{{0xc1, 0x61, 'x'}, {0x01}, {0xc1, 0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}} {
		if err := cbor.Unmarshal(b, &got); err == nil {
			t.Errorf("%x is taken", b)
		}
	}
}

func FuzzInstant(f *testing.F) {
	f.Add([]byte{0xc1, 0x1b, 0, 0, 1, 0x9c, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { new(instant).UnmarshalCBOR(b) })
}
