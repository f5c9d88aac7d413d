//go:build integration

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFollowKilled kills the agent ten times while its file is rotated, with a
// real server, which knows the invocation ids again: every line must be stored
// once.
func TestFollowKilled(t *testing.T) {
	dir := t.TempDir()
	url := serveFor(t, filepath.Join(dir, "data"))
	path := filepath.Join(dir, "app.log")
	rng := rand.New(rand.NewPCG(1, 2))
	written := 0
	write := func() {
		fd, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		out := bufio.NewWriter(fd)
		defer out.Flush()
		for range 200 + rng.IntN(2000) {
			fmt.Fprintf(out, "line %08d\n", written)
			written++
		}
	}
	rotations := 0
	agent := func(once bool) *exec.Cmd {
		args := []string{"ship", "--follow", "--group", "g", "--stream", "s", "--state", filepath.Join(dir, "state"),
			"--endpoint-url", url, "--linger", "20ms", "--poll", "20ms", path + "*"}
		if once {
			args = append(args, "--once")
		}
		return exec.Command("sluice", args...)
	}
	for range 10 {
		command := agent(false)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			write()
			time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond) // where the kill falls
			rotations++
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, rotations)); err != nil {
				t.Fatal(err)
			}
		}
		command.Process.Kill()
		command.Wait() // killed
	}
	if out, err := agent(true).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("sluice", "tail", "--since", "1h", "--endpoint-url", url, "-o", "json", "g").Output()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	for line := range bytes.Lines(out) {
		var event struct{ Message string }
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatal(err)
		}
		counts[strings.TrimSpace(event.Message)]++
	}
	missing, doubled := 0, 0
	for i := range written {
		switch n := counts[fmt.Sprintf("line %08d", i)]; {
		case n == 0:
			missing++
		case n > 1:
			doubled++
		}
	}
	if missing > 0 || doubled > 0 || len(counts) != written {
		t.Errorf("of %d lines %d are missing and %d doubled; %d different ones are stored", written, missing, doubled, len(counts))
	}
}

// serveFor starts a server and returns its address.
func serveFor(t *testing.T, data string) string {
	t.Helper()
	command := exec.Command("sluice", "serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait() // its own tests look at how it ends
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var ready struct{ Listen string }
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil || ready.Listen == "" {
		t.Fatalf("no ready line: %v %q", err, line)
	}
	return "http://" + ready.Listen
}
