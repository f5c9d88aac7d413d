package kinesis

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"go.uber.org/goleak"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/vfs"
	"sluice/internal/wal"
	"sluice/stream/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// world is a room over a log in memory.
type world struct {
	*Room
	t       testing.TB
	fs      *vfs.Mem
	defs    catalog.Store
	clock   *clock.Test
	streams *embedded.Streams
	logs    []*wal.Log
	indexes []*embedded.Index
}

func newWorld(t testing.TB, shards int, change func(*Config)) *world {
	return openWorld(t, vfs.NewMem(), catalog.NewMemory(), clock.NewTest(start), shards, change)
}

func openWorld(t testing.TB, fs *vfs.Mem, defs catalog.Store, c *clock.Test, shards int, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, fs: fs, defs: defs, clock: c}
	var parts []embedded.Shard
	for n := range shards {
		x := embedded.NewIndex()
		dir := fmt.Sprintf("/wal/%d", n)
		if err := vfs.MkdirAllSync(fs, dir); err != nil {
			t.Fatal(err)
		}
		log, err := wal.Open(fs, wal.Config{Dir: dir, Shard: uint32(n), SegmentBytes: 32 << 20, Folders: []wal.Folder{x}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() }) // of a crashed log: only lets go
		w.logs, w.indexes = append(w.logs, log), append(w.indexes, x)
		parts = append(parts, embedded.Shard{Log: log, Index: x})
	}
	w.streams = embedded.New(parts...)
	definitions, err := catalog.Open(defs)
	if err != nil {
		t.Fatal(err)
	}
	table, err := catalog.OpenTable[Stream](definitions, catalog.KinesisStreams)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Streams: w.streams, Definitions: table, UIDs: definitions, Clock: c}
	if change != nil {
		change(&cfg)
	}
	if w.Room, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Room.tidy.Stop() })
	return w
}

// crash opens what a crash leaves.
func (w *world) crash(shards int) *world {
	w.t.Helper()
	w.Room.tidy.Stop()
	return openWorld(w.t, w.fs.CrashClone(vfs.CrashOptions{}), w.defs, w.clock, shards, nil)
}

// handler serves the room's operations.
func (w *world) handler() *awsapi.Server {
	w.t.Helper()
	s, err := awsapi.New(awsapi.Config{}, w.Operations()...)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// client is an AWS client of the room.
func (w *world) client() *sdk.Client {
	server := httptest.NewServer(w.handler())
	w.t.Cleanup(server.Close)
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(server.URL), Region: "us-east-1", HTTPClient: plainBodies{server.Client()},
		RetryMaxAttempts: 10, // it gives GetRecords five seconds to be read, which a busy machine may not have
		Credentials:      credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
}

// plainBodies sends bodies that have Read and Close alone. What the SDK sends has
// WriteTo, too, which fails once the SDK has closed it. Go's transport looks for more
// behind a body's last byte: where the answer is there before it has looked, it takes
// that for a failed write and closes the connection, and the SDK puts records again
// that it has half an answer for.
type plainBodies struct{ *http.Client }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.Client.Do(r)
}

// call makes a request in AWS JSON and returns the status and the answer.
func (w *world) call(operation string, in map[string]any) (int, map[string]any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "http://127.0.0.1/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+operation)
	answer := httptest.NewRecorder()
	w.handler().ServeHTTP(answer, r)
	var out map[string]any
	if answer.Body.Len() > 0 {
		if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil {
			w.t.Fatalf("%s: %v in %s", operation, err, answer.Body)
		}
	}
	return answer.Code, out
}

// ok is a call that must succeed.
func (w *world) ok(operation string, in map[string]any) map[string]any {
	w.t.Helper()
	code, out := w.call(operation, in)
	if code != 200 {
		w.t.Fatalf("%s: %d %v", operation, code, out)
	}
	return out
}

// read reads a shard from an iterator to its end.
func (w *world) read(iterator string) (out []string, last map[string]any) {
	w.t.Helper()
	for range 100 {
		last = w.ok("GetRecords", map[string]any{"ShardIterator": iterator})
		for _, r := range last["Records"].([]any) {
			out = append(out, r.(map[string]any)["PartitionKey"].(string))
		}
		iterator = last["NextShardIterator"].(string)
		if last["MillisBehindLatest"].(float64) == 0 {
			return out, last
		}
	}
	w.t.Fatal("the end of the shard does not come")
	return nil, nil
}

func (w *world) iterator(shard, kind string, more map[string]any) string {
	w.t.Helper()
	in := map[string]any{"StreamName": "s", "ShardId": shard, "ShardIteratorType": kind}
	for k, v := range more {
		in[k] = v
	}
	return w.ok("GetShardIterator", in)["ShardIterator"].(string)
}
