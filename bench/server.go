package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	logGroup, logStream = "bench", "one"
	account             = "123456789012"
	secret              = "a-secret-for-the-benchmark"
	token               = "a-token-for-the-benchmark"
	bucket              = "lake"
)

// config of the server: one pipeline. What is not signed is taken without
// credentials, which then must not be configured.
func config(name string, compaction bool) string {
	ingest, format, keep := parts(name)
	filter := map[string]string{"all": "", "errors": errorPattern}[keep]
	access := fmt.Sprintf("credentials: [{access_key_id: %q, secret_access_key: %s}]\nbearer_tokens: [{token: %s}]\n", account, secret, token)
	if ingest == "putlogevents-unsigned" {
		access = ""
	}
	if !compaction {
		access += "storage: {compact_bytes_per_second: 1}\n" // it waits after the first megabyte
	}
	object := map[string]string{
		"gzip": "CompressionFormat: GZIP", "zstd": "CompressionFormat: ZSTD",
		"parquet": "SluiceConfiguration: {Format: parquet}",
	}[format]
	return access + fmt.Sprintf(`
log_level: error
account_id: %q
pipelines:
  log_groups: [{logGroupName: %s, logStreamNames: [%s]}]
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::%s:role/sluice
        BucketARN: "arn:aws:s3:::%s"
        %s
        BufferingHints: {SizeInMBs: 64, IntervalInSeconds: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
    - {logGroupName: %s, filterName: f, filterPattern: %q, destinationArn: "arn:aws:firehose:us-east-1:%s:deliverystream/lake"}
`, account, logGroup, logStream, account, bucket, object, logGroup, filter, account)
}

// server is a sluice in a process of its own.
type server struct {
	cmd        *exec.Cmd
	said       bytes.Buffer
	url, admin string
	data       string
	ended      chan error
}

// startWithin is how long a server may take to serve.
const startWithin = 30 * time.Second

func startServer(ctx context.Context, o Options, dir, name string) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(config(name, o.Compaction)), 0o600); err != nil {
		return nil, err
	}
	s := &server{data: filepath.Join(dir, "data"), ended: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, o.Binary, "serve", "--config", file, "--data-dir", s.data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
	s.cmd.Stderr = &s.said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Binary, err)
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- text
		io.Copy(io.Discard, out)
		s.ended <- s.cmd.Wait()
	}()
	select {
	case text := <-line:
		var at struct{ Listen, Admin string }
		if err := json.Unmarshal([]byte(text), &at); err != nil {
			s.stop()
			return nil, fmt.Errorf("the server does not say where it serves: %q %s", text, s.said.String())
		}
		s.url, s.admin = "http://"+at.Listen, "http://"+at.Admin
		return s, nil
	case <-time.After(startWithin):
		s.stop()
		return nil, fmt.Errorf("the server does not serve after %v", startWithin)
	}
}

// stop ends the server and waits for it.
func (s *server) stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.ended:
		return err
	case <-time.After(startWithin):
		return errors.Join(errors.New("the server does not stop"), s.cmd.Process.Kill())
	}
}

// metric sums up a metric over its labels.
func (s *server) metric(name string) (sum float64, err error) {
	resp, err := http.Get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, lines.Err()
}

// deliverWithin bounds the wait for objects without any progress.
const deliverWithin = 60 * time.Second

// awaitDelivery waits until a number of events is in committed objects.
func (s *server) awaitDelivery(ctx context.Context, events int64) error {
	last, since := 0.0, time.Now()
	for {
		n, err := s.metric("sluice_delivery_delivered_events_total")
		switch {
		case err != nil:
			return err
		case int64(n) >= events:
			return nil
		case n > last:
			last, since = n, time.Now()
		case time.Since(since) > deliverWithin:
			return fmt.Errorf("%d of %d events are delivered, and no more come", int64(n), events)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// usage is what the process has used so far.
type usage struct {
	cpu     time.Duration
	rss     int64 // at most
	written int64
}

// userHZ is the unit of /proc/PID/stat on every linux that Go runs on.
const userHZ = 100

func (s *server) usage() (u usage, err error) {
	proc := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return u, fmt.Errorf("what the server uses is read from /proc, which is linux: %w", err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("%s/stat: %q", proc, stat)
	}
	for _, f := range fields[11:13] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * time.Second / userHZ
	}
	u.rss = field(proc+"/status", "VmHWM:") << 10
	u.written = field(proc+"/io", "write_bytes:")
	return u, nil
}

// field is the first number behind a name in a file of /proc, 0 without one.
func field(file, name string) (n int64) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			fmt.Sscan(rest, &n)
		}
	}
	return n
}
