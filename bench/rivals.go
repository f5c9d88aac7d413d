package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Contest is one workload, done by sluice and by all other programs that are here
// and can do it.
type Contest struct {
	Workload string `json:"workload"`
	Task     string `json:"task"`
	// InputBytes and InputEvents are the lines that all read, Expected is how many
	// must come out; -1 where nothing is kept that could be counted.
	InputBytes  int64        `json:"inputBytes"`
	InputEvents int64        `json:"inputEvents"`
	Expected    int64        `json:"expected"`
	Contestants []Contestant `json:"contestants"`
}

// Contestant is what a program needed, over its whole life.
type Contestant struct {
	Name string `json:"name"`
	// Apart says what it does otherwise than the others, empty if nothing.
	Apart           string  `json:"apart,omitempty"`
	CPUSecondsPerGB float64 `json:"cpuSecondsPerGB"` // of input
	WallSeconds     float64 `json:"wallSeconds"`
	PeakRSSBytes    int64   `json:"peakRssBytes"`
	OutputBytes     int64   `json:"outputBytes,omitempty"`
	Lines           int64   `json:"lines"` // that came out, -1 where nothing does
	// OfSluice is CPUSecondsPerGB beside that of the first contestant.
	OfSluice float64 `json:"ofSluice"`
}

// contest says how to hold one.
type contest struct {
	name, task string
	// keep picks the lines that must come out; nil is all.
	keep func(line []byte) bool
	// contestants are all that there could be; the first is sluice.
	contestants []contestant
	endless     bool // nothing comes out
}

// contestant is a program that does a workload.
type contestant struct {
	name string
	// program is looked up in PATH; sluice itself has none.
	program string
	apart   string
	run     func(ctx context.Context, r *race) (cost, error)
}

// race is what a contestant is given.
type race struct {
	options  Options
	program  string // path of the binary
	dir      string // its own, empty
	input    string // file of lines
	expected int64
	load     *load // the same lines as requests
}

// output is the file that a contestant which writes one writes.
func (r *race) output() string { return filepath.Join(r.dir, "output") }

// cost is what a process took until it ended, and what it left.
type cost struct {
	cpu  time.Duration
	wall time.Duration
	rss  int64
	// out is how to count what came out.
	out func() (lines, size int64, err error)
}

// ContestNames lists the workloads.
func ContestNames() (names []string) {
	for _, c := range contests() {
		names = append(names, c.name)
	}
	return names
}

// Compete has sluice and other programs do the same, one after the other, all
// workloads without names. Programs that are not here are left out by name.
func Compete(ctx context.Context, o Options, names []string) (*Result, error) {
	if o.Connections == 0 {
		o.Connections = 2
	}
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	all := contests()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c contest) bool { return c.name == name }) {
			return nil, fmt.Errorf("workload %q is none of %s", name, strings.Join(ContestNames(), ", "))
		}
	}
	r := newResult(o)
	return r, o.within(func(dir string) error {
		o.Progress("making the input")
		in, err := newInput(dir, o)
		if err != nil {
			return err
		}
		for _, c := range all {
			if len(names) > 0 && !slices.Contains(names, c.name) {
				continue
			}
			held, leftOut, err := c.hold(ctx, o, dir, in)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r.Rivals, r.LeftOut = append(r.Rivals, *held), append(r.LeftOut, leftOut...)
		}
		return nil
	})
}

func (c *contest) hold(ctx context.Context, o Options, dir string, in *input) (held *Contest, leftOut []string, err error) {
	held = &Contest{Workload: c.name, Task: c.task, InputBytes: in.bytes, InputEvents: in.events, Expected: -1}
	if !c.endless {
		if held.Expected, err = in.count(c.keep); err != nil {
			return nil, nil, err
		}
	}
	for _, who := range c.contestants {
		r := &race{options: o, dir: filepath.Join(dir, "race"), input: in.file, expected: held.Expected, load: in.load}
		if who.program != "" {
			if r.program = o.find(who.program); r.program == "" {
				leftOut = append(leftOut, fmt.Sprintf("%s: %s: no %s here", c.name, who.name, who.program))
				continue
			}
		}
		o.Progress(c.name + ": " + who.name)
		found, err := who.compete(ctx, r, held)
		if err != nil && who.program != "" && ctx.Err() == nil {
			why, _, _ := strings.Cut(err.Error(), "\n")
			leftOut = append(leftOut, fmt.Sprintf("%s: %s: %s", c.name, who.name, why)) // sluice must not fail
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", who.name, err)
		}
		held.Contestants = append(held.Contestants, *found)
	}
	return held, leftOut, nil
}

func (who *contestant) compete(ctx context.Context, r *race, held *Contest) (*Contestant, error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(r.dir)
	took, err := who.run(ctx, r)
	if err != nil {
		return nil, err
	}
	found := &Contestant{
		Name: who.name, Apart: who.apart, CPUSecondsPerGB: took.cpu.Seconds() / (float64(held.InputBytes) / 1e9),
		WallSeconds: took.wall.Seconds(), PeakRSSBytes: took.rss, Lines: -1,
	}
	if took.out != nil {
		if found.Lines, found.OutputBytes, err = took.out(); err != nil {
			return nil, err
		}
	}
	if found.Lines != held.Expected {
		return nil, fmt.Errorf("%d lines came out, and not %d", found.Lines, held.Expected)
	}
	found.OfSluice = 1
	if len(held.Contestants) > 0 {
		found.OfSluice = found.CPUSecondsPerGB / held.Contestants[0].CPUSecondsPerGB
	}
	return found, nil
}

// run runs a command to its end.
func run(cmd *exec.Cmd) (cost, error) {
	said := &tail{}
	cmd.Stderr = said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	memory := watchMemory(cmd.Process.Pid)
	defer memory()
	if err := cmd.Wait(); err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, said)
	}
	return ended(cmd, began, memory()), nil
}

// ended is what a command took that has ended.
func ended(cmd *exec.Cmd, began time.Time, rss int64) cost {
	return cost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss: rss}
}

// watchMemory looks at the most memory that a process had, again and again until
// most is called. The kernel's own account of a process that has ended begins
// with the memory of the one that started it.
func watchMemory(pid int) (most func() int64) {
	stop, found := make(chan struct{}), make(chan int64)
	go func() {
		var rss int64
		for {
			rss = max(rss, field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:")<<10)
			select {
			case <-stop:
				found <- rss
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return sync.OnceValue(func() int64 { close(stop); return <-found })
}

// follow runs a command that never ends by itself, until enough says so.
func follow(ctx context.Context, cmd *exec.Cmd, enough func() (bool, error)) (cost, error) {
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	memory := watchMemory(cmd.Process.Pid)
	defer memory()
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	stop := func() error {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone: // how it ends by a signal is its own affair
			return nil
		case <-time.After(startWithin):
			return errors.Join(errors.New("it does not stop"), cmd.Process.Kill(), <-gone)
		}
	}
	for {
		done, err := enough()
		switch {
		case err != nil:
			return cost{}, errors.Join(err, stop())
		case done:
			wall := time.Since(began)
			err := stop()
			return cost{wall: wall, cpu: ended(cmd, began, 0).cpu, rss: memory()}, err
		case time.Since(began) > contestWithin:
			return cost{}, errors.Join(fmt.Errorf("not done after %v: %s", contestWithin, said), stop())
		}
		select {
		case err := <-gone:
			return cost{}, fmt.Errorf("it ended: %w: %s", errors.Join(err), said)
		case <-ctx.Done():
			return cost{}, errors.Join(ctx.Err(), stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// contestWithin bounds what never ends by itself.
const contestWithin = 10 * time.Minute

// tail keeps the last that a process said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-2048):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
