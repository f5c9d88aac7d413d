package firehose_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/firehose"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
)

var (
	home   = catalog.Scope{Account: "000000000000", Region: "us-east-1"}
	caller = awsapi.Caller{Account: home.Account, Region: home.Region}
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// world is one process: a room with all that it works with.
type world struct {
	testing.TB
	disk  *vfs.Mem // where the objects are
	log   *fakeLog
	defs  *catalog.Catalog
	clock *clock.Test
	store objput.Store
	room  *firehose.Room
	stop  func() // ends the room and waits for it
}

// config is what tests vary.
type config struct {
	disk   *vfs.Mem
	log    *fakeLog
	defs   *catalog.Catalog
	at     time.Time
	store  objput.Store
	shards int
	room   firehose.Config

	errorLog firehose.ErrorLog
	outside  firehose.Outside
	streams  firehose.Streams
	scratch  vfs.FS // default a disk of its own
}

// prepare fills in what a test does not say.
func (c *config) prepare(t testing.TB) {
	t.Helper()
	if c.disk == nil {
		c.disk = vfs.NewMem()
	}
	if c.log == nil {
		c.log = newFakeLog(max(c.shards, 1))
	}
	if c.defs == nil {
		var err error
		if c.defs, err = catalog.Open(catalog.NewMemory()); err != nil {
			t.Fatal(err)
		}
	}
	if c.at.IsZero() {
		c.at = start
	}
	if c.store == nil {
		store, err := objput.OpenFolder(c.disk, "/s3")
		if err != nil {
			t.Fatal(err)
		}
		c.store = store
	}
}

func newWorld(t testing.TB, c config) *world {
	t.Helper()
	c.prepare(t)
	w := &world{TB: t, disk: c.disk, log: c.log, defs: c.defs, clock: clock.NewTest(c.at), store: c.store}
	c.room.Clock, c.room.Home = w.clock, home
	if c.room.Scratch, c.room.ScratchFS = "/scratch", c.scratch; c.scratch == nil {
		c.room.ScratchFS = vfs.NewMem()
	}
	var err error
	w.room, err = firehose.New(c.room, firehose.Links{
		Definitions: w.defs, Source: w.log, Sink: w.log, Journal: w.log, Store: w.store, States: w.log.states,
		ErrorLog: c.errorLog, Outside: c.outside, Streams: c.streams,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	return w
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.room.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	}
	w.Cleanup(w.stop)
}

// call serves one operation and returns the answer's JSON or the error.
func (w *world) call(operation, body string) (string, error) {
	return w.callAs(caller, operation, body)
}

func (w *world) callAs(c awsapi.Caller, operation, body string) (string, error) {
	for _, op := range w.room.Operations() {
		if op.Target == "Firehose_20150804."+operation && op.Service == "firehose" {
			var reply awsapi.Reply
			err := op.Serve(context.Background(), &awsapi.Request{Caller: c, Body: []byte(body)}, &reply)
			return string(reply.Body), err
		}
	}
	return "", fmt.Errorf("no operation %s", operation)
}

func (w *world) must(operation, body string) string {
	w.Helper()
	out, err := w.call(operation, body)
	if err != nil {
		w.Fatalf("%s: %v", operation, err)
	}
	return out
}

const roleAndBucket = `"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::lake"`

// create makes the delivery stream "lake" with these members more.
func (w *world) create(members string) uint64 {
	w.Helper()
	if members != "" {
		members = "," + members
	}
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","ExtendedS3DestinationConfiguration":{`+roleAndBucket+members+`}}`)
	d, _ := w.defs.DeliveryStream(home, "lake")
	return d.Route
}

const (
	decompress = `"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Decompression","Parameters":[{"ParameterName":"CompressionFormat","ParameterValue":"GZIP"}]}]}`
	extract    = `"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Decompression"},{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"true"}]}]}`
)

func hints(mib, seconds int) string {
	return fmt.Sprintf(`"BufferingHints":{"SizeInMBs":%d,"IntervalInSeconds":%d}`, mib, seconds)
}

func (w *world) advance(by time.Duration) {
	w.Helper()
	if err := w.clock.Advance(context.Background(), by); err != nil {
		w.Fatal(err)
	}
}

// put puts records directly into a route.
func (w *world) put(route uint64, records ...string) error {
	var data [][]byte
	for _, r := range records {
		data = append(data, []byte(r))
	}
	_, err := w.log.Put(context.Background(), route, w.clock.Now().UnixMilli(), data)
	return err
}

// seal makes a batch of messages.
func seal(t testing.TB, messages ...string) event.Batch {
	t.Helper()
	size := 0
	for _, m := range messages {
		size += len(m) + 9
	}
	b := event.GetBuilder(size)
	defer b.Release()
	for i, m := range messages {
		if err := b.Append(1_767_000_000_000+int64(i), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{Ingested: 1_767_000_000_123, Request: 7, GroupUID: 1, StreamUID: 2},
		event.Source{Account: home.Account, Region: home.Region, LogGroup: "/shop", LogStream: "i-1"})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := event.Open(bytes.Clone(sealed.Record()))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// files lists everything below a folder of the disk.
func files(fsys vfs.FS, dir string) (names []string) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name := path.Join(dir, e.Name()); e.IsDir() {
			names = append(names, files(fsys, name)...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// object is a delivered object, decoded.
type object struct {
	key  string
	text string
}

// objects are those of the bucket "lake" outside of _sluice, by key.
func (w *world) objects() (out []object) {
	w.Helper()
	for _, name := range files(w.disk, "/s3/lake") {
		key := strings.TrimPrefix(name, "/s3/lake/")
		if strings.HasPrefix(key, "_sluice/") {
			continue
		}
		b, err := vfs.ReadFile(w.disk, name, 1<<30)
		if err != nil {
			w.Fatal(err)
		}
		if strings.HasSuffix(key, ".gz") {
			r, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				w.Fatal(err)
			}
			r.Multistream(false) // the codec's one stream; what is in it may be gzip again
			if b, err = io.ReadAll(r); err != nil {
				w.Fatal(err)
			}
		}
		out = append(out, object{key, string(b)})
	}
	return out
}

// manifestDoc is a manifest as a verifier reads it.
type manifestDoc struct {
	Route                     uint64
	Shard                     uint32
	Version                   int
	Cut, Start, End, Position uint64
	Records, Bytes, Discarded int64
	Quarantined, Dropped      int64
	Previous, DeliveryStream  string
	Objects                   []struct {
		Key, Bucket     string
		Partition, Kind string
		Period          string
		Values          map[string]string
		Size, Records   int64
		Start           uint64
		XXH64           string
	}
}

// chain reads the manifests of one shard in order, and checks that they chain,
// tile the positions, and name objects that are there.
func (w *world) chain(folder string, shard int) (docs []manifestDoc) {
	w.Helper()
	previous, next := strings.Repeat("0", 64), uint64(0)
	marks := map[string]uint64{}
	dir := fmt.Sprintf("/s3/lake/_sluice/commit/%s/%d", folder, shard)
	names := files(w.disk, dir)
	if !slices.IsSorted(names) {
		w.Error("manifests do not sort by cut:", names)
	}
	for i, name := range names {
		b, err := vfs.ReadFile(w.disk, name, 1<<26)
		if err != nil {
			w.Fatal(err)
		}
		var m manifestDoc
		if err := json.Unmarshal(b, &m); err != nil {
			w.Fatal(err)
		}
		if want := fmt.Sprintf("%s/%020d.json", dir, i+1); name != want {
			w.Errorf("manifest %s, want %s", name, want)
		}
		if m.Previous != previous || m.Cut != uint64(i+1) {
			w.Errorf("%s: cut %d, previous %s, want %s", name, m.Cut, m.Previous, previous)
		}
		if i > 0 && m.Discarded == 0 && m.Start != next {
			w.Errorf("%s: starts at %d, the one before leaves off at %d", name, m.Start, next)
		}
		if next = m.End; m.Version == 2 {
			next = m.Position
		}
		for _, o := range m.Objects {
			if o.Partition != "" && m.Version == 2 {
				if o.Start < max(m.Start, marks[o.Partition]) || o.Start >= m.End {
					w.Errorf("%s: object %s starts at %d of [%d,%d), its partition ended at %d", name, o.Key, o.Start, m.Start, m.End, marks[o.Partition])
				}
				marks[o.Partition] = m.End
			}
			bucket := "lake"
			if o.Bucket != "" {
				bucket = o.Bucket
			}
			st, err := w.disk.Stat("/s3/" + bucket + "/" + o.Key)
			if err != nil || st.Size() != o.Size {
				w.Errorf("%s: object %s: %v", name, o.Key, err)
			}
		}
		sum := sha256.Sum256(b)
		previous = hex.EncodeToString(sum[:])
		docs = append(docs, m)
	}
	return docs
}

func (w *world) status() firehose.Status {
	w.Helper()
	all := w.room.Status(context.Background())
	if len(all) != 1 {
		w.Fatalf("%d delivery streams", len(all))
	}
	return all[0]
}
