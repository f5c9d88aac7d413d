package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a server process of its own.
type running struct {
	cmd        *exec.Cmd
	pid        int
	url, admin string
}

// startServer starts the binary and waits until it is ready.
func startServer(t testing.TB, binary, config, data string) *running {
	t.Helper()
	cmd := exec.Command(binary, "serve", "--config", config, "--data-dir", data,
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ready struct{ Listen, Admin string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil || ready.Listen == "" {
		t.Fatalf("no ready line: %v %q", err, line)
	}
	return &running{cmd: cmd, pid: cmd.Process.Pid, url: "http://" + ready.Listen, admin: "http://" + ready.Admin}
}

// end sends a signal and waits for the process.
func (r *running) end(sig syscall.Signal) error {
	if err := r.cmd.Process.Signal(sig); err != nil {
		return err
	}
	return r.cmd.Wait()
}

func (r *running) stop(t testing.TB) {
	t.Helper()
	if err := r.end(syscall.SIGTERM); err != nil {
		t.Errorf("graceful stop: %v", err)
	}
}

// metric sums up a metric of /metrics over its labels.
func (r *running) metric(t testing.TB, name string) (sum float64) {
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
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
			t.Fatal(line, err)
		}
		sum += v
	}
	return sum
}

// inFlight is how many events wait to be filtered or delivered, by /metrics.
func (r *running) inFlight(t testing.TB) (n int) {
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
	found := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "sluice_delivery_in_flight_events") || strings.HasPrefix(line, "sluice_filter_lag_frames") {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &v); err != nil {
				t.Fatal(err)
			}
			n += int(v)
			found++
		}
	}
	if found < 2 {
		t.Fatalf("metrics of lag and flight are missing:\n%s", text)
	}
	return n
}

func (r *running) awaitDelivery(t testing.TB) {
	t.Helper()
	waitFor(t, "delivery", func() bool { return r.inFlight(t) == 0 })
}

// waitFor polls a condition for two minutes.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not reached within two minutes", what)
		}
	}
}

// newLoopbackServer serves a handler until the test ends.
func newLoopbackServer(t testing.TB, h http.Handler) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(l) // until Close
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}
