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

// streamNames are the delivery streams: each gets every event, in another format.
var streamNames = []string{"lines", "columns"}

// server is the process under torture, started again and again on one folder.
type server struct {
	binary, dir string
	store       string // as the configuration names it
	log         *os.File

	mu   sync.Mutex // guards what follows
	now  time.Time  // of the event clock
	url  string     // empty while there is none
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	at   string        // of the admin port

	admin http.Client
}

func newServer(o Options, store string) (*server, error) {
	s := &server{binary: o.Binary, dir: o.Dir, store: store, now: time.Now().UTC().Truncate(time.Second), admin: http.Client{Timeout: 30 * time.Second}}
	var err error
	s.log, err = os.Create(filepath.Join(o.Dir, "server.log"))
	return s, err
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// configure writes the configuration. A full disk is one of which more has to
// stay free than there is.
func (s *server) configure(fullDisk bool) error {
	free := ""
	if fullDisk {
		free = "storage: {min_free_bytes: 1152921504606846976}\n"
	}
	var streams, filters strings.Builder
	for _, name := range streamNames {
		format := "CompressionFormat: GZIP"
		if name == "columns" {
			format = "SluiceConfiguration: {Format: parquet}"
		}
		fmt.Fprintf(&streams, `
    - DeliveryStreamName: %[1]s
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
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}`, name, bucket, format)
		fmt.Fprintf(&filters, "\n    - {logGroupName: %s, filterName: %s, filterPattern: \"\", destinationArn: \"arn:aws:firehose:us-east-1:000000000000:deliverystream/%s\"}", logGroup, name, name)
	}
	text := fmt.Sprintf("log_level: warn\ns3: %s\ntest_clock: %s\nlog: {segment_bytes: 8388608}\n%spipelines:\n  log_groups: [{logGroupName: %s}]\n  delivery_streams:%s\n  subscription_filters:%s\n",
		s.store, s.instant().Format(time.RFC3339), free, logGroup, streams.String(), filters.String())
	return os.WriteFile(s.config(), []byte(text), 0o600)
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

// inFlight is how many events wait for delivery.
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
	const name = "sluice_delivery_in_flight_events{"
	found := false
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text := lines.Text(); strings.HasPrefix(text, name) {
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
