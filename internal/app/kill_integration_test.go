//go:build integration

package app_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The kill test: a load of 200,000 events with a ledger per attempt while the
// server is ended 20 times at random points. The client never repeats a request,
// so an acknowledged matching event must be in exactly one object, an
// unacknowledged one in at most one, and no other event in any.

const (
	killEvents = 200_000
	killBatch  = 250
	kills      = 20
)

// server is a sluice process that can be ended and started again on its data.
type server struct {
	t      *testing.T
	binary string
	config string
	data   string
	*running
	url atomic.Pointer[string] // nil while it is down
}

func buildBinary(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built makes the binary once, beside that of the test, which go test removes.
var built = sync.OnceValues(func() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(filepath.Dir(self), "sluice")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "sluice/cmd/sluice") // as make build does
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
})

func (s *server) start() {
	s.t.Helper()
	s.running = startServer(s.t, s.binary, s.config, s.data)
	s.url.Store(&s.running.url)
}

func (s *server) end(sig syscall.Signal) {
	s.t.Helper()
	s.url.Store(nil)
	err := s.running.end(sig)
	var exit *exec.ExitError
	if sig == syscall.SIGTERM && err != nil {
		s.t.Fatalf("graceful stop: %v", err)
	} else if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
}

// ledger notes what became of every event.
type ledger struct {
	mu    sync.Mutex
	acked map[string]bool // event id -> acknowledged
}

const killConfig = `
log_level: warn
log: {segment_bytes: 8388608}
pipelines:
  log_groups: [{logGroupName: /kill, logStreamNames: [s0, s1, s2, s3]}]
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::lake"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
    - {logGroupName: /kill, filterName: errors, filterPattern: ERROR, destinationArn: "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake"}
`

func TestKillLosesAndDoublesNothing(t *testing.T) {
	binary := buildBinary(t)
	for _, c := range []struct {
		name string
		sig  syscall.Signal
	}{{"SIGKILL", syscall.SIGKILL}, {"SIGTERM", syscall.SIGTERM}} {
		t.Run(c.name, func(t *testing.T) { kill(t, binary, c.sig) })
	}
}

func kill(t *testing.T, binary string, sig syscall.Signal) {
	dir := t.TempDir()
	s := &server{t: t, binary: binary, config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	if err := os.WriteFile(s.config, []byte(killConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	l := &ledger{acked: map[string]bool{}}
	sent := load(t, s, l)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for k := range kills {
		// A random point in the next share of the load.
		target := int64(killEvents) * int64(k+1) / (kills + 1)
		target += r.Int64N(killEvents / (kills + 1) / 2)
		waitFor(t, "load", func() bool { return sent.Load() >= min(target, killEvents*9/10) })
		time.Sleep(time.Duration(r.Int64N(int64(20 * time.Millisecond)))) // the point is random, nothing waits for it
		s.end(sig)
		s.start()
	}
	waitFor(t, "end of the load", func() bool { return sent.Load() >= killEvents })
	s.awaitDelivery(t)
	s.end(syscall.SIGTERM)
	l.check(t, filepath.Join(s.data, "s3", "lake"))
}

// load sends all events from four connections and returns the count of those
// sent so far.
func load(t *testing.T, s *server, l *ledger) *atomic.Int64 {
	var next, sent atomic.Int64
	for c := range 4 {
		go func() {
			client := &http.Client{Timeout: 10 * time.Second}
			for {
				first := next.Add(killBatch) - killBatch
				if first >= killEvents {
					return
				}
				sendBatch(s, client, c, first, l)
				sent.Add(killBatch)
			}
		}()
	}
	return &sent
}

// sendBatch makes one attempt, and notes it before and after.
func sendBatch(s *server, client *http.Client, stream int, first int64, l *ledger) {
	var body strings.Builder
	fmt.Fprintf(&body, `{"logGroupName":"/kill","logStreamName":"s%d","logEvents":[`, stream)
	ids := make([]string, 0, killBatch)
	now := time.Now().UnixMilli()
	for i := first; i < first+killBatch; i++ {
		level := "INFO"
		if i%3 == 0 {
			level = "ERROR"
		}
		id := fmt.Sprintf("%s-%07d", level, i)
		ids = append(ids, id)
		if i > first {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"timestamp":%d,"message":"%s request \"%d\" took %d ms in /v1/orders"}`, now, id, i*7919, i%977)
	}
	body.WriteString(`]}`)
	var url *string
	for url = s.url.Load(); url == nil; url = s.url.Load() {
		time.Sleep(time.Millisecond) // the server is being started again
	}
	l.note(ids, false)
	req, _ := http.NewRequest(http.MethodPost, *url, strings.NewReader(body.String()))
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(answer), "nextSequenceToken") {
		l.note(ids, true)
	}
}

func (l *ledger) note(ids []string, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.acked[id] = acked
	}
}

func (l *ledger) check(t *testing.T, bucket string) {
	t.Helper()
	seen := map[string]int{}
	objects := 0
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "_sluice" {
				return filepath.SkipDir
			}
			return err
		}
		objects++
		return eachLine(path, func(line string) { seen[strings.SplitN(line, " ", 2)[0]]++ })
	})
	if err != nil {
		t.Fatal(err)
	}
	var acked, unacked, lost, doubled, alien int
	for id, ok := range l.acked {
		n := seen[id]
		delete(seen, id)
		switch {
		case !strings.HasPrefix(id, "ERROR"):
			alien += n
		case ok:
			acked++
			if n == 0 {
				lost++
			}
		default:
			unacked++
		}
		if n > 1 {
			doubled++
		}
	}
	t.Logf("%d objects; matching events: %d acknowledged, %d not; lost %d, doubled %d, not matching but delivered %d, unknown %d",
		objects, acked, unacked, lost, doubled, alien, len(seen))
	if lost+doubled+alien+len(seen) > 0 {
		t.Fail()
	}
	if acked == 0 || objects == 0 {
		t.Error("nothing was delivered: the test shows nothing")
	}
}

func eachLine(path string, visit func(string)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 2<<20)
	for lines.Scan() {
		visit(lines.Text())
	}
	return lines.Err()
}
