//go:build integration

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// AWS's command line in each version that is installed: v1 comes with pip, v2 with
// Debian, behind it in the path.

// commandLines runs a test with each version of the command line that knows a
// subcommand of "aws logs".
func commandLines(t *testing.T, subcommand string, test func(t *testing.T, aws string)) {
	t.Helper()
	seen := map[string]bool{}
	for _, candidate := range []string{"aws", "/usr/bin/aws", "/usr/local/bin/aws"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		out, err := exec.Command(path, "--version").CombinedOutput()
		version, _, _ := strings.Cut(string(out), " ")
		if err != nil || seen[version] {
			continue
		}
		seen[version] = true
		t.Run(version, func(t *testing.T) {
			out, err := exec.Command(path, "logs", subcommand).CombinedOutput() // without its parameters
			if err == nil || strings.Contains(string(out), "nvalid choice") {
				t.Skipf("%s has no logs %s", version, subcommand)
			}
			test(t, path)
		})
	}
	if len(seen) == 0 {
		t.Skip("no aws command line is here: install awscli")
	}
}

// lines starts a client that goes on until it is ended, and hands out what it
// prints.
func (m *matrix) lines(t *testing.T, limit time.Duration, name string, args ...string) *bufio.Scanner {
	t.Helper()
	cmd := m.command(name, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(limit, func() { cmd.Process.Kill() }) // the lines end then
	t.Cleanup(func() {
		killer.Stop()
		cmd.Process.Kill()
		io.Copy(io.Discard, out)
		cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// put stores lines past the recorder.
func (m *matrix) put(t *testing.T, group string, lines ...string) {
	t.Helper()
	if _, err := m.logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &group, LogStreamName: aws.String("one"), LogEvents: inputEvents(lines),
	}); err != nil {
		t.Fatal(err)
	}
}

func (m *matrix) create(t *testing.T, group string) {
	t.Helper()
	if _, err := m.logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: aws.String("one")}); err != nil {
		t.Fatal(err)
	}
}

func TestClientCommandLine(t *testing.T) {
	commandLines(t, "put-log-events", func(t *testing.T, aws string) {
		m := startMatrix(t)
		f := func(args ...string) string {
			t.Helper()
			return m.run(t, "", aws, append([]string{"--endpoint-url", m.url, "--output", "text", "logs"}, args...)...)
		}
		f("create-log-group", "--log-group-name", "/cli")
		f("create-log-stream", "--log-group-name", "/cli", "--log-stream-name", "one")
		var want []string
		for batch := range 3 {
			lines := numberedLines(20)
			var events []string
			for i, line := range lines {
				lines[i] = fmt.Sprint(batch, line)
				events = append(events, fmt.Sprintf(`{"timestamp":%d,"message":%q}`, time.Now().UnixMilli(), lines[i]))
			}
			file := filepath.Join(t.TempDir(), "events.json")
			if err := os.WriteFile(file, []byte("["+strings.Join(events, ",")+"]"), 0o600); err != nil {
				t.Fatal(err)
			}
			f("put-log-events", "--log-group-name", "/cli", "--log-stream-name", "one", "--log-events", "file://"+file)
			want = append(want, lines...)
		}
		m.holds(t, "/cli", "one", want)
		got := f("filter-log-events", "--log-group-name", "/cli", "--filter-pattern", "ERROR", "--page-size", "2", "--query", "events[].[message]")
		if n := len(printed(got)); n != 6 {
			t.Errorf("%d events with ERROR, want 6:\n%s", n, got)
		}
		m.sentOnce(t, "PutLogEvents", 3)
	})
}

// "aws logs tail --follow" shows every event once, in order, for as long as
// SLUICETEST_FOLLOW says: ten seconds unless set.
func TestClientCommandLineFollows(t *testing.T) {
	follow := 10 * time.Second
	if text := os.Getenv("SLUICETEST_FOLLOW"); text != "" {
		var err error
		if follow, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	commandLines(t, "tail", func(t *testing.T, aws string) {
		m := startMatrix(t)
		m.create(t, "/follow")
		m.put(t, "/follow", "event 0")
		lines := m.lines(t, follow+2*time.Minute, aws, "--endpoint-url", m.url, "logs", "tail", "/follow", "--follow", "--format", "short")
		next := 0
		for began := time.Now(); time.Since(began) < follow || next < 3; {
			if !lines.Scan() {
				t.Fatalf("it ended after %d events", next)
			}
			if want := fmt.Sprint(" event ", next); !strings.HasSuffix(lines.Text(), want) {
				t.Fatalf("it shows %q, want %q", lines.Text(), want)
			}
			next++
			m.put(t, "/follow", fmt.Sprint("event ", next))
		}
		t.Logf("%d events were shown, each once", next)
		m.sentOnce(t, "FilterLogEvents", 1)
	})
}

func TestClientCommandLineTailsLive(t *testing.T) {
	commandLines(t, "start-live-tail", func(t *testing.T, aws string) {
		m := startMatrix(t)
		m.create(t, "/live")
		lines := m.lines(t, time.Minute, aws, "--endpoint-url", m.url, "logs", "start-live-tail",
			"--log-group-identifiers", "arn:aws:logs:us-east-1:000000000000:log-group:/live", "--log-event-filter-pattern", "ERROR")
		waitFor(t, "the session", func() bool { return m.answered("StartLiveTail") > 0 }) // it prints nothing of it
		for i := range 3 {
			m.put(t, "/live", fmt.Sprint("INFO ", i), fmt.Sprint("ERROR ", i))
			if !lines.Scan() || !strings.Contains(lines.Text(), fmt.Sprint("ERROR ", i)) {
				t.Fatalf("it shows %q, want ERROR %d", lines.Text(), i)
			}
		}
		m.sentOnce(t, "StartLiveTail", 1)
	})
}
