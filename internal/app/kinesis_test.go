package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

const (
	matchesStream = "matches"
	matchesARN    = "arn:aws:kinesis:us-east-1:000000000000:stream/" + matchesStream
)

// kinesis is a call to the Kinesis API that must succeed.
func (p *process) kinesis(operation string, in map[string]any, out any) {
	p.t.Helper()
	p.must("Kinesis_20131202."+operation, in, out)
}

func (p *process) must(target string, in map[string]any, out any) {
	p.t.Helper()
	code, body := p.call(target, in)
	if code != http.StatusOK {
		p.t.Fatalf("%s: %d %s", target, code, body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(body), out); err != nil {
		p.t.Fatal(target, err)
	}
}

// subscribe has the group's matches go to a Kinesis stream of this process.
func (p *process) subscribe(shards int) {
	p.t.Helper()
	p.kinesis("CreateStream", map[string]any{"StreamName": matchesStream, "ShardCount": shards}, nil)
	p.must("Logs_20140328.PutSubscriptionFilter", map[string]any{
		"logGroupName": group, "filterName": "errors", "filterPattern": wanted, "destinationArn": matchesARN,
		"roleArn": "arn:aws:iam::000000000000:role/any",
	}, nil)
}

// onlyGroups leaves out of the pipelines what delivers to a bucket.
func onlyGroups(c *app.Config) {
	c.Pipelines.DeliveryStreams, c.Pipelines.SubscriptionFilters = nil, nil
}

// document is a DATA_MESSAGE as consumers read it.
type document struct {
	MessageType, Owner, LogGroup, LogStream string
	SubscriptionFilters                     []string
	LogEvents                               []struct {
		ID        string
		Timestamp int64
		Message   string
	}
}

func readDocument(t testing.TB, data []byte) (d document) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return d
}

// streamed reads the events of every shard of the stream, each message with how
// often it is there.
func (p *process) streamed() map[string]int {
	p.t.Helper()
	var listed struct{ Shards []struct{ ShardId string } }
	p.kinesis("ListShards", map[string]any{"StreamName": matchesStream}, &listed)
	seen := map[string]int{}
	for _, shard := range listed.Shards {
		var it struct{ ShardIterator string }
		p.kinesis("GetShardIterator", map[string]any{
			"StreamName": matchesStream, "ShardId": shard.ShardId, "ShardIteratorType": "TRIM_HORIZON",
		}, &it)
		for next := it.ShardIterator; ; {
			var page struct {
				Records            []struct{ Data []byte }
				NextShardIterator  string
				MillisBehindLatest int64
			}
			p.kinesis("GetRecords", map[string]any{"ShardIterator": next, "Limit": 3}, &page)
			for _, r := range page.Records {
				d := readDocument(p.t, r.Data)
				if d.MessageType != "DATA_MESSAGE" || d.LogGroup != group || len(d.SubscriptionFilters) != 1 {
					p.t.Errorf("%+v", d)
				}
				for _, e := range d.LogEvents {
					seen[e.Message]++
				}
			}
			if next = page.NextShardIterator; page.MillisBehindLatest == 0 {
				break
			}
		}
	}
	return seen
}

// TestMatchesReachAKinesisStreamOnce runs the path from a log group into a stream on
// a machine that fails at one operation of its disk, starts again on what is left,
// and wants every acknowledged match once in the stream. It takes as many of the
// operations, at random, as fit into a few seconds.
func TestMatchesReachAKinesisStreamOnce(t *testing.T) {
	crashes(t, 30, func(at int) int { return streamCrashAt(t, at, false) })
}

// TestMatchesPassAKinesisStreamOnce does the same with a delivery stream behind it,
// which puts each match into exactly one object.
func TestMatchesPassAKinesisStreamOnce(t *testing.T) {
	crashes(t, 60, func(at int) int { return streamCrashAt(t, at, true) })
}

// crashes has the disk fail at as many of its operations, at random, as fit into a
// few seconds.
func crashes(t *testing.T, least int, crashAt func(at int) (total int)) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	total := crashAt(1 << 30)
	order := rand.New(rand.NewPCG(seed, 3)).Perm(total)
	deadline, done := time.Now().Add(3*time.Second), 0
	for _, at := range order {
		if time.Now().After(deadline) || t.Failed() {
			break
		}
		crashAt(at)
		done++
	}
	t.Logf("seed %d: %d of %d operations", seed, done, total)
	if total < least || done == 0 {
		t.Errorf("only %d of %d operations", done, total)
	}
}

// deliverStream has a delivery stream put what the Kinesis stream holds into the
// bucket lake, one event a line.
func (p *process) deliverStream() {
	p.t.Helper()
	in := pipelines(1, 60).DeliveryStreams[0]
	in["DeliveryStreamType"] = "KinesisStreamAsSource"
	in["KinesisStreamSourceConfiguration"] = map[string]any{"KinesisStreamARN": matchesARN, "RoleARN": "arn:aws:iam::000000000000:role/any"}
	p.must("Firehose_20150804.CreateDeliveryStream", in, nil)
}

// streamCrashAt returns how many operations there were before the crash. Behind the
// stream there may be a delivery stream.
func streamCrashAt(t *testing.T, at int, delivered bool) int {
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	now := time.Now().UTC().Truncate(time.Second)
	p, err := tryBegin(t, mem, mem, defs, now, onlyGroups)
	if err != nil {
		t.Fatal(err)
	}
	p.subscribe(2)
	if delivered {
		p.deliverStream()
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &machine{mem: mem, at: at, off: cancel}
	acked := map[string]bool{}
	if p, err = tryBegin(t, vfs.Fault(m.mem, m.step), m.mem, defs, now, onlyGroups); err == nil {
		for i := range 8 {
			text := fmt.Sprint(wanted, " ", i)
			ok := p.put(fmt.Sprint("s", i%2), text, fmt.Sprint("INFO ", i))
			acked[text] = ok && m.left() == nil
			if i%3 == 2 {
				p.advance(ctx, time.Minute)
			}
		}
		err = p.stop()
	}
	after := m.left()
	if after == nil {
		if err != nil {
			t.Fatal("without a crash:", err)
		}
		after = m.mem
	}
	if p, err = tryBegin(t, after, after, defs, now, onlyGroups); err != nil {
		t.Fatalf("crash at %d: start again: %v", at, err)
	}
	p.advance(context.Background(), time.Hour)
	once(t, at, acked, p.streamed())
	if delivered {
		seen := map[string]int{}
		for _, line := range p.delivered() {
			seen[line]++
		}
		once(t, at, acked, seen)
	}
	if err := p.stop(); err != nil {
		t.Errorf("crash at %d: %v", at, err)
	}
	return m.steps
}

// once wants every acknowledged match once, and nothing twice.
func once(t *testing.T, at int, acked map[string]bool, seen map[string]int) {
	t.Helper()
	n := 0
	for text, ok := range acked {
		if ok && seen[text] == 0 || seen[text] > 1 {
			t.Errorf("crash at %d: %s is there %d times, acknowledged: %v", at, text, seen[text], ok)
		}
		n += seen[text]
	}
	for _, times := range seen {
		n -= times
	}
	if n != 0 {
		t.Errorf("crash at %d: something was never sent, or is no match: %v", at, seen)
	}
}

// TestAKinesisStreamThatWasDeleted: what matches meanwhile waits for the next one of
// its name.
func TestAKinesisStreamThatWasDeleted(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	p, err := tryBegin(t, mem, mem, defs, now, onlyGroups)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.stop() }()
	p.subscribe(1)
	p.put("s0", "ERROR before")
	p.advance(t.Context(), time.Second)
	if seen := p.streamed(); len(seen) != 1 || seen["ERROR before"] != 1 {
		t.Error(seen)
	}
	p.kinesis("DeleteStream", map[string]any{"StreamName": matchesStream}, nil)
	code, body := p.call("Logs_20140328.PutSubscriptionFilter", map[string]any{
		"logGroupName": group, "filterName": "more", "filterPattern": "", "destinationArn": matchesARN, "roleArn": "arn:aws:iam::000000000000:role/any",
	})
	if code != http.StatusBadRequest {
		t.Error("a filter to a stream that is not there:", code, body)
	}
	p.put("s0", "ERROR meanwhile")
	p.advance(t.Context(), time.Second)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if p, err = tryBegin(t, mem, mem, defs, now.Add(time.Minute), onlyGroups); err != nil {
		t.Fatal(err)
	}
	p.kinesis("CreateStream", map[string]any{"StreamName": matchesStream, "ShardCount": 1}, nil)
	p.advance(t.Context(), time.Hour)
	if seen := p.streamed(); len(seen) != 1 || seen["ERROR meanwhile"] != 1 {
		t.Error(seen)
	}
}

// TestADeliveryStreamReadsAKinesisStream from when it was created on, and nothing
// that clients put into it; the next stream of the name is its source, too.
func TestADeliveryStreamReadsAKinesisStream(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	p, err := tryBegin(t, mem, mem, defs, now, onlyGroups)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { p.stop() }()
	in := pipelines(1, 60).DeliveryStreams[0]
	in["DeliveryStreamType"] = "KinesisStreamAsSource"
	in["KinesisStreamSourceConfiguration"] = map[string]any{"KinesisStreamARN": matchesARN, "RoleARN": "arn:aws:iam::000000000000:role/any"}
	delete(in["ExtendedS3DestinationConfiguration"].(map[string]any), "ProcessingConfiguration")
	if code, body := p.call("Firehose_20150804.CreateDeliveryStream", in); code != http.StatusBadRequest {
		t.Error("a source that is not there:", code, body)
	}
	put := func(text string) {
		p.kinesis("PutRecord", map[string]any{"StreamName": matchesStream, "Data": []byte(text + "\n"), "PartitionKey": text}, nil)
	}
	create := map[string]any{"StreamName": matchesStream, "ShardCount": 2}
	p.kinesis("CreateStream", create, nil)
	put("before")
	p.must("Firehose_20150804.CreateDeliveryStream", in, nil)
	put("one")
	put("two")

	var told struct {
		DeliveryStreamDescription struct {
			DeliveryStreamType string
			Source             struct {
				KinesisStreamSourceDescription struct{ KinesisStreamARN string }
			}
		}
	}
	p.must("Firehose_20150804.DescribeDeliveryStream", map[string]any{"DeliveryStreamName": "lake"}, &told)
	if d := told.DeliveryStreamDescription; d.DeliveryStreamType != "KinesisStreamAsSource" || d.Source.KinesisStreamSourceDescription.KinesisStreamARN != matchesARN {
		t.Errorf("%+v", d)
	}
	if code, body := p.call("Firehose_20150804.PutRecord", map[string]any{"DeliveryStreamName": "lake", "Record": map[string]any{"Data": "eA=="}}); code != http.StatusBadRequest {
		t.Error("a record for a stream with a source:", code, body)
	}
	lines := func(want ...string) {
		t.Helper()
		p.advance(t.Context(), 2*time.Minute)
		got := p.delivered()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	lines("one", "two")
	if got := p.metric("sluice_delivery_accepted_events_total"); got != 2 {
		t.Error("accepted:", got)
	}
	put("three")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if p, err = tryBegin(t, mem, mem, defs, now.Add(10*time.Minute), onlyGroups); err != nil {
		t.Fatal(err)
	}
	lines("one", "three", "two")
	p.kinesis("DeleteStream", map[string]any{"StreamName": matchesStream}, nil)
	p.kinesis("CreateStream", create, nil)
	put("two again")
	lines("one", "three", "two", "two again")
	p.must("Firehose_20150804.DeleteDeliveryStream", map[string]any{"DeliveryStreamName": "lake"}, nil)
}

// TestRecordsOutliveTheLog: what a stream keeps goes from the log into compacted
// files, is read from there, also after a crash, and is not kept when its retention
// is over: the next merge leaves it out.
func TestRecordsOutliveTheLog(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	mem, defs := vfs.NewMem(), catalog.NewMemory()
	p, err := tryBegin(t, mem, mem, defs, now, onlyGroups)
	if err != nil {
		t.Fatal(err)
	}
	p.kinesis("CreateStream", map[string]any{"StreamName": matchesStream, "ShardCount": 1}, nil)
	const records = 60
	noise := rand.NewChaCha8([32]byte{1})
	for i := range records {
		data := make([]byte, 500_000)
		noise.Read(data)
		data[0] = byte(i)
		p.kinesis("PutRecord", map[string]any{"StreamName": matchesStream, "Data": data, "PartitionKey": fmt.Sprint(i)}, nil)
	}
	// The filters, which find nothing, keep up to 16 MiB of the log.
	p.until("the log is compacted", func() bool {
		return p.metric("sluice_storage_files") > 0 && p.metric("sluice_storage_log_bytes") < 20<<20
	})
	read := func() (keys []string) {
		t.Helper()
		var it struct{ ShardIterator string }
		p.kinesis("GetShardIterator", map[string]any{"StreamName": matchesStream, "ShardId": "0", "ShardIteratorType": "TRIM_HORIZON"}, &it)
		for {
			var page struct {
				Records []struct {
					Data         []byte
					PartitionKey string
				}
				NextShardIterator  string
				MillisBehindLatest int64
			}
			p.kinesis("GetRecords", map[string]any{"ShardIterator": it.ShardIterator}, &page)
			for _, r := range page.Records {
				if len(r.Data) != 500_000 || fmt.Sprint(r.Data[0]) != r.PartitionKey {
					t.Errorf("record %s is damaged", r.PartitionKey)
				}
				keys = append(keys, r.PartitionKey)
			}
			if page.MillisBehindLatest == 0 {
				return keys
			}
			it.ShardIterator = page.NextShardIterator
		}
	}
	check := func() {
		t.Helper()
		keys := read()
		for i, key := range keys {
			if key != fmt.Sprint(i) {
				t.Fatalf("record %d is %s", i, key)
			}
		}
		if len(keys) != records {
			t.Errorf("%d records, want %d", len(keys), records)
		}
	}
	check()
	clone := mem.CrashClone(vfs.CrashOptions{})
	p.stop()
	if p, err = tryBegin(t, clone, clone, defs, now, onlyGroups); err != nil {
		t.Fatal(err)
	}
	defer func() { p.stop() }()
	check()
	p.advance(t.Context(), 26*time.Hour)
	if keys := read(); len(keys) != 0 {
		t.Errorf("%d records are older than the retention", len(keys))
	}
	if kept := p.metric("sluice_kinesis_kept_records"); kept != 0 {
		t.Errorf("%v records are kept", kept)
	}
}
