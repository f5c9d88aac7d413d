package firehose_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"sluice/firehose"
	"sluice/firehose/process"
	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var crashNothing = vfs.CrashOptions{}

// byKey partitions by a member of the records, of messages too if they are
// extracted.
const (
	dynamic = `"DynamicPartitioningConfiguration":{"Enabled":true},"Prefix":"k=!{partitionKeyFromQuery:k}/","ErrorOutputPrefix":"errors/!{firehose:error-output-type}/"`
	jq      = `{"Type":"MetadataExtraction","Parameters":[{"ParameterName":"MetadataExtractionQuery","ParameterValue":"{k:.k}"},{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-1.6"}]}`
	byKey   = dynamic + `,"ProcessingConfiguration":{"Enabled":true,"Processors":[` + jq + `]}`

	messagesByKey = dynamic + `,"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Decompression"},` +
		`{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"true"}]},` + jq + `]}`
)

// under are the texts of the objects by the start of their keys, in order.
func (w *world) under() map[string][]string {
	w.Helper()
	out := map[string][]string{}
	for _, o := range w.objects() {
		start := o.key[:strings.LastIndexByte(o.key, '/')+1]
		out[start] = append(out[start], o.text)
	}
	return out
}

func (w *world) wantUnder(want map[string][]string) {
	w.Helper()
	if d := cmp.Diff(want, w.under()); d != "" {
		w.Errorf("objects: %.3000s", d)
	}
}

// settled wants nothing in flight and what was accepted delivered.
func (w *world) settled(accepted int64) {
	w.Helper()
	if s := w.status(); s.InFlight != 0 || s.InFlightBytes != 0 || s.Delivered != accepted || s.Partitions != 0 || s.Err != nil {
		w.Errorf("%d accepted: %+v", accepted, s)
	}
}

func TestRecordsByPartition(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60))
	w.put(route, `{"k":"a","n":1}`, `{"k":"b","n":2}`, `{"k":"a","n":3}`)
	w.advance(10 * time.Second)
	w.put(route, `{"k":"c","n":4}`)
	w.advance(49 * time.Second)
	w.wantUnder(map[string][]string{})
	w.advance(time.Second)
	want := map[string][]string{"k=a/": {`{"k":"a","n":1}{"k":"a","n":3}`}, "k=b/": {`{"k":"b","n":2}`}}
	w.wantUnder(want) // c is due by an interval of its own
	if s := w.status(); s.Delivered != 3 || s.InFlight != 1 || s.Partitions != 1 {
		t.Errorf("%+v", s)
	}
	w.advance(10 * time.Second)
	want["k=c/"] = []string{`{"k":"c","n":4}`}
	w.wantUnder(want)
	w.settled(4)
	docs := w.chain("lake", 0)
	if len(docs) != 2 || docs[0].Version != 2 || docs[0].Objects[0].Values["k"] != "a" || docs[0].Records != 3 {
		t.Errorf("%+v", docs)
	}
}

// What is put before a partition that lags is not put again after a restart.
func TestMarksHoldAcrossARestart(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60))
	w.put(route, `{"k":"a"}1`)
	w.advance(30 * time.Second)
	w.put(route, `{"k":"b"}`)
	w.put(route, `{"k":"a"}`)
	w.put(route, `{"k":"c"}`)
	w.advance(30 * time.Second) // only a is due, and is cut up to the end
	for snapshotAt := range 8 {
		next := newWorld(t, config{disk: w.disk.CrashClone(crashNothing), log: w.log.restarted(t, snapshotAt), defs: w.defs, at: w.clock.Now()})
		next.put(route, `{"k":"a"}again`)
		next.advance(2 * time.Minute)
		next.stop()
		got := next.under()
		if len(got["k=a/"]) != 1 || len(got["errors/processing-failed/"]) == 0 {
			t.Errorf("%v", got)
		}
		delete(got, "errors/processing-failed/")
		want := map[string][]string{"k=a/": {`{"k":"a"}`}, "k=b/": {`{"k":"b"}`}, "k=c/": {`{"k":"c"}`}}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("snapshot at %d: %s", snapshotAt, d)
		}
		next.settled(5)
		next.chain("lake", 0)
	}
}

// Whatever cannot be partitioned lands under the error prefix as AWS writes it,
// once, and holds nothing up.
func TestFailuresAreQuarantined(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60))
	arrived := w.clock.Now().UnixMilli()
	w.put(route, `{"k":"a"}`, `no JSON`, `{"other":1}`, `{"k":null}`, `{"k":"a","last":1}`)
	w.advance(time.Minute)
	got := w.under()
	failed := got["errors/processing-failed/"]
	delete(got, "errors/processing-failed/")
	if d := cmp.Diff(map[string][]string{"k=a/": {`{"k":"a"}{"k":"a","last":1}`}}, got); d != "" || len(failed) != 1 {
		t.Fatal(d, failed)
	}
	var raws []string
	for line := range strings.Lines(failed[0]) {
		var r struct {
			AttemptsMade, ArrivalTimestamp, AttemptEndingTimestamp int64
			ErrorCode, ErrorMessage, RawData                       string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(r.RawData)
		if err != nil || r.ErrorCode != "DynamicPartitioning.MetadataExtractionFailed" || r.ArrivalTimestamp != arrived || r.ErrorMessage == "" {
			t.Errorf("%s", line)
		}
		raws = append(raws, string(raw))
	}
	if d := cmp.Diff([]string{`no JSON`, `{"other":1}`, `{"k":null}`}, raws); d != "" {
		t.Error(d)
	}
	w.settled(5)
	if s := w.status(); s.Quarantined != 3 {
		t.Errorf("%+v", s)
	}
	if docs := w.chain("lake", 0); len(docs) != 1 || docs[0].Objects[0].Kind != "error" || docs[0].Quarantined != 3 {
		t.Errorf("%+v", docs)
	}
}

// A value may be as long as a record. One that a frame of the log could not name
// would be planned, and not found in the log, for ever.
func TestLongPartitionKeys(t *testing.T) {
	f := func(length int, failed bool) {
		t.Helper()
		w := newWorld(t, config{})
		route := w.create(byKey + "," + hints(64, 60))
		long := `{"k":"` + strings.Repeat("k", length) + `"}`
		w.put(route, `{"k":"a"}`, long)
		w.advance(time.Minute)
		under := w.under()
		got := under["errors/processing-failed/"] // there is no such key in any case
		if len(got) != 1 || strings.Contains(got[0], "rawData") != failed || !failed && got[0] != long {
			t.Errorf("%d bytes: %.200q", length, got)
		}
		w.settled(2)
	}
	f(600, false)
	f(process.MaxPartition-1, false)
	f(process.MaxPartition, true)
	f(70_000, true)
	f(900_000, true)
}

// Events of a filter are partitioned one by one, and keep their order.
func TestMessagesByPartition(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(messagesByKey + "," + hints(64, 60))
	batch := seal(t, `{"k":"a","n":0}`, `{"k":"b","n":1}`, `x`, `{"k":"a","n":3}`, `{"k":"b","n":4}`)
	if err := w.log.match(route, 0, w.clock.Now().UnixMilli(),
		event.Delivery{Batch: batch, Filter: "f"}, event.Delivery{Batch: batch, Selection: event.Selection{1, 3}, Filter: "g"}); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	got := w.under()
	delete(got, "errors/processing-failed/")
	if d := cmp.Diff(map[string][]string{
		"k=a/": {"{\"k\":\"a\",\"n\":0}\n{\"k\":\"a\",\"n\":3}\n{\"k\":\"a\",\"n\":3}\n"},
		"k=b/": {"{\"k\":\"b\",\"n\":1}\n{\"k\":\"b\",\"n\":4}\n{\"k\":\"b\",\"n\":1}\n"},
	}, got); d != "" {
		t.Error(d)
	}
	w.settled(7)
}

// De-aggregated records go each its own way; the record that held them counts
// once.
func TestSubRecordsByPartition(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(dynamic + `,"ProcessingConfiguration":{"Enabled":true,"Processors":[` +
		`{"Type":"RecordDeAggregation","Parameters":[{"ParameterName":"SubRecordType","ParameterValue":"JSON"}]},` +
		`{"Type":"AppendDelimiterToRecord"},` + jq + `]},` + hints(64, 60))
	w.put(route, `{"k":"a","n":1}{"k":"b","n":2} {"k":"a","n":3}`, `{"k":"b","n":4}`, ` `)
	w.advance(time.Minute)
	w.wantUnder(map[string][]string{
		"k=a/": {"{\"k\":\"a\",\"n\":1}\n{\"k\":\"a\",\"n\":3}\n"}, "k=b/": {"{\"k\":\"b\",\"n\":2}\n{\"k\":\"b\",\"n\":4}\n"},
	})
	w.settled(3)
	if s := w.status(); s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
}

// A partition that reaches the size goes at once, without the others.
func TestPartitionSize(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 900))
	large := `{"k":"large","x":"` + strings.Repeat("x", 7<<20) + `"}`
	w.put(route, `{"k":"small"}`)
	for range 10 {
		w.put(route, large)
	}
	w.log.await(wal.TypeCommit, 1)
	w.advance(time.Second)
	if got := w.under(); len(got["k=large/"]) != 1 || len(got["k=large/"][0]) != 10*len(large) || len(got["k=small/"]) != 0 {
		t.Error(slices.Collect(maps.Keys(got)))
	}
	w.advance(900 * time.Second)
	if got := w.under(); len(got["k=small/"]) != 1 {
		t.Error(slices.Collect(maps.Keys(got)))
	}
	w.settled(11)
}

const eventTime = `"SluiceConfiguration":{"Timestamp":"event"},"Prefix":"!{timestamp:yyyy-MM-dd/HH}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/"`

// timed is a batch of one event at an instant.
func timed(t testing.TB, at time.Time, message string) event.Batch {
	t.Helper()
	b := event.GetBuilder(1024)
	defer b.Release()
	if err := b.Append(at.UnixMilli(), []byte(message)); err != nil {
		t.Fatal(err)
	}
	sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 2}, event.Source{Account: home.Account, Region: home.Region, LogGroup: "/shop", LogStream: "i-1"})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := event.Open(slices.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// Five events around the end of an hour, of which two come late: two objects.
func TestStragglersOfAnHourDoNotBecomeObjects(t *testing.T) {
	w := newWorld(t, config{at: time.Date(2026, 1, 2, 9, 58, 0, 0, time.UTC)})
	route := w.create(eventTime + "," + extract + "," + hints(64, 60))
	send := func(hour, minute int, text string) {
		t.Helper()
		at := time.Date(2026, 1, 2, hour, minute, 30, 0, time.UTC)
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: timed(t, at, text)}); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(59 * time.Second)
	w.advance(31 * time.Second)
	send(9, 59, "1")
	w.advance(40 * time.Second) // 10:00:10
	send(10, 0, "2")
	w.advance(20 * time.Second)
	send(9, 59, "3")
	w.advance(20 * time.Second)
	send(10, 0, "4")
	w.advance(10 * time.Second)
	send(9, 59, "5")
	w.advance(10 * time.Minute)
	w.wantUnder(map[string][]string{"2026-01-02/09/": {"1\n3\n5\n"}, "2026-01-02/10/": {"2\n4\n"}})
	w.settled(5)
}

// Seven days that arrive at once land in the folders of seven days.
func TestReplayedDaysLandInTheirDays(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(strings.Replace(eventTime, "/HH", "", 1) + "," + extract + "," + hints(64, 60))
	want := map[string][]string{}
	for hour := range 7 * 24 {
		at := start.Add(-time.Duration(7*24-hour) * time.Hour)
		text := fmt.Sprint(hour)
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: timed(t, at, text)}); err != nil {
			t.Fatal(err)
		}
		day := at.Format("2006-01-02/")
		if want[day] == nil {
			want[day] = []string{""}
		}
		want[day][0] += text + "\n"
	}
	w.advance(time.Hour)
	w.wantUnder(want)
	w.settled(7 * 24)
}

// Source records go to the backup as they came, what is made of them to the lake.
func TestBackupOfSourceRecords(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60) + `,"S3BackupMode":"Enabled","S3BackupConfiguration":{"RoleARN":"arn:aws:iam::000000000000:role/r",` +
		`"BucketARN":"arn:aws:s3:::vault","Prefix":"raw/","BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":30}}`)
	w.put(route, `{"k":"a"}`, `bad`)
	w.advance(30 * time.Second)
	w.put(route, `{"k":"b"}`)
	w.advance(time.Hour)
	var backup []string
	for _, name := range files(w.disk, "/s3/vault") {
		if strings.HasPrefix(name, "/s3/vault/raw/2026/") {
			b, err := w.store.Get(t.Context(), "vault", strings.TrimPrefix(name, "/s3/vault/"))
			if err != nil {
				t.Fatal(err)
			}
			text := make([]byte, 100)
			n, _ := b.Read(text)
			b.Close()
			backup = append(backup, string(text[:n]))
		}
	}
	if d := cmp.Diff([]string{`{"k":"a"}bad`, `{"k":"b"}`}, backup); d != "" {
		t.Error(d)
	}
	got := w.under()
	if len(got["errors/processing-failed/"]) != 1 || len(got["k=a/"]) != 1 || len(got["k=b/"]) != 1 {
		t.Error(got)
	}
	w.settled(3)
	w.chain("lake", 0)
}

// Settings that tell partitions apart in another way come into force when
// nothing is delivered ahead of anything any more.
func TestPartitionsChangeWhileSomeAreAhead(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t, config{})
		route := w.create(byKey + "," + hints(64, 60))
		w.put(route, `{"k":"a","j":1}`)
		w.advance(30 * time.Second)
		w.put(route, `{"k":"b","j":1}`, `{"k":"a","j":2}`)
		w.advance(30 * time.Second) // a, not b
		w.must("UpdateDestination", updating(1, `"ExtendedS3DestinationUpdate":{"Prefix":"j=!{partitionKeyFromQuery:j}/","ProcessingConfiguration":{"Enabled":true,"Processors":[`+
			strings.Replace(jq, "{k:.k}", "{j:.j}", 1)+`]}}`))
		if restart {
			w.stop()
			w = newWorld(t, config{disk: w.disk, log: w.log.restarted(t, 3), defs: w.defs, at: w.clock.Now()})
		}
		w.log.await(wal.TypeCommit, 2) // b, by the settings of before
		w.put(route, `{"k":"a","j":3}`)
		w.advance(2 * time.Minute)
		w.wantUnder(map[string][]string{
			"k=a/": {`{"k":"a","j":1}{"k":"a","j":2}`}, "k=b/": {`{"k":"b","j":1}`}, "j=3/": {`{"k":"a","j":3}`},
		})
		w.settled(4)
		w.chain("lake", 0)
	}
}

// Deleting discards what is left, and not what was delivered ahead of it.
func TestDeletingWhileSomeAreAhead(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60))
	w.put(route, `{"k":"a"}`)
	w.advance(30 * time.Second)
	w.put(route, `{"k":"b"}`)
	w.put(route, `{"k":"a"}`)
	w.advance(30 * time.Second)
	w.put(route, `{"k":"c"}`)
	w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
	w.create(byKey + "," + hints(64, 60))
	w.put(route, `{"k":"d"}`)
	w.advance(time.Minute)
	w.wantUnder(map[string][]string{"k=a/": {`{"k":"a"}{"k":"a"}`}, "k=d/": {`{"k":"d"}`}})
	if s := w.status(); s.Delivered != 3 || s.Discarded != 2 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
	if docs := w.chain("lake", 0); len(docs) != 2 || docs[1].Discarded != 2 {
		t.Errorf("%+v", docs)
	}
}

// Shards are lanes of their own, with partitions of their own.
func TestPartitionsOfSeveralShards(t *testing.T) {
	w := newWorld(t, config{shards: 3})
	route := w.create(messagesByKey + "," + hints(64, 60))
	for i := range 9 {
		batch := seal(t, fmt.Sprintf(`{"k":"%d","n":%d}`, i%2, i))
		if err := w.log.match(route, uint32(i%3), w.clock.Now().UnixMilli(), event.Delivery{Batch: batch}); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(time.Minute)
	got := w.under()
	if len(got["k=0/"]) != 3 || len(got["k=1/"]) != 3 || len(got) != 2 {
		t.Error(got)
	}
	w.settled(9)
	for shard := range 3 {
		w.chain("lake", shard)
	}
}

// A value that makes a key too long, or one among our files, does not hold the
// others up: the object goes under the error prefix.
func TestKeysThatCannotBe(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(strings.Replace(byKey, `"Prefix":"k=`, `"Prefix":"`, 1) + "," + hints(64, 60))
	w.put(route, `{"k":"a"}`, `{"k":"`+strings.Repeat("x", 600)+`"}`, `{"k":"_sluice/commit"}`)
	w.advance(time.Minute)
	got := w.under()
	if len(got["a/"]) != 1 || len(got["errors/processing-failed/"]) != 2 || len(got) != 2 {
		t.Error(got)
	}
	w.settled(3)
}

// Formats that are not lines are made from the same partitions: small ones of
// events that were held, large ones on the way.
func TestPartitionsOfColumns(t *testing.T) {
	for _, gather := range []int64{1 << 20, 100} {
		w := newWorld(t, config{room: firehose.Config{GatherBytes: gather}})
		route := w.create(messagesByKey + `,"SluiceConfiguration":{"Format":"parquet"},` + hints(64, 60))
		batch := seal(t, `{"k":"a","n":0}`, `{"k":"b","n":1}`, `{"k":"a","n":2}`)
		for range 2 {
			if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: batch, Filter: "f"}); err != nil {
				t.Fatal(err)
			}
		}
		w.advance(time.Minute)
		docs := w.chain("lake", 0)
		if len(docs) != 1 || len(docs[0].Objects) != 2 || docs[0].Objects[0].Records != 4 || docs[0].Objects[1].Records != 2 {
			t.Fatalf("%+v", docs)
		}
		for _, o := range w.objects() {
			if !strings.HasSuffix(o.key, ".parquet") || !strings.HasPrefix(o.text, "PAR1") || !strings.HasSuffix(o.text, "PAR1") {
				t.Errorf("%s is %.8q", o.key, o.text)
			}
		}
		// The hash is that of the messages, however they reached the file.
		if docs[0].Objects[0].XXH64 != fmt.Sprintf("%016x", xxhash.Sum64String(strings.Repeat("{\"k\":\"a\",\"n\":0}\n{\"k\":\"a\",\"n\":2}\n", 2))) {
			t.Errorf("%+v", docs[0].Objects[0])
		}
		w.settled(6)
	}
}

// What the log has lost holds no partition up, also if nothing else is left.
func TestLostPartitionsAreGoneAround(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(byKey + "," + hints(64, 60))
	w.put(route, `{"k":"a"}`)
	w.stop()
	log := w.log.restarted(t, 0)
	log.lose(0)
	next := newWorld(t, config{disk: w.disk, log: log, defs: w.defs, at: w.clock.Now()})
	next.advance(time.Minute)
	if s := next.status(); s.InFlight != 0 || s.Delivered != 0 || s.Objects != 0 || s.Err != nil {
		t.Errorf("%+v", s)
	}
	next.put(route, `{"k":"b"}`)
	next.advance(time.Minute)
	next.wantUnder(map[string][]string{"k=b/": {`{"k":"b"}`}})
	next.settled(1)
	next.chain("lake", 0)
}
