package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/bench/corpus"
)

// runFilter runs the command in this process.
func runFilter(stdin io.Reader, stdout io.Writer, args ...string) (code int, stderr string) {
	var told bytes.Buffer
	code = run(append([]string{"filter"}, args...), &process{stdin: stdin, stdout: stdout, stderr: &told})
	return code, told.String()
}

// TestFilterCompressed: the content tells how it is compressed, the name does not.
func TestFilterCompressed(t *testing.T) {
	dir := t.TempDir()
	text := []byte("fine\nan ERROR\r\nERROR\x00\xff")
	const want = "an ERROR\r\nERROR\x00\xff\n"
	var gz, zst bytes.Buffer
	zw := gzip.NewWriter(&gz)
	ze, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{zw, ze} {
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{"plain.gz": text, "gzipped": gz.Bytes(), "packed.log": zst.Bytes()} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var fromFile, fromInput bytes.Buffer
		if code, told := runFilter(nil, &fromFile, "-e", "ERROR", path); code != 0 || told != "" || fromFile.String() != want {
			t.Errorf("%s: exit code %d, %q, %s", name, code, fromFile.String(), told)
		}
		if code, told := runFilter(bytes.NewReader(content), &fromInput, "-e", "ERROR", "-"); code != 0 || told != "" || fromInput.String() != want {
			t.Errorf("%s as standard input: exit code %d, %q, %s", name, code, fromInput.String(), told)
		}
	}
	torn := filepath.Join(dir, "torn")
	if err := os.WriteFile(torn, gz.Bytes()[:gz.Len()-6], 0o600); err != nil {
		t.Fatal(err)
	}
	code, told := runFilter(nil, io.Discard, "-e", "ERROR", torn)
	if code != 2 || told != "sluice: "+torn+": unexpected EOF\n" {
		t.Errorf("torn: exit code %d, %s", code, told)
	}
}

// refusing is an output that fails.
type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

func TestFilterOutputFails(t *testing.T) {
	text := []byte("ERROR\n")
	if code, told := runFilter(bytes.NewReader(text), refusing{syscall.EPIPE}, "-e", "ERROR"); code != 0 || told != "" {
		t.Errorf("the reader of a pipe left: exit code %d, %s", code, told)
	}
	if code, told := runFilter(bytes.NewReader(text), refusing{syscall.ENOSPC}, "-e", "ERROR"); code != 2 || told != "sluice: write output: no space left on device\n" {
		t.Errorf("no space: exit code %d, %s", code, told)
	}
}

func TestWantsColor(t *testing.T) {
	f := func(want bool, environ ...string) {
		t.Helper()
		if wantsColor(environ) != want {
			t.Errorf("%q: %v", environ, !want)
		}
	}
	f(true)
	f(true, "TERM=xterm", "NO_COLOR=")
	f(false, "NO_COLOR=1")
	f(false, "TERM=dumb")
}

// BenchmarkFilterBesideGrep and BenchmarkFilterBesideJQ compare the processor time
// of the command with that of grep and jq on the same JSON log, writing to files,
// run by turns. SLUICETEST_FILTER_BYTES is the size of the log (default 32 MB); the
// figures that are published are of 1e9.
func BenchmarkFilterBesideGrep(b *testing.B) {
	log := besideLog(b)
	beside(b, log, []string{"filter", "-e", "ERROR", log}, "LC_ALL=C", "grep", "-F", "ERROR", log)
}

func BenchmarkFilterBesideJQ(b *testing.B) {
	log := besideLog(b)
	beside(b, log, []string{"filter", "-e", `{ $.status >= 500 && $.method = "POST" }`, log}, "LC_ALL=C", "jq", "-c", `select(.status>=500 and .method=="POST")`, log)
}

func besideLog(b *testing.B) string {
	size := int64(32e6)
	if text := os.Getenv("SLUICETEST_FILTER_BYTES"); text != "" {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.Fatal(err)
		}
		size = int64(f)
	}
	log := filepath.Join(b.TempDir(), "corpus.log")
	f, err := os.Create(log)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(f, corpus.Lines(corpus.New(corpus.JSON, 1, corpus.Epoch), size)); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return log
}

// beside runs sluice and a rival by turns, five times for each iteration, and
// reports the medians of their processor time. The number of lines must be equal.
func beside(b *testing.B, log string, args []string, environ string, rival ...string) {
	if _, err := exec.LookPath(rival[0]); err != nil {
		b.Skipf("no %s", rival[0])
	}
	sluice := filepath.Join(b.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", sluice, ".").CombinedOutput(); err != nil {
		b.Skipf("cannot build the command: %v\n%s", err, out)
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		for range 5 {
			t, n := besideRun(b, environ, append([]string{sluice}, args...)...)
			rivalTime, rivalLines := besideRun(b, environ, rival...)
			if n != rivalLines || n == 0 {
				b.Fatalf("%d lines, %s has %d", n, rival[0], rivalLines)
			}
			ours, theirs = append(ours, t), append(theirs, rivalTime)
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	own, other := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(own.Seconds(), "cpu-s")
	b.ReportMetric(other.Seconds(), rival[0]+"-cpu-s")
	b.ReportMetric(other.Seconds()/own.Seconds(), "times")
}

// besideRun runs one command with its output in a file and returns its processor
// time and the number of lines.
func besideRun(b *testing.B, environ string, command ...string) (time.Duration, int) {
	path := filepath.Join(b.TempDir(), "out")
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stdout = append(os.Environ(), environ), out
	if err := cmd.Run(); err != nil {
		b.Fatal(fmt.Errorf("%q: %w", command, err))
	}
	raw, err := os.ReadFile(path)
	if err := errors.Join(err, os.Remove(path)); err != nil {
		b.Fatal(err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), bytes.Count(raw, []byte("\n"))
}
