//go:build integration

package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	segmentio "github.com/segmentio/kafka-go"

	"sluice/internal/kafkabroker"
	"sluice/internal/objput/objputtest"
	"sluice/stream/kinesis/kinesistest"
)

// A delivery stream that reads servers of somebody else, and puts into one of somebody
// else, while its process is killed. The records are sent once each; each must be in
// exactly one object.

const (
	outsideKills   = 10
	outsideRecords = 4000 // between two kills
	outsideBatch   = 500  // of them in a request
)

// outsideConfig wants the source in sources.delivery, and in the delivery stream.
const outsideConfig = `
log_level: warn
s3: %[1]s
sources: {delivery: %[2]s}
pipelines:
  delivery_streams:
    - DeliveryStreamName: lake
      %[3]s
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::lake"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 1}
`

// outsider is the process, and the bucket that it delivers to.
type outsider struct {
	*server
	gateway *objputtest.Gateway
	put     func(records [][]byte) error // into the source, each once
	log     *os.File
	sent    int
}

// newOutsider starts the gateway and a process of that configuration.
func newOutsider(t *testing.T, sources, source string, put func(records [][]byte) error) *outsider {
	t.Helper()
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, "lake")
	objputtest.SetCredentials(t, gateway.AccessKey, gateway.SecretKey)
	dir := t.TempDir()
	o := &outsider{
		server:  &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")},
		gateway: gateway, put: put,
	}
	err := os.WriteFile(o.config, fmt.Appendf(nil, outsideConfig, gateway.URL, sources, source), 0o600)
	if err == nil {
		o.log, err = os.Create(filepath.Join(dir, "log"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.leave)
	o.boot()
	return o
}

func (o *outsider) boot() {
	o.t.Helper()
	o.running = startQuietly(o.t, o.log, o.binary, "--config", o.config, "--data-dir", o.data)
	o.url.Store(&o.running.url)
}

// leave ends a process that a failed test left, and shows what it said last.
func (o *outsider) leave() {
	if o.url.Load() != nil {
		o.end(syscall.SIGKILL)
	}
	if o.t.Failed() {
		text, err := os.ReadFile(o.log.Name())
		o.t.Logf("the process said last (%v): %s", err, text[max(0, len(text)-8000):])
	}
	o.log.Close()
}

// send puts the next records into the source, beside the caller, and returns what
// waits for it.
func (o *outsider) send() (wait func()) {
	first := o.sent
	o.sent += outsideRecords
	ended := make(chan error, 1)
	go func() {
		for at := first; at < first+outsideRecords; at += outsideBatch {
			records := make([][]byte, outsideBatch)
			for i := range records {
				records[i] = fmt.Appendf(nil, "%d %s\n", at+i, strings.Repeat(strconv.Itoa((at+i)*7919), 50))
			}
			if err := o.put(records); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	return func() {
		o.t.Helper()
		if err := <-ended; err != nil {
			o.t.Fatal("send:", err)
		}
	}
}

// objects visits those in the bucket.
func (o *outsider) objects(visit func(path string) error) {
	o.t.Helper()
	bucket := filepath.Join(o.gateway.Folder, "lake")
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // what the gateway had for a moment
			return nil
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "_sluice" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		return visit(path)
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *outsider) count() (n int) {
	o.t.Helper()
	o.objects(func(string) error { n++; return nil })
	return n
}

// records is how often each record is in the bucket.
func (o *outsider) records() map[string]int {
	o.t.Helper()
	seen := map[string]int{}
	o.objects(func(path string) error {
		return eachLine(path, func(line string) { seen[strings.SplitN(line, " ", 2)[0]]++ })
	})
	return seen
}

// killOver kills the process under load: half of the times at any moment of its life,
// also before it has a part of the source; half of the times while it delivers, which
// is soon after the first object of its life.
func (o *outsider) killOver() {
	t := o.t
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	for k := range outsideKills {
		wait := o.send()
		within := 2 * time.Second
		if k%2 == 1 {
			before := o.count()
			waitFor(t, "an object of this life", func() bool { return o.count() > before })
			within = 50 * time.Millisecond
		}
		time.Sleep(time.Duration(r.Int64N(int64(within)))) // the point is random, nothing waits for it
		o.end(syscall.SIGKILL)
		o.boot()
		wait()
	}
	o.send()()
	waitFor(t, "delivery", func() bool {
		time.Sleep(100 * time.Millisecond) // reading all objects takes longer than what waitFor waits
		return len(o.records()) >= o.sent
	})
	o.end(syscall.SIGTERM)
}

// check wants each record once, and a bucket whose chains the command proves.
func (o *outsider) check() {
	t := o.t
	t.Helper()
	seen := o.records()
	wrong := 0
	for i := range o.sent {
		id := strconv.Itoa(i)
		if seen[id] != 1 {
			if wrong++; wrong < 10 {
				t.Errorf("record %s is there %d times", id, seen[id])
			}
		}
		delete(seen, id)
	}
	if wrong+len(seen) > 0 {
		t.Errorf("%d of %d records are not there once, %d were never sent", wrong, o.sent, len(seen))
	}
	out, err := exec.Command(o.binary, "verify", "lake", "--deep", "--s3", o.gateway.URL, "-o", "json").Output()
	var report struct {
		Complete bool
		Chains   []struct{ Objects, Records int }
	}
	if json.Unmarshal(out, &report) != nil || !report.Complete {
		t.Errorf("sluice verify: %v: %.2000s", err, out)
	}
	objects, records := 0, 0
	for _, c := range report.Chains {
		objects, records = objects+c.Objects, records+c.Records
	}
	if objects != o.count() || records != o.sent {
		t.Errorf("sluice verify: %d objects of %d, %d records of %d: %.2000s", objects, o.count(), records, o.sent, out)
	}
	t.Logf("%d records in %d objects, over %d kills", o.sent, objects, outsideKills)
}

// TestDeliveryFromABrokerOverKills is MSKAsSource with a real broker and a real S3.
func TestDeliveryFromABrokerOverKills(t *testing.T) {
	broker := kafkabroker.Start(t, nil)
	broker.CreateTopic("orders", 6)
	transport := &segmentio.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	writer := &segmentio.Writer{
		Addr: segmentio.TCP(broker.Address()), Transport: transport, Topic: "orders", Balancer: &segmentio.RoundRobin{},
		RequiredAcks: segmentio.RequireAll, BatchTimeout: 5 * time.Millisecond, MaxAttempts: 1, // one that is sent again may be there twice
	}
	t.Cleanup(func() { writer.Close() })
	o := newOutsider(t,
		fmt.Sprintf(`{clusters: [{arn: %q, brokers: [%q], session_seconds: 1}]}`, sourceCluster, broker.Address()),
		fmt.Sprintf(`DeliveryStreamType: MSKAsSource
      MSKSourceConfiguration:
        MSKClusterARN: %s
        TopicName: orders
        ReadFromTimestamp: 0
        AuthenticationConfiguration: {RoleARN: "arn:aws:iam::000000000000:role/r", Connectivity: PRIVATE}`, sourceCluster),
		func(records [][]byte) error {
			messages := make([]segmentio.Message, len(records))
			for i, r := range records {
				messages[i].Value = r
			}
			return writer.WriteMessages(context.Background(), messages...)
		})
	o.killOver()
	o.check()
}

// TestDeliveryFromKinesaliteOverKills is KinesisStreamAsSource with a stream and an S3
// of other servers; leases are in that S3.
func TestDeliveryFromKinesaliteOverKills(t *testing.T) {
	other := kinesistest.StartKinesalite(t)
	client := kinesisClient(other.URL)
	if _, err := client.CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: aws.String("orders"), ShardCount: aws.Int32(4)}); err != nil {
		t.Fatal(err)
	}
	once := func(o *kinesis.Options) { o.RetryMaxAttempts = 1 } // as above
	o := newOutsider(t,
		fmt.Sprintf(`{streams: [{arn: %q, endpoint: %q, term_seconds: 1}]}`, sourceStream, other.URL),
		fmt.Sprintf(`DeliveryStreamType: KinesisStreamAsSource
      KinesisStreamSourceConfiguration: {KinesisStreamARN: %q, RoleARN: "arn:aws:iam::000000000000:role/r"}`, sourceStream),
		func(records [][]byte) error {
			in := &kinesis.PutRecordsInput{StreamName: aws.String("orders")}
			for _, r := range records {
				key, _, _ := strings.Cut(string(r), " ")
				in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: r, PartitionKey: &key})
			}
			out, err := client.PutRecords(context.Background(), in, once)
			if err == nil && *out.FailedRecordCount > 0 {
				err = fmt.Errorf("%d records were not taken", *out.FailedRecordCount)
			}
			return err
		})
	o.killOver()
	o.check()
}
