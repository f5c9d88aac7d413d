//go:build integration

package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/internal/faultproxy"
	"sluice/internal/objput/objputtest"
)

// The delivery tests: a sluice process, a store that checks signatures and
// conditions, and a proxy between them that breaks what the test says. Four
// delivery streams get everything that one filter selects, and each has to hold
// it exactly once, in order, however the process was ended. Its event clock is
// the test's, so that buffering and back-off cost no time.

// TestDelivery builds the binary once for all of them.
func TestDelivery(t *testing.T) {
	binary := buildBinary(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, binary string)
	}{
		{"SIGKILL at every step", killAtEveryStep},
		{"SIGKILL at every step of an upload in parts", killAtEveryStepOfAnUpload},
		{"SIGKILL at random points", killAtRandomPoints},
		{"ten minutes of 403", tenMinutesOfRefusals},
		{"SIGTERM with what is buffered", stopsWithWhatIsBuffered},
		{"SIGTERM during a put", stopsDuringAPut},
		{"a twin", twinIsFenced},
		{"a zombie", zombieIsFenced},
		{"20,000 partitions", manyPartitions},
		{"gigabytes of backlog", gigabytesOfBacklog},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, binary) })
	}
}

// toLake starts the configuration of a delivery stream's destination; messages
// has events delivered as their messages.
const (
	toLake = `
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::lake"`
	messages = `
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}`
)

// The delivery streams are one of each kind: a whole cut in lines and in columns,
// and partitions by query and by the events' hours.
const (
	plainStream = `
    - DeliveryStreamName: plain` + toLake + messages + `
        Prefix: plain/
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 60}`
	columnsStream = `
    - DeliveryStreamName: columns` + toLake + messages + `
        Prefix: columns/
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 60}
        SluiceConfiguration: {Format: parquet}`
	keysStream = `
    - DeliveryStreamName: keys` + toLake + messages + `
            - {Type: MetadataExtraction, Parameters: [{ParameterName: MetadataExtractionQuery, ParameterValue: "{k:.k}"}, {ParameterName: JsonParsingEngine, ParameterValue: JQ-1.6}]}
        Prefix: "keys/!{partitionKeyFromQuery:k}/"
        ErrorOutputPrefix: "keys-errors/!{firehose:error-output-type}/"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 64, IntervalInSeconds: 60}
        DynamicPartitioningConfiguration: {Enabled: true}`
	hoursStream = `
    - DeliveryStreamName: hours` + toLake + messages + `
        Prefix: "hours/!{timestamp:yyyy/MM/dd/HH}/"
        ErrorOutputPrefix: "hours-errors/!{firehose:error-output-type}/"
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 60}
        SluiceConfiguration: {Format: parquet, Timestamp: event, LatenessInSeconds: 0}`
	lakeStreams = plainStream + columnsStream + keysStream + hoursStream
)

var lakeKinds = []string{"plain", "columns", "keys", "hours"}

const lakeConfig = `
log_level: error
s3: %s
test_clock: %s
log: {segment_bytes: 8388608}
pipelines:
  log_groups: [{logGroupName: /lake, logStreamNames: [s0, s1, s2, s3]}]
  delivery_streams:%s
  subscription_filters:%s
`

// lake is the process with all that is around it.
type lake struct {
	*server
	gateway *objputtest.Gateway
	proxy   *faultproxy.HTTP
	streams string // of the configuration
	names   []string
	flags   []string // of the command line, beyond the usual
	log     *os.File // what the processes say

	mu  sync.Mutex // guards what follows
	now time.Time  // of the event clock
	all map[eventID]fate
}

// eventID tells who sent an event, and as which of its own.
type eventID struct{ sender, n int }

// fate is what is known of an event that was sent.
type fate struct {
	matches, acked bool
	forked         bool // known to a second process only
}

var lakeEpoch = time.Now().UTC().Truncate(time.Hour).Add(-24 * time.Hour)

// newLake starts everything. streams are the names of those in the text.
func newLake(t *testing.T, binary, streams string, names ...string) *lake {
	t.Helper()
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, "lake")
	objputtest.SetCredentials(t, gateway.AccessKey, gateway.SecretKey)
	proxy, err := faultproxy.ListenHTTP(gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dir := t.TempDir()
	l := &lake{
		server:  &server{t: t, binary: binary, config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")},
		gateway: gateway, proxy: proxy, streams: streams, names: names, now: lakeEpoch, all: map[eventID]fate{},
	}
	if l.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.leave)
	l.boot()
	return l
}

// leave ends a process that a failed test left, and shows what it said last.
func (l *lake) leave() {
	if l.url.Load() != nil {
		l.end(syscall.SIGKILL)
	}
	if l.t.Failed() {
		text, err := os.ReadFile(l.log.Name())
		l.t.Logf("the process said last (%v): %s", err, text[max(0, len(text)-8000):])
	}
	l.log.Close()
}

// boot starts the process at the event clock's instant.
func (l *lake) boot() {
	l.t.Helper()
	l.configure(l.config)
	l.running = startQuietly(l.t, l.log, l.binary, append([]string{"--config", l.config, "--data-dir", l.data}, l.flags...)...)
	l.url.Store(&l.running.url)
}

// startQuietly starts a process that says into a file what goes wrong: on a bad
// day that is much.
func startQuietly(t testing.TB, log *os.File, binary string, flags ...string) *running {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-"}, flags...)...)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ready struct{ Listen, Admin string }
	if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
		cmd.Wait()
		t.Fatal("no ready line:", err)
	}
	return &running{cmd: cmd, pid: cmd.Process.Pid, url: "http://" + ready.Listen, admin: "http://" + ready.Admin}
}

func (l *lake) configure(file string) {
	l.t.Helper()
	var filters strings.Builder
	for _, name := range l.names {
		fmt.Fprintf(&filters, "\n    - {logGroupName: /lake, filterName: %s, filterPattern: ERROR, destinationArn: \"arn:aws:firehose:us-east-1:000000000000:deliverystream/%s\"}", name, name)
	}
	text := fmt.Sprintf(lakeConfig, l.proxy.URL(), l.instant().Format(time.RFC3339), l.streams, filters.String())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lake) instant() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// advance moves the event clock; what is due then was attempted once, or is
// held up. A process that ends meanwhile is no error.
func (l *lake) advance(by time.Duration) {
	l.mu.Lock()
	l.now = l.now.Add(by)
	l.mu.Unlock()
	advance(l.admin, by)
}

func advance(admin string, by time.Duration) {
	resp, err := http.Post(admin+"/clock/advance?by="+by.String(), "", nil)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}

// deliverAll moves the clock until nothing waits.
func (l *lake) deliverAll() {
	l.t.Helper()
	for range 200 {
		if l.inFlight(l.t) == 0 {
			return
		}
		l.advance(61 * time.Second)
	}
	l.t.Fatalf("not delivered: %d in flight", l.inFlight(l.t))
}

// level is how a delivery stream's metric stands, NaN-free: absent is -1.
func (r *running) level(t testing.TB, name, stream string) float64 {
	t.Helper()
	resp, err := http.Get(r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, `delivery_stream="`+stream+`"`) {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
				t.Fatal(line, err)
			}
			return v
		}
	}
	return -1
}

// send puts events 'first' to 'first+count-1' of a sender, in one attempt, and notes
// it before and after. Every third does not match; some are no JSON; their times
// go over three hours.
func (l *lake) send(sender, first, count, size int) (acked bool) {
	url := l.url.Load()
	if url == nil {
		return false
	}
	return l.sendTo(*url, sender, first, count, size, false)
}

func (l *lake) sendTo(url string, sender, first, count, size int, forked bool) (acked bool) {
	now := l.instant()
	if forked {
		now = now.Add(-7 * time.Minute) // other names must not let it pass
	}
	var body strings.Builder
	fmt.Fprintf(&body, `{"logGroupName":"/lake","logStreamName":"s%d","logEvents":[`, sender)
	padding := l.padding(size)
	for i := range count {
		n := first + i
		at := now.Add(-3*time.Hour + 3*time.Hour*time.Duration(i)/time.Duration(count))
		f := fate{matches: n%3 != 0, forked: forked}
		level := map[bool]string{true: "ERROR", false: "INFO"}[f.matches]
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"timestamp":%d,"message":"`, at.UnixMilli())
		if n%50 == 1 {
			fmt.Fprintf(&body, `%s s%d-%d is no JSON"}`, level, sender, n)
		} else {
			fmt.Fprintf(&body, `{\"level\":\"%s\",\"id\":\"s%d-%d\",\"k\":\"key%d\",\"text\":\"%s\"}"}`, level, sender, n, n%7, padding[n%1000:n%1000+size])
		}
		l.note(eventID{sender, n}, f)
	}
	body.WriteString(`]}`)
	if !post(url, body.String()) {
		return false
	}
	for i := range count {
		f := fate{matches: (first+i)%3 != 0, acked: true, forked: forked}
		l.note(eventID{sender, first + i}, f)
	}
	return true
}

// padding is hexadecimal text, which a codec halves, of 1,000 bytes more than size.
func (l *lake) padding(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < size+1000 {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.String()
}

// post makes one PutLogEvents request, and tells whether it was acknowledged.
func post(url, body string) bool {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(answer), "nextSequenceToken")
}

func (l *lake) note(id eventID, f fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[id] = f
}

// finish delivers what is left, ends the process and checks everything.
func (l *lake) finish() {
	l.t.Helper()
	l.proxy.Play(nil)
	l.deliverAll()
	l.end(syscall.SIGTERM)
	l.check()
	l.verify()
}
