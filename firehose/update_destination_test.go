package firehose_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/firehose"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/objput"
)

// updating is an UpdateDestination of the delivery stream "lake".
func updating(version int, update string) string {
	return `{"DeliveryStreamName":"lake","CurrentDeliveryStreamVersionId":"` + strconv.Itoa(version) +
		`","DestinationId":"destinationId-000000000001",` + update + `}`
}

func extended(members string) string { return `"ExtendedS3DestinationUpdate":{` + members + `}` }

// described is what tests look at of a description.
type described struct {
	VersionId                             string
	DeliveryStreamStatus                  string
	LastUpdateTimestamp                   *float64
	DeliveryStreamEncryptionConfiguration map[string]string
	Destinations                          []struct {
		ExtendedS3DestinationDescription map[string]any
	}
}

func (w *world) describe() described {
	w.Helper()
	var out struct{ DeliveryStreamDescription described }
	if err := json.Unmarshal([]byte(w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)), &out); err != nil {
		w.Fatal(err)
	}
	return out.DeliveryStreamDescription
}

func TestUpdateMerges(t *testing.T) {
	w := newWorld(t, config{})
	w.create(`"Prefix":"p/","ErrorOutputPrefix":"e/","FileExtension":".log","CustomTimeZone":"Asia/Tokyo",` + hints(64, 120) + "," + decompress)
	want := w.describe()
	if want.LastUpdateTimestamp != nil {
		t.Error("updated before any update")
	}
	version := 1
	f := func(update string, changes map[string]any) {
		t.Helper()
		w.must("UpdateDestination", updating(version, update))
		version++
		s3 := want.Destinations[0].ExtendedS3DestinationDescription
		for name, value := range changes {
			if s3[name] = value; value == nil {
				delete(s3, name)
			}
		}
		want.VersionId = strconv.Itoa(version)
		got := w.describe()
		if want.LastUpdateTimestamp = got.LastUpdateTimestamp; got.LastUpdateTimestamp == nil {
			t.Error("no LastUpdateTimestamp")
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", update, d)
		}
	}
	f(extended(``), nil)
	f(extended(`"Prefix":"q/"`), map[string]any{"Prefix": "q/"})
	f(extended(`"Prefix":null,"ErrorOutputPrefix":""`), map[string]any{"ErrorOutputPrefix": nil})
	f(extended(`"FileExtension":"","CustomTimeZone":""`), map[string]any{"FileExtension": nil, "CustomTimeZone": "UTC"})
	f(extended(hints(1, 0)), map[string]any{"BufferingHints": map[string]any{"SizeInMBs": 1., "IntervalInSeconds": 0.}})
	f(extended(`"ProcessingConfiguration":{"Enabled":false}`), map[string]any{"ProcessingConfiguration": map[string]any{"Enabled": false}})
	f(extended(`"BucketARN":"arn:aws:s3:::other","CompressionFormat":"GZIP","Unknown":1`), map[string]any{"BucketARN": "arn:aws:s3:::other", "CompressionFormat": "GZIP"})
	// The shape of S3DestinationUpdate has no FileExtension.
	f(`"S3DestinationUpdate":{"Prefix":"r/","FileExtension":".x"}`, map[string]any{"Prefix": "r/"})

	// The catalog has it, for the next process.
	w.stop()
	if got := newWorld(t, config{defs: w.defs}).describe(); !cmp.Equal(want, got) {
		t.Error("after a restart:", cmp.Diff(want, got))
	}
}

func TestUpdateRefusals(t *testing.T) {
	w := newWorld(t, config{room: firehose.Config{CreatingFor: time.Minute}})
	w.create("")
	w.refused("UpdateDestination", updating(1, extended(``)), "ResourceInUseException: Firehose lake under accountId 000000000000 is CREATING and cannot be changed now.")
	w.advance(time.Minute)
	before := w.describe()
	f := func(body, want string) { t.Helper(); w.refused("UpdateDestination", body, want) }
	const at = "ValidationException: 1 validation error detected: Value at '"
	f(`{}`, "ValidationException: 3 validation errors detected: Value at 'deliveryStreamName' failed to satisfy constraint: Member must not be null; "+
		"Value at 'currentDeliveryStreamVersionId' failed to satisfy constraint: Member must not be null; Value at 'destinationId' failed to satisfy constraint: Member must not be null")
	f(`{"DeliveryStreamName":"lake","CurrentDeliveryStreamVersionId":"v1","DestinationId":"d"}`, at+"currentDeliveryStreamVersionId' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+")
	f(`{"DeliveryStreamName":"lake","CurrentDeliveryStreamVersionId":"1","DestinationId":"d_1"}`, at+"destinationId' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-]+")
	f(updating(1, extended(`"CompressionFormat":"SNAPPY","Prefix":"!{"`)), at+"extendedS3DestinationUpdate.compressionFormat' failed to satisfy constraint: Member must satisfy enum value set: [ZIP, HADOOP_SNAPPY, Snappy, GZIP, UNCOMPRESSED]")
	f(updating(1, `"S3DestinationUpdate":{"BucketARN":"x"}`), at+`s3DestinationUpdate.bucketARN' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:.*:s3:::[\w\.\-]{1,255}`)
	f(`{"DeliveryStreamName":"none","CurrentDeliveryStreamVersionId":"1","DestinationId":"d"}`, "ResourceNotFoundException: Firehose none under account 000000000000 not found.")
	f(updating(2, extended(``)), "ConcurrentModificationException: Cannot update firehose: lake since the current version id: 1 and specified version id: 2 do not match")
	f(strings.Replace(updating(1, extended(``)), "0001", "0002", 1), "InvalidArgumentException: Destination Id destinationId-000000000002 not found")
	f(updating(1, `"Unknown":{}`), "InvalidArgumentException: Exactly one destination configuration is supported for a Firehose")
	f(updating(1, extended(`"Prefix":"p"`)+`,"S3DestinationUpdate":{"Prefix":"p"}`), "InvalidArgumentException: Exactly one destination configuration is supported for a Firehose")
	f(updating(1, `"SplunkDestinationUpdate":{"x":1}`), "InvalidArgumentException: SplunkDestinationUpdate is not supported yet by this version")
	f(updating(1, extended(`"Prefix":"!{timestamp:yyyy}/"`)), "InvalidArgumentException: ErrorOutputPrefix cannot be null or empty when Prefix contains expressions")
	f(updating(1, extended(`"BufferingHints":{"SizeInMBs":5}`)), "InvalidArgumentException: If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	f(updating(1, extended(`"S3BackupMode":"Enabled"`)), "InvalidArgumentException: S3 backup destination configuration is required when enabling S3 backup.")
	f(updating(1, extended(`"S3BackupMode":"Enabled","S3BackupUpdate":{"Prefix":"p"}`)), "InvalidArgumentException: S3 backup destination configuration is required when enabling S3 backup.")
	f(updating(1, extended(`"Prefix":5`)), "SerializationException: NUMBER_VALUE cannot be converted to String")
	if d := cmp.Diff(before, w.describe()); d != "" {
		t.Error("a refused update changed something:", d)
	}
}

// TestUpdateIsDeliveredByTheNewSettings: what waits is cut by the settings in
// force then, and its key carries the new version; nothing is flushed early.
func TestUpdateIsDeliveredByTheNewSettings(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 300) + `,"Prefix":"old/"`)
	if err := w.put(route, "a"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	w.must("UpdateDestination", updating(1, extended(`"Prefix":"new/!{timestamp:HH'h'}/","CustomTimeZone":"Asia/Tokyo",`+typed)))
	w.advance(3 * time.Minute)
	w.want()
	w.advance(time.Minute)
	w.want("a")
	if key := w.objects()[0].key; !strings.HasPrefix(key, "new/12h/lake-2-2026-01-02-12-04-05-") {
		t.Error(key)
	}
}

// TestUpdateOfTheHintWakesTheLane: a shorter hint is due by itself, a longer one
// is waited for.
func TestUpdateOfTheHintWakesTheLane(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 900))
	put := func(s string) {
		t.Helper()
		if err := w.put(route, s); err != nil {
			t.Fatal(err)
		}
	}
	put("a")
	w.advance(time.Minute)
	w.must("UpdateDestination", updating(1, extended(hints(5, 60))))
	w.advance(0)
	w.want("a")
	put("b")
	w.must("UpdateDestination", updating(2, extended(hints(5, 900))))
	w.advance(899 * time.Second)
	w.want("a")
	w.advance(time.Second)
	w.want("a", "b")
	for i := range 100 {
		put("c")
		w.must("UpdateDestination", updating(3+i, extended(hints(5, i%2*60))))
		w.advance(time.Minute)
	}
	if s := w.status(); s.Delivered != 102 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

// failingOnce refuses the first object of a bucket, and waits until it may.
type failingOnce struct {
	objput.Store
	once sync.Once
}

func (s *failingOnce) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) (err error) {
	s.once.Do(func() { err = errors.New("down") })
	if err == nil {
		err = s.Store.PutIfAbsent(ctx, bucket, key, o)
	}
	return err
}

// TestAnOpenPlanKeepsItsSettings: a cut that could not be put is put as it was
// planned, whatever has changed since.
func TestAnOpenPlanKeepsItsSettings(t *testing.T) {
	store, disk := newFlaky(t)
	w := newWorld(t, config{disk: disk, store: &failingOnce{Store: store}})
	route := w.create(hints(5, 60) + `,"Prefix":"old/"`)
	if err := w.put(route, "a"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	w.want()
	w.must("UpdateDestination", updating(1, extended(`"Prefix":"new/","CompressionFormat":"GZIP"`)))
	if err := w.put(route, "b"); err != nil {
		t.Fatal(err)
	}
	w.advance(2 * time.Minute)
	var keys []string
	for _, o := range w.objects() {
		keys = append(keys, o.key[:strings.Index(o.key, "-2026")])
	}
	if want := []string{"new/2026/01/02/03/lake-2", "old/2026/01/02/03/lake-1"}; !slices.Equal(keys, want) {
		t.Error(keys)
	}
}

// TestConcurrentUpdates: of those that start from one version, one wins.
func TestConcurrentUpdates(t *testing.T) {
	w := newWorld(t, config{})
	w.create("")
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[string]int{}
	for range 8 {
		wg.Go(func() {
			_, err := w.call("UpdateDestination", updating(1, extended(`"Prefix":"p/"`)))
			_, err2 := w.call("StartDeliveryStreamEncryption", `{"DeliveryStreamName":"lake"}`)
			mu.Lock()
			defer mu.Unlock()
			codes[awsapi.CodeOf(err)]++
			codes["encryption "+awsapi.CodeOf(err2)]++
		})
	}
	wg.Wait()
	if codes[""] != 1 && codes[""] != 0 || codes[""]+codes["ConcurrentModificationException"] != 8 || codes["encryption "] != 8 {
		t.Error(codes)
	}
	if v := w.describe().VersionId; v != strconv.Itoa(1+codes[""]) {
		t.Errorf("version %s after %v", v, codes)
	}
}

// TestUpdateWhileDeleted: a stream that was made again under the name is
// not given the settings of the one before.
func TestUpdateWhileDeleted(t *testing.T) {
	w := newWorld(t, config{})
	w.create("")
	if _, err := w.defs.DeleteDeliveryStream(home, "lake"); err != nil { // behind the room's back
		t.Fatal(err)
	}
	w.refused("UpdateDestination", updating(1, extended(`"Prefix":"p/"`)), "ResourceNotFoundException: Firehose lake under account 000000000000 not found.")
	again, err := w.defs.CreateDeliveryStream(catalog.DeliveryStream{Scope: home, Name: "lake", Config: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.refused("UpdateDestination", updating(1, extended(`"Prefix":"p/"`)), "ResourceNotFoundException: Firehose lake under account 000000000000 not found.")
	if now, _ := w.defs.DeliveryStream(home, "lake"); now.Version != again.Version || string(now.Config) != `{}` {
		t.Errorf("%+v", now)
	}
}

// TestDeliveryUnderExpressions: prefix and suffix are of one instant, that of the
// oldest record, in the stream's time zone; a restart names the object alike.
func TestDeliveryUnderExpressions(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 60) + `,"CustomTimeZone":"Asia/Kathmandu","FileExtension":".log",` + typed +
		`,"Prefix":"dt=!{timestamp:yyyy-MM-dd}/at=!{timestamp:HHmmss}/!{firehose:random-string}/"`)
	for _, r := range []string{"a", "b"} { // the first at 08:49:05 there
		if err := w.put(route, r); err != nil {
			t.Fatal(err)
		}
		w.advance(50 * time.Second)
	}
	w.want("ab")
	key := w.objects()[0].key
	parts := strings.Split(key, "/")
	if len(parts) != 4 || parts[0] != "dt=2026-01-02" || parts[1] != "at=084905" || len(parts[2]) != 11 ||
		!strings.HasPrefix(parts[3], "lake-1-2026-01-02-08-49-05-") || !strings.HasSuffix(parts[3], ".log") {
		t.Error(key)
	}
	if docs := w.chain("lake", 0); len(docs) != 1 || docs[0].Objects[0].Key != key {
		t.Errorf("%+v", docs)
	}
}

// Backup can be turned on later, changed in part, and not turned off.
func TestUpdateOfTheBackup(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 60))
	w.must("UpdateDestination", updating(1, extended(`"S3BackupMode":"Enabled","S3BackupUpdate":{`+strings.Replace(roleAndBucket, "lake", "vault", 1)+`,"Prefix":"a/"}`)))
	w.must("UpdateDestination", updating(2, extended(`"S3BackupUpdate":{"Prefix":"b/","BufferingHints":{"SizeInMBs":1,"IntervalInSeconds":60}}`)))
	var d struct {
		DeliveryStreamDescription struct {
			Destinations []struct {
				ExtendedS3DestinationDescription struct {
					S3BackupMode        string
					S3BackupDescription struct{ BucketARN, Prefix, CompressionFormat string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)), &d); err != nil {
		t.Fatal(err)
	}
	got := d.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription
	if got.S3BackupMode != "Enabled" || got.S3BackupDescription.BucketARN != "arn:aws:s3:::vault" || got.S3BackupDescription.Prefix != "b/" || got.S3BackupDescription.CompressionFormat != "UNCOMPRESSED" {
		t.Errorf("%+v", got)
	}
	w.refused("UpdateDestination", updating(3, extended(`"S3BackupMode":"Disabled"`)), "InvalidArgumentException: S3 backup cannot be disabled once it is enabled.")
	w.put(route, "x")
	w.advance(time.Minute)
	w.want("x")
	if vault := files(w.disk, "/s3/vault/b"); len(vault) != 1 {
		t.Error(vault)
	}
	w.settled(1)
}
