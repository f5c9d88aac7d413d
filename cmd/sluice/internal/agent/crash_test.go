package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// service is a CloudWatch Logs in memory. With dedupe it stores an invocation
// once, as sluice does; without, each time, as AWS may.
type service struct {
	dedupe bool
	fail   func() error // asked before a request is stored

	mu     sync.Mutex
	seen   map[string]string // body by invocation id
	lines  map[string][]string
	differ int // invocations that came with two bodies
}

func newService(dedupe bool) *service {
	return &service{dedupe: dedupe, seen: make(map[string]string), lines: make(map[string][]string)}
}

func (s *service) Create(context.Context, string) error { return nil }

func (s *service) Put(ctx context.Context, r *Request) (Answer, error) {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return Answer{}, err
		}
	}
	var body struct {
		LogStreamName string
		LogEvents     []struct {
			Timestamp int64
			Message   string
		}
	}
	if err := json.Unmarshal(r.Body, &body); err != nil || len(body.LogEvents) == 0 {
		return Answer{}, &ServiceError{400, "SerializationException", fmt.Sprint(err)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.seen[r.InvocationID]
	if known && before != string(r.Body) {
		s.differ++
	}
	s.seen[r.InvocationID] = string(r.Body)
	if known && s.dedupe {
		return Kept(), ctx.Err()
	}
	for i, e := range body.LogEvents {
		if i > 0 && e.Timestamp < body.LogEvents[i-1].Timestamp {
			return Answer{}, &ServiceError{400, "InvalidParameterException", "order"}
		}
		s.lines[body.LogStreamName] = append(s.lines[body.LogStreamName], e.Message)
	}
	return Kept(), ctx.Err()
}

func (s *service) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, lines := range s.lines {
		all = append(all, lines...)
	}
	slices.Sort(all)
	return all
}

// writer writes a log and rotates it, and remembers what it wrote.
type writer struct {
	t       *testing.T
	rng     *rand.Rand
	path    string
	fd      *os.File
	lines   []string
	partial string
	turn    int
}

func (w *writer) reopen() {
	if w.fd != nil {
		w.fd.Close()
	}
	var err error
	if w.fd, err = os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) write(text string) {
	if _, err := io.WriteString(w.fd, text); err != nil {
		w.t.Fatal(err)
	}
}

// say shows what happens, when one seed is looked at: SLUICETEST_AGENT_SEED=3 go test -run Crashes
func (w *writer) say(what string) {
	if os.Getenv("SLUICETEST_AGENT_SEED") != "" {
		fmt.Println(time.Now().Format(time.TimeOnly), what, "after line", len(w.lines), "file", w.turn)
	}
}

func (w *writer) finish() {
	if w.partial != "" {
		w.lines = append(w.lines, w.partial+" end")
		w.write(" end\n")
		w.partial = ""
	}
}

func (w *writer) append() {
	w.finish()
	var b strings.Builder
	for range 1 + w.rng.IntN(40) {
		line := fmt.Sprintf("line %06d %s", len(w.lines), strings.Repeat("x", w.rng.IntN(120)))
		w.lines = append(w.lines, line)
		b.WriteString(line + "\n")
	}
	w.write(b.String())
}

func (w *writer) begin() {
	w.finish()
	w.partial = fmt.Sprintf("part %06d", len(w.lines))
	w.write(w.partial)
}

func (w *writer) next() string {
	w.turn++
	return fmt.Sprintf("%s.%d", w.path, w.turn)
}

func (w *writer) rename() {
	w.say("rename")
	if err := os.Rename(w.path, w.next()); err != nil {
		w.t.Fatal(err)
	}
	if w.rng.IntN(2) == 0 {
		w.append() // into the renamed file, as programs do until they reopen
	}
	w.finish()
	w.reopen()
}

func (w *writer) copytruncate() {
	w.say("copytruncate")
	text, err := os.ReadFile(w.path)
	if err == nil {
		err = os.WriteFile(w.next(), text, 0o600)
	}
	if err == nil {
		err = os.Truncate(w.path, 0)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// act does something that loses no text to a follower that may be down.
func (w *writer) act() {
	switch n := w.rng.IntN(10); {
	case n < 5:
		w.append()
	case n < 7:
		w.begin()
	case n < 8:
		w.finish()
		w.rename()
	default:
		w.finish()
		w.copytruncate()
	}
}

// destroy deletes or truncates what was read already; a new file may get the
// inode of the old one.
func (w *writer) destroy() {
	w.say("destroy")
	if w.rng.IntN(2) == 0 {
		if err := os.Truncate(w.path, 0); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if err := os.Remove(w.path); err != nil {
		w.t.Fatal(err)
	}
	w.reopen()
}

// crashing is an agent that is ended at the n-th step.
type crashing struct {
	mu    sync.Mutex
	left  int
	where string
}

func (c *crashing) step(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left <= 0 {
		if c.where == "" {
			c.where = name
		}
		return errCrash
	}
	return nil
}

func testConfig(dir string, patterns ...string) Config {
	return Config{Patterns: patterns, StateFolder: filepath.Join(dir, "state"), LogGroupName: "g", StreamTemplate: "s-{file}",
		FlushTimeout: 24 * time.Hour}
}

// TestCrashes ends the agent again and again at its next step but n, while a log
// is written and rotated, also while the agent is down.
func TestCrashes(t *testing.T) {
	where := make(map[string]int)
	seeds := 16
	if testing.Short() {
		seeds = 8
	}
	if n, err := strconv.Atoi(os.Getenv("SLUICETEST_AGENT_SEEDS")); err == nil {
		seeds = n
	}
	only, _ := strconv.Atoi(os.Getenv("SLUICETEST_AGENT_SEED"))
	for seed := range seeds {
		if only > 0 && seed != only {
			continue
		}
		for _, dedupe := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) { crashRun(t, uint64(seed), dedupe, where) })
		}
	}
	if only > 0 {
		return
	}
	for _, step := range []string{"save: begin", "save: written", "save: renamed", "saved", "send", "sent", "answered"} {
		if where[step] == 0 {
			t.Errorf("no run ended at %q: %v", step, where)
		}
	}
}

func crashRun(t *testing.T, seed uint64, dedupe bool, where map[string]int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	w := &writer{t: t, rng: rng, path: filepath.Join(dir, "app.log")}
	w.reopen()
	defer func() { w.fd.Close() }()
	s := newService(dedupe)
	flaky := rand.New(rand.NewPCG(seed, 2))
	var mu sync.Mutex
	s.fail = func() error {
		mu.Lock()
		defer mu.Unlock()
		if flaky.IntN(4) == 0 {
			return &ServiceError{503, "ServiceUnavailableException", "later"}
		}
		return nil
	}
	for range 12 {
		c := &crashing{left: 1 + rng.IntN(40)}
		done := startAgent(t, dir, s, c)
		for range 1 + rng.IntN(8) {
			w.act()
			time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
			synctest.Wait()
		}
		if c.crashed() {
			<-done.ended
		} else if err := done.stop(); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		where[c.where]++
		for range rng.IntN(3) {
			w.act() // while nobody looks
		}
		if rng.IntN(3) == 0 {
			c := &crashing{left: 1 << 30}
			again := startAgent(t, dir, s, c)
			w.finish()
			time.Sleep(2 * time.Minute)
			w.destroy()
			w.append()
			time.Sleep(time.Minute)
			if err := again.stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.finish()
	last := startAgent(t, dir, s, &crashing{left: 1 << 30})
	time.Sleep(5 * time.Minute)
	if err := last.stop(); err != nil {
		t.Fatal(err)
	}
	checkLedger(t, seed, w.lines, s, dedupe)
}

func (c *crashing) crashed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.where != ""
}

// started is an agent that runs.
type started struct {
	agent *Agent
	end   context.CancelFunc
	ended chan struct{}
	err   error
}

func startAgent(t *testing.T, dir string, s Client, c *crashing) *started {
	t.Helper()
	a, err := New(testConfig(dir, filepath.Join(dir, "app.log*")), s)
	if err != nil {
		t.Fatal(err)
	}
	a.step = c.step
	if os.Getenv("SLUICETEST_AGENT_SEED") != "" {
		a.log = slog.New(slog.NewTextHandler(os.Stdout, nil))
	}
	return start(t, a)
}

func start(t *testing.T, a *Agent) *started {
	ctx, cancel := context.WithCancel(t.Context())
	run := &started{agent: a, end: cancel, ended: make(chan struct{})}
	go func() {
		defer close(run.ended)
		run.err = a.Run(ctx)
	}()
	return run
}

func (s *started) stop() error {
	s.end()
	<-s.ended
	return s.err
}

func checkLedger(t *testing.T, seed uint64, written []string, s *service, exactly bool) {
	t.Helper()
	counts := make(map[string]int)
	for _, line := range s.all() {
		counts[line]++
	}
	missing, doubled := 0, 0
	for _, line := range written {
		switch n := counts[line]; {
		case n == 0:
			if missing++; missing < 4 {
				t.Errorf("seed %d: missing %.40q", seed, line)
			}
		case n > 1 && exactly:
			if doubled++; doubled < 4 {
				t.Errorf("seed %d: %d times %.40q", seed, n, line)
			}
		}
		delete(counts, line)
	}
	if missing+doubled+len(counts)+s.differ > 0 {
		t.Errorf("seed %d, dedupe %t: of %d lines %d are missing, %d doubled, %d foreign; %d bodies changed under their id",
			seed, exactly, len(written), missing, doubled, len(counts), s.differ)
	}
}
