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

// server is a sluice in a process of its own.
type server struct {
	cmd        *exec.Cmd
	said       bytes.Buffer
	url, admin string
	bucket     string // the folder that holds what it delivers
	ended      chan error
}

// startWithin is how long a server may take to serve.
const startWithin = 30 * time.Second

// startServer starts a server for a scene, whose files lie in dir.
func startServer(ctx context.Context, o Options, dir string, sc *scene) (*server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, data := filepath.Join(dir, "sluice.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte(sc.config()), 0o600); err != nil {
		return nil, err
	}
	s := &server{bucket: filepath.Join(data, "s3", bucket), ended: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, o.Binary, "serve", "--config", file, "--data-dir", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
	s.cmd.Env = os.Environ()
	if sc.gateway != nil {
		s.bucket = filepath.Join(sc.gateway.folder, bucket)
		s.cmd.Args = append(s.cmd.Args, "--s3", sc.gateway.url)
		s.cmd.Env = append(s.cmd.Env, sc.gateway.environ()...)
	}
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

// allocations are those of the process so far, and those that asking for them
// takes.
func (s *server) allocations() (so, asking float64, err error) {
	before, err := s.metric("go_memstats_mallocs_total")
	if err != nil {
		return 0, 0, err
	}
	so, err = s.metric("go_memstats_mallocs_total")
	return so, so - before, err
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
