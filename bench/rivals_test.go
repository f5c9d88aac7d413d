package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/bench/corpus"
)

func TestContestsBeginWithSluice(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range contests() {
		first := c.contestants[0]
		if seen[c.name] || c.task == "" || !strings.HasPrefix(first.name, "sluice ") || first.program != "" && first.program != "versitygw" {
			t.Errorf("%s: %s", c.name, first.name)
		}
		seen[c.name] = true
		names := map[string]bool{}
		for _, who := range c.contestants {
			if names[who.name] || who.run == nil {
				t.Errorf("%s: %s", c.name, who.name)
			}
			names[who.name] = true
		}
	}
	if got := len(ContestNames()); got != len(seen) {
		t.Errorf("%d names of %d", got, len(seen))
	}
}

// events are the first n of a corpus, a line each.
func events(kind corpus.Kind, n int) (lines []string) {
	g := corpus.New(kind, 1, corpus.Epoch)
	for range n {
		e, _ := g.AppendEvent(nil)
		lines = append(lines, string(e))
	}
	return lines
}

// TestLinesAreCountedOnce wants every line of every file of a folder, none twice,
// and nothing that is no event.
func TestLinesAreCountedOnce(t *testing.T) {
	lines := events(corpus.JSON, 20)
	f := func(want int64, problem string, files ...string) {
		t.Helper()
		dir := t.TempDir()
		for i, text := range append(files, "not an event") {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write([]byte(text))
			z.Close()
			name := filepath.Join(dir, "objects", string(rune('a'+i)))
			if i == len(files) {
				name = filepath.Join(dir, "_sluice", "commit", "x") // sluice's own
			}
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, size, err := linesBelow(corpus.JSON, dir, "gzip")()
		if problem == "" && (err != nil || got != want || size == 0) || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%d lines of %d bytes: %v; want %d %q", got, size, err, want, problem)
		}
	}
	all := strings.Join(lines, "\n")
	f(20, "", all)
	f(20, "", all+"\n")
	f(20, "", lines[0]+"\n", strings.Join(lines[1:], "\n"))
	f(0, "came out twice", all, lines[3])
	f(0, "is no event", "something else\n")
}

func TestBodiesOfOTLPAreCounted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "output")
	lines := events(corpus.App, 3)
	record := func(line string) string {
		return `{"body":{"stringValue":"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line) + `"}}`
	}
	text := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + record(lines[0]) + "," + record(lines[1]) + "]}]}]}\n" +
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + record(lines[2]) + "]}]}]}\n"
	f := func(text string, want int64) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, size, err := linesOfOTLP(corpus.App, file)(); err != nil || got != want || size != int64(len(text)) {
			t.Errorf("%d lines of %d bytes: %v, want %d", got, size, err, want)
		}
	}
	f(text, 3)
	f(text[:len(text)-20], 2) // still written
}

// TestExpectationsAreAskedOfTheLines: the first is a search, the second reads
// JSON as everybody would.
func TestExpectationsAreAskedOfTheLines(t *testing.T) {
	f := func(line string, term, condition bool) {
		t.Helper()
		if hasError([]byte(line)) != term || failedPost([]byte(line)) != condition {
			t.Errorf("%s: %t, %t", line, hasError([]byte(line)), failedPost([]byte(line)))
		}
	}
	f(`{"level":"ERROR","status":500,"method":"POST"}`, true, true)
	f(`{"level":"WARN","status":499,"method":"POST"}`, false, false)
	f(`{"level":"ERROR","status":503,"method":"GET"}`, true, false)
	f(`{"eventName":"GetObject"}`, false, false)
	f(`no JSON, method POST`, false, false)
}

// TestProgramsAreFollowed until enough came out, and their deaths are told.
func TestProgramsAreFollowed(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh:", err)
	}
	calls := 0
	took, err := follow(t.Context(), exec.Command(shell, "-c", "exec sleep 1000"), func() (bool, error) { calls++; return calls == 3, nil })
	if err != nil || calls != 3 || took.wall > contestWithin {
		t.Errorf("%+v after %d looks: %v", took, calls, err)
	}
	never := func() (bool, error) { return false, nil }
	if _, err := follow(t.Context(), exec.Command(shell, "-c", "echo no such thing >&2; exit 3"), never); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := follow(ctx, exec.Command(shell, "-c", "exec sleep 1000"), never); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Error(err)
	}
	if _, err := run(exec.Command(shell, "-c", "echo broken >&2; exit 1")); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
}
