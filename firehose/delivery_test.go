package firehose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"sluice/firehose"
	"sluice/internal/awsapi"
	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func texts(objects []object) (out []string) {
	for _, o := range objects {
		out = append(out, o.text)
	}
	return out
}

func (w *world) want(wanted ...string) {
	w.Helper()
	if d := cmp.Diff(wanted, texts(w.objects())); d != "" {
		w.Errorf("objects: %.2000s", d)
	}
}

func TestIntervalFromTheOldestRecord(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 60))
	w.put(route, "a")
	w.advance(40 * time.Second)
	w.put(route, "b")
	w.advance(19 * time.Second)
	w.want()
	w.advance(time.Second)
	w.want("ab")
	w.advance(time.Hour) // nothing comes, nothing goes
	w.want("ab")
	w.put(route, "c", "d")
	w.advance(59*time.Second + 999*time.Millisecond)
	w.want("ab")
	w.advance(time.Millisecond)
	w.want("ab", "cd")
	if docs := w.chain("lake", 0); len(docs) != 2 || docs[0].Records != 2 || docs[1].Bytes != 2 {
		t.Errorf("%+v", docs)
	}
}

func TestSizeBeforeInterval(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 900))
	half := strings.Repeat("x", 600<<10)
	w.put(route, half)
	w.advance(10 * time.Second)
	w.want()
	w.put(route, half)
	w.log.await(wal.TypeCommit, 1)
	w.want(half + half)
	w.put(route, half, half)
	w.put(route, half)
	w.log.await(wal.TypeCommit, 2)
	w.want(half+half, half+half)
	w.advance(900 * time.Second)
	w.want(half+half, half+half, half)
}

// slowStore holds the first put of an object until there is a second one.
type slowStore struct {
	objput.Store
	puts atomic.Int64
	meet chan struct{}
}

func (s *slowStore) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	if !strings.HasPrefix(key, "_sluice/") {
		if s.puts.Add(1) == 2 {
			close(s.meet)
		}
		<-s.meet
	}
	return s.Store.PutIfAbsent(ctx, bucket, key, o)
}

// After a backlog several objects of the usual size are put at once.
func TestBacklogIsCutInSeveralObjects(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 900) + `,` + extract)
	w.stop()
	var want []string
	half := strings.Repeat("x", 600<<10)
	for i := range 13 {
		text := fmt.Sprint(i, half)
		if err := w.log.match(route, 0, start.UnixMilli(), event.Delivery{Batch: seal(t, text)}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			want = append(want, "")
		}
		want[len(want)-1] += text + "\n"
	}
	store := &slowStore{Store: w.store, meet: make(chan struct{})}
	next := newWorld(t, config{disk: w.disk, store: store, log: w.log.restarted(t, 0), defs: w.defs, at: start.Add(900 * time.Second)})
	next.log.await(wal.TypeCommit, 3)
	got := texts(next.objects())
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%.300s", d)
	}
	docs := next.chain("lake", 0)
	if len(docs) != 3 || len(docs[0].Objects) != 4 || docs[0].Objects[3].Start <= docs[0].Objects[2].Start || len(docs[1].Objects) != 2 {
		t.Errorf("%+v", docs)
	}
	next.settled(13)
}

func TestZeroBuffering(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(1, 0))
	w.put(route, "a")
	w.log.await(wal.TypeCommit, 1)
	w.want("a")
}

func TestObjectName(t *testing.T) {
	f := func(members, pattern string) {
		t.Helper()
		w := newWorld(t, config{})
		route := w.create(members)
		w.put(route, "a")
		w.advance(2 * time.Minute) // the name has the arrival of the oldest record, not this
		w.put(route, "b")
		w.advance(10 * time.Minute)
		objects := w.objects()
		if len(objects) != 1 || !regexp.MustCompile("^"+pattern+"$").MatchString(objects[0].key) {
			t.Errorf("%v does not match %s", objects, pattern)
		}
	}
	const uuid5 = `[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	f(``, `2026/01/02/03/lake-1-2026-01-02-03-04-05-`+uuid5)
	f(`"CompressionFormat":"GZIP"`, `2026/01/02/03/lake-1-2026-01-02-03-04-05-`+uuid5+`\.gz`)
	f(`"Prefix":"legacy"`, `legacy2026/01/02/03/lake-1-2026-01-02-03-04-05-`+uuid5)
	f(`"Prefix":"logs/","CompressionFormat":"GZIP","FileExtension":".json.gz"`, `logs/2026/01/02/03/lake-1-2026-01-02-03-04-05-`+uuid5+`\.json\.gz`)
	f(`"Prefix":""`, `2026/01/02/03/lake-1-2026-01-02-03-04-05-`+uuid5)
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(`"CompressionFormat":"GZIP",` + hints(1, 0))
	w.put(route, "ab", "c")
	w.log.await(wal.TypeCommit, 1)
	a, err := w.store.Head(context.Background(), "lake", w.objects()[0].key)
	if err != nil || a.ContentEncoding != "gzip" || a.ContentType != "application/octet-stream" {
		t.Errorf("%+v, %v", a, err)
	}
	want := map[string]string{
		"sluice-stream": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "sluice-shard": "0",
		"sluice-start": "0", "sluice-end": "2", "sluice-count": "2", "sluice-xxh64": "44bc2cf5ad770999",
	}
	if d := cmp.Diff(want, a.Meta); d != "" {
		t.Error(d)
	}
}

func TestForms(t *testing.T) {
	f := func(members string, check func(text string, batch event.Batch) error) {
		t.Helper()
		w := newWorld(t, config{})
		route := w.create(hints(1, 60) + "," + members)
		batch := seal(t, "one", `t"w"o`, "three", "four")
		deliveries := []event.Delivery{
			{Batch: batch, Filter: "all"},
			{Batch: batch, Selection: event.Selection{1, 3}, Filter: "some"},
		}
		if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), deliveries...); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
		objects := w.objects()
		if len(objects) != 1 {
			t.Fatalf("%d objects", len(objects))
		}
		if err := check(objects[0].text, batch); err != nil {
			t.Errorf("%s: %v in %.600q", members, err, objects[0].text)
		}
		if s := w.status(); s.Delivered != 6 || s.DeliveredBytes != int64(deliveries[0].Bytes()+deliveries[1].Bytes()) {
			t.Errorf("%s: delivered %d, %d bytes", members, s.Delivered, s.DeliveredBytes)
		}
	}
	messages := func(text string, _ event.Batch) error {
		if text != "one\nt\"w\"o\nthree\nfour\nt\"w\"o\nfour\n" {
			return errors.New("not the messages")
		}
		return nil
	}
	documents := func(text string, batch event.Batch) error {
		d := json.NewDecoder(strings.NewReader(text))
		for _, want := range []struct {
			filter string
			events []int
		}{{"all", []int{0, 1, 2, 3}}, {"some", []int{1, 3}}} {
			var doc struct {
				MessageType, LogGroup string
				SubscriptionFilters   []string
				LogEvents             []struct{ ID, Message string }
			}
			if err := d.Decode(&doc); err != nil {
				return err
			}
			if doc.MessageType != "DATA_MESSAGE" || doc.LogGroup != "/shop" || doc.SubscriptionFilters[0] != want.filter || len(doc.LogEvents) != len(want.events) {
				return errors.New("not the documents")
			}
			for i, at := range want.events {
				if doc.LogEvents[i].Message != string(batch.Message(at)) || doc.LogEvents[i].ID != batch.ID(at).String() {
					return errors.New("not the events")
				}
			}
		}
		if d.More() || strings.Contains(text, "\n") {
			return errors.New("more than the documents")
		}
		return nil
	}
	members := func(text string, batch event.Batch) error {
		r, err := gzip.NewReader(strings.NewReader(text)) // all members
		if err != nil {
			return err
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return documents(string(plain), batch)
	}
	f(extract, messages)
	f(extract+`,"CompressionFormat":"GZIP"`, messages)
	f(decompress, documents)
	f(`"CompressionFormat":"UNCOMPRESSED"`, members)
	f(`"CompressionFormat":"GZIP"`, members)
}

func TestRestartResumesWhereItWas(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 60))
	w.put(route, "a")
	w.advance(time.Minute)
	w.put(route, "b")
	w.advance(30 * time.Second)
	before := w.status()
	w.stop()
	w.want("a") // half a buffer stays in the log

	next := newWorld(t, config{disk: w.disk, log: w.log.restarted(t, 2), defs: w.defs, at: w.clock.Now().Add(10 * time.Second)})
	if d := cmp.Diff(before, next.status()); d != "" {
		t.Error("status changed:", d)
	}
	next.advance(19 * time.Second)
	next.want("a")
	next.advance(time.Second)
	next.want("a", "b")
	s := next.status()
	if s.Delivered != 2 || s.Objects != 2 || s.InFlight != 0 || s.Oldest != 0 {
		t.Errorf("%+v", s)
	}
	next.chain("lake", 0)
}

func TestDeleteDiscards(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 60))
	w.put(route, "a")
	w.advance(time.Minute)
	w.put(route, "b", "c")
	w.put(route, "d")
	w.must("DeleteDeliveryStream", `{"DeliveryStreamName":"lake"}`)
	w.advance(time.Hour)
	w.want("a")
	if _, err := w.call("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`); awsapi.CodeOf(err) != "ResourceNotFoundException" {
		t.Error(err)
	}
	w.put(route, "e") // a filter goes on
	w.advance(time.Hour)
	w.want("a")

	if again := w.create(hints(5, 60)); again != route {
		t.Errorf("route %d, was %d", again, route)
	}
	w.advance(time.Second) // e has waited long enough
	objects := w.objects()
	if got := strings.Join(slices.Sorted(slices.Values(texts(objects))), "|"); got != "a|e" {
		t.Error(got)
	}
	docs := w.chain("lake", 0)
	if len(docs) != 2 || docs[1].Discarded != 3 {
		t.Errorf("%+v", docs)
	}
	if s := w.status(); s.Delivered != 2 || s.Discarded != 3 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTwoShardsAndTwoStreams(t *testing.T) {
	w := newWorld(t, config{shards: 2})
	route := w.create(hints(5, 60) + "," + extract)
	for shard, text := range []string{"zero", "one"} {
		if err := w.log.match(route, uint32(shard), w.clock.Now().UnixMilli(), event.Delivery{Batch: seal(t, text), Filter: "f"}); err != nil {
			t.Fatal(err)
		}
	}
	w.advance(time.Minute)
	got := texts(w.objects())
	if slices.Sort(got); !slices.Equal(got, []string{"one\n", "zero\n"}) {
		t.Errorf("%q", got)
	}
	if len(w.chain("lake", 0)) != 1 || len(w.chain("lake", 1)) != 1 {
		t.Error("each shard has its own chain")
	}
	if s := w.status(); s.Delivered != 2 || s.Objects != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRegionsOfOneNameDoNotMeet(t *testing.T) {
	w := newWorld(t, config{})
	other := awsapi.Caller{Account: "111122223333", Region: "eu-west-1"}
	route := w.create(hints(1, 0))
	body := `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":{` + roleAndBucket + "," + hints(1, 0) + `}}`
	if _, err := w.callAs(other, "CreateDeliveryStream", body); err != nil {
		t.Fatal(err)
	}
	w.put(route, "here")
	if _, err := w.callAs(other, "PutRecord", `{"DeliveryStreamName":"lake","Record":{"Data":"dGhlcmU="}}`); err != nil {
		t.Fatal(err)
	}
	w.log.await(wal.TypeCommit, 2)
	got := texts(w.objects())
	if slices.Sort(got); !slices.Equal(got, []string{"here", "there"}) {
		t.Errorf("%q", got)
	}
	if len(w.chain("lake", 0)) != 1 || len(w.chain("lake@111122223333.eu-west-1", 0)) != 1 {
		t.Error("each has its own chain")
	}
}

// flakyStore fails as told.
type flakyStore struct {
	objput.Store
	fail atomic.Pointer[error]
	puts atomic.Int64
}

func (s *flakyStore) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	s.puts.Add(1)
	if err := s.fail.Load(); err != nil {
		return *err
	}
	return s.Store.PutIfAbsent(ctx, bucket, key, o)
}

func newFlaky(t *testing.T) (*flakyStore, *vfs.Mem) {
	disk := vfs.NewMem()
	folder, err := objput.OpenFolder(disk, "/s3")
	if err != nil {
		t.Fatal(err)
	}
	return &flakyStore{Store: folder}, disk
}

func TestRetryUntilItWorks(t *testing.T) {
	f := func(failure error, condition firehose.Condition) {
		t.Helper()
		store, disk := newFlaky(t)
		w := newWorld(t, config{disk: disk, store: store})
		route := w.create(hints(5, 60))
		store.fail.Store(&failure)
		w.put(route, "a")
		w.advance(time.Minute)
		if s := w.status(); s.Condition != condition || !errors.Is(s.Err, failure) || s.Attempts != 1 || s.InFlight != 1 {
			t.Errorf("%+v", s)
		}
		w.advance(3 * time.Hour)
		if n := store.puts.Load(); n < 180 || n > 3*180 { // 60 s at most between two, 30 on average
			t.Errorf("%d attempts in three hours", n)
		}
		w.put(route, "b")
		store.fail.Store(nil)
		w.advance(time.Minute)
		w.want("a", "b") // two objects: a's plan was made before b came
		if s := w.status(); s.Condition != firehose.Delivering || s.Err != nil || s.Delivered != 2 {
			t.Errorf("%+v", s)
		}
	}
	f(errors.New("slow down"), firehose.Retrying)
	f(objput.ErrRefused, firehose.Parked)
	f(fs.ErrClosed, firehose.Retrying)
}

func TestOneFailingStreamDoesNotHoldOthers(t *testing.T) {
	store, disk := newFlaky(t)
	w := newWorld(t, config{disk: disk, store: &bucketFails{store, "broken"}, room: firehose.Config{Encoders: 1, Uploads: 1}})
	route := w.create(hints(5, 60))
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"b","ExtendedS3DestinationConfiguration":{"RoleARN":"arn:aws:iam::0:role/r","BucketARN":"arn:aws:s3:::broken",`+hints(5, 60)+`}}`)
	broken, _ := w.defs.DeliveryStream(home, "b")
	w.put(broken.Route, "stuck")
	w.put(route, "fine")
	w.advance(2 * time.Minute)
	w.want("fine")
}

type bucketFails struct {
	objput.Store
	bucket string
}

func (s *bucketFails) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	if bucket == s.bucket {
		return objput.ErrRefused
	}
	return s.Store.PutIfAbsent(ctx, bucket, key, o)
}

// lostAnswer puts, and says that it failed: a time-out after success.
type lostAnswer struct {
	objput.Store
	mu   sync.Mutex
	lost map[string]bool
}

func (s *lostAnswer) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	err := s.Store.PutIfAbsent(ctx, bucket, key, o)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.lost[key] {
		s.lost[key] = true
		return context.DeadlineExceeded
	}
	return err
}

func TestLostAnswersAreNotPutTwice(t *testing.T) {
	store, disk := newFlaky(t)
	lost := &lostAnswer{Store: store, lost: map[string]bool{}}
	w := newWorld(t, config{disk: disk, store: lost})
	route := w.create(hints(5, 60) + `,"CompressionFormat":"GZIP"`)
	for _, r := range []string{"a", "b", "c"} {
		w.put(route, r)
		w.advance(5 * time.Minute)
	}
	w.want("a", "b", "c")
	if docs := w.chain("lake", 0); len(docs) != 3 || len(lost.lost) != 6 {
		t.Errorf("%d manifests, %d lost answers", len(docs), len(lost.lost))
	}
	if s := w.status(); s.Delivered != 3 || s.Objects != 3 || s.Condition != firehose.Delivering {
		t.Errorf("%+v", s)
	}
}

func TestAFullLogIsTriedAgainAndADeadOneStops(t *testing.T) {
	w := newWorld(t, config{})
	route := w.create(hints(5, 60))
	w.put(route, "a")
	var failure error = fmt.Errorf("%w: %w", wal.ErrNoSegment, wal.ErrNoSpace)
	var mu sync.Mutex
	w.log.step = func(point string) error {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(point, "before") {
			return failure
		}
		return nil
	}
	w.advance(time.Minute)
	if s := w.status(); s.Condition != firehose.Retrying || !errors.Is(s.Err, wal.ErrNoSegment) {
		t.Errorf("%+v", s)
	}
	mu.Lock()
	failure = nil
	mu.Unlock()
	w.advance(time.Minute)
	w.want("a")
	w.put(route, "b")
	mu.Lock()
	failure = wal.ErrReadOnly
	mu.Unlock()
	w.advance(time.Minute)
	if s := w.status(); s.Condition != firehose.Stopped {
		t.Errorf("%+v", s)
	}
	w.want("a")
}

func TestManyIdleStreamsAndShutdown(t *testing.T) {
	w := newWorld(t, config{})
	d, err := json.Marshal(map[string]any{"RoleARN": "arn:aws:iam::0:role/r", "BucketARN": "arn:aws:s3:::lake"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		w.must("CreateDeliveryStream", `{"DeliveryStreamName":"s`+strings.Repeat("x", i%60)+string(rune('a'+i/60))+`","ExtendedS3DestinationConfiguration":`+string(d)+`}`)
	}
	w.advance(time.Hour)
	w.want()
	w.stop()
}
