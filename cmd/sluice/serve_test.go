package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestServe starts the binary, waits for its ready line and stops it as an
// operator would.
func TestServe(t *testing.T) {
	f := func(sig os.Signal) {
		t.Helper()
		command := exec.Command("sluice", "serve", "--data-dir", filepath.Join(t.TempDir(), "d"),
			"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-")
		command.Env = append(os.Environ(), "SLUICE_LISTN=127.0.0.1:9")
		var log bytes.Buffer
		command.Stderr = &log
		stdout, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		defer command.Process.Kill()
		line, err := bufio.NewReader(stdout).ReadBytes('\n')
		if err != nil {
			t.Fatalf("no ready line: %v\n%s", err, &log)
		}
		var ready struct{ Listen, Admin string }
		if err := json.Unmarshal(line, &ready); err != nil || ready.Listen == "" || ready.Admin == "" {
			t.Errorf("ready line %q: %v", line, err)
		}
		if err := command.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := command.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", sig, err, &log)
		}
		for _, want := range []string{`"signal":"` + sig.String(), "SLUICE_LISTN sets nothing; did you mean SLUICE_LISTEN?"} {
			if !bytes.Contains(log.Bytes(), []byte(want)) {
				t.Errorf("%v: no %s in the log:\n%s", sig, want, &log)
			}
		}
	}
	f(syscall.SIGTERM)
	f(os.Interrupt)
}
