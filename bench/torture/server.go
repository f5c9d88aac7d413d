package torture

import (
	"bufio"
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
	"sync"
	"syscall"
	"time"
)

const (
	bucket    = "lake"
	logGroup  = "torture"
	startedIn = time.Minute // a start that takes longer is a finding
)

// The delivery streams: each gets every event, in another format or by another way.
const (
	asLines      = "lines"
	asColumns    = "columns"
	throughKafka = "through-kafka"
)

const (
	clusterARN = "arn:aws:kafka:us-east-1:000000000000:cluster/torture/1"
	streamARN  = "arn:aws:kinesis:us-east-1:000000000000:stream/" + topicName
)

// server is the process under torture, started again and again on one folder.
type server struct {
	binary, dir string
	store       string // as the configuration names it
	brokers     string // HOST:PORT of the Kafka cluster; "" is none
	log         *os.File

	mu   sync.Mutex // guards what follows
	now  time.Time  // of the event clock
	url  string     // empty while there is none
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	at   string        // of the admin port

	admin http.Client
}

func newServer(o Options, store, brokers string) (*server, error) {
	s := &server{binary: o.Binary, dir: o.Dir, store: store, brokers: brokers, now: time.Now().UTC().Truncate(time.Second), admin: http.Client{Timeout: 30 * time.Second}}
	var err error
	s.log, err = os.Create(filepath.Join(o.Dir, "server.log"))
	return s, err
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// streams are the delivery streams there are.
func (s *server) streams() []string {
	if s.brokers == "" {
		return []string{asLines, asColumns}
	}
	return []string{asLines, asColumns, throughKafka}
}

// configure writes the configuration. A full disk is one of which more has to
// stay free than there is.
func (s *server) configure(fullDisk bool) error {
	var text strings.Builder
	fmt.Fprintf(&text, "log_level: warn\ns3: %s\ntest_clock: %s\nlog: {segment_bytes: 8388608}\n", s.store, s.instant().Format(time.RFC3339))
	if fullDisk {
		text.WriteString("storage: {min_free_bytes: 1152921504606846976}\n")
	}
	if s.brokers != "" {
		fmt.Fprintf(&text, "destinations: {kafka: [{arn: %q, brokers: [%q], topic: %s}]}\n", streamARN, s.brokers, topicName)
		fmt.Fprintf(&text, "sources: {delivery: {clusters: [{arn: %q, brokers: [%q], session_seconds: 1}]}}\n", clusterARN, s.brokers)
	}
	fmt.Fprintf(&text, "pipelines:\n  log_groups: [{logGroupName: %s}]\n  delivery_streams:", logGroup)
	for _, name := range s.streams() {
		text.WriteString(deliveryStream(name))
	}
	text.WriteString("\n  subscription_filters:")
	for _, name := range s.streams() {
		destination := "arn:aws:firehose:us-east-1:000000000000:deliverystream/" + name
		if name == throughKafka {
			destination = streamARN
		}
		fmt.Fprintf(&text, "\n    - {logGroupName: %s, filterName: %s, filterPattern: \"\", destinationArn: %q}", logGroup, name, destination)
	}
	return os.WriteFile(s.config(), []byte(text.String()+"\n"), 0o600)
}

// deliveryStream is one of them in the configuration.
func deliveryStream(name string) string {
	source, form := "", "CompressionFormat: GZIP"
	switch name {
	case asColumns:
		form = "SluiceConfiguration: {Format: parquet}"
	case throughKafka:
		source = fmt.Sprintf(`
      DeliveryStreamType: MSKAsSource
      MSKSourceConfiguration:
        MSKClusterARN: %s
        TopicName: %s
        ReadFromTimestamp: 0
        AuthenticationConfiguration: {RoleARN: "arn:aws:iam::000000000000:role/sluice", Connectivity: PRIVATE}`, clusterARN, topicName)
	}
	return fmt.Sprintf(`
    - DeliveryStreamName: %[1]s%[4]s
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::%[2]s"
        Prefix: %[1]s/
        %[3]s
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 60}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}`,
		name, bucket, form, source)
}

func (s *server) config() string { return filepath.Join(s.dir, "sluice.yaml") }

// start starts the process and returns when it serves.
func (s *server) start(ctx context.Context, fullDisk bool) error {
	if err := s.configure(fullDisk); err != nil {
		return err
	}
	cmd := exec.Command(s.binary, "serve", "--config", s.config(), "--data-dir", s.data(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.binary, err)
	}
	line, gone := make(chan string, 1), make(chan struct{})
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n') // an end is an empty line
		line <- text
		io.Copy(io.Discard, out)
		cmd.Wait() // how it ended is in its log
		close(gone)
	}()
	var at struct{ Listen, Admin string }
	select {
	case text := <-line:
		err = json.Unmarshal([]byte(text), &at)
	case <-time.After(startedIn):
		err = fmt.Errorf("it does not serve after %v", startedIn)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		cmd.Process.Kill()
		<-gone
		return fmt.Errorf("start the server, which said into %s: %w", s.log.Name(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.gone, s.url, s.at = cmd, gone, "http://"+at.Listen, "http://"+at.Admin
	return nil
}

// end sends a signal that ends the process, and waits for it.
func (s *server) end(signal syscall.Signal) error {
	s.mu.Lock()
	cmd, gone := s.cmd, s.gone
	s.url, s.cmd = "", nil
	s.mu.Unlock()
	if cmd == nil {
		return nil
	}
	cmd.Process.Signal(signal) // one that has ended meanwhile is seen below
	select {
	case <-gone:
	case <-time.After(startedIn):
		cmd.Process.Kill()
		<-gone
		return fmt.Errorf("the server did not end within %v of %v", startedIn, signal)
	}
	if signal == syscall.SIGTERM && !cmd.ProcessState.Success() {
		return fmt.Errorf("the server ended with %v after %v: see %s", cmd.ProcessState, signal, s.log.Name())
	}
	return nil
}

// died tells whether the process ended by itself.
func (s *server) died() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// signal sends one that the process survives.
func (s *server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.cmd.Process.Signal(signal)
	}
}

func (s *server) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

func (s *server) instant() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// setBack has the next start begin earlier.
func (s *server) setBack(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(-by)
}

// advance moves the event clock. A process that ends meanwhile is no error.
func (s *server) advance(ctx context.Context, by time.Duration) {
	s.mu.Lock()
	s.now = s.now.Add(by)
	at := s.at
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/clock/advance?by="+by.String(), nil)
	if err != nil {
		return // there never was a process
	}
	if resp, err := s.admin.Do(req); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// inFlight is how many events wait for delivery, or to be sent to Kafka.
func (s *server) inFlight(ctx context.Context) (sum int64, err error) {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := s.admin.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	found := false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		text := lines.Text()
		if strings.HasPrefix(text, "sluice_delivery_in_flight_events{") || strings.HasPrefix(text, "sluice_destination_in_flight_events{") {
			v, err := strconv.ParseFloat(text[strings.LastIndexByte(text, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			sum, found = sum+int64(v), true
		}
	}
	if !found {
		return 0, errors.Join(lines.Err(), errors.New("the server has no metric of events in flight"))
	}
	return sum, lines.Err()
}
