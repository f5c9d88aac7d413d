package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

var errCrashed = errors.New("the machine is off")

// machine fails for good at its operation number at that changes the disk, and
// keeps what a power failure leaves.
type machine struct {
	mem *vfs.Mem
	at  int

	mu    sync.Mutex // guards the fields below
	steps int
	after *vfs.Mem
	off   context.CancelFunc // tells that it is off
}

func (m *machine) step(op vfs.Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.after != nil:
		return errCrashed
	case !op.Kind.Changes():
		return nil
	}
	if m.steps++; m.steps <= m.at {
		return nil
	}
	m.after = m.mem.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(9, uint64(m.at))), TornLastWrite: true})
	m.off()
	return errCrashed
}

func (m *machine) left() *vfs.Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.after
}

// TestCrashAtEveryDiskOperation runs the whole path on a machine that fails at
// one operation of its disk, starts again on what is left, and wants every
// acknowledged match in exactly one object and the counters to add up. It takes
// as many of the operations, at random, as fit into a few seconds.
func TestCrashAtEveryDiskOperation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	total := crashAt(t, 1<<30)
	order := rand.New(rand.NewPCG(seed, 2)).Perm(total)
	deadline, done := time.Now().Add(4*time.Second), 0
	for _, at := range order {
		if time.Now().After(deadline) || t.Failed() {
			break
		}
		crashAt(t, at)
		done++
	}
	t.Logf("seed %d: %d of %d operations", seed, done, total)
	if total < 80 || done == 0 {
		t.Errorf("only %d of %d operations", done, total)
	}
}

// crashAt returns how many operations there were before the crash.
func crashAt(t *testing.T, at int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &machine{mem: vfs.NewMem(), at: at, off: cancel}
	defs := catalog.NewMemory()
	now := time.Now().UTC().Truncate(time.Second)
	acked := map[string]bool{}
	n := 0
	p, err := tryBegin(t, vfs.Fault(m.mem, m.step), m.mem, defs, now)
	if err == nil {
		for range 3 {
			for range 3 {
				ids := []string{fmt.Sprint(wanted, " ", n), fmt.Sprint("INFO ", n)}
				n++
				ok := p.put("s0", ids...)
				acked[ids[0]] = ok && m.left() == nil
			}
			p.advance(ctx, time.Minute)
			now = now.Add(time.Minute)
		}
		err = p.stop()
	}
	after := m.left()
	if after == nil {
		if err != nil {
			t.Fatal("without a crash:", err)
		}
		after = m.mem
	}
	if p, err = tryBegin(t, after, after, defs, now); err != nil {
		t.Fatalf("crash at %d: start again: %v", at, err)
	}
	p.advance(context.Background(), time.Hour)
	p.await()
	p.identities()
	seen := map[string]int{}
	for _, line := range p.delivered() {
		seen[line]++
	}
	for id, ok := range acked {
		if ok && seen[id] == 0 || seen[id] > 1 {
			t.Errorf("crash at %d: %s is there %d times, acknowledged: %v", at, id, seen[id], ok)
		}
		delete(seen, id)
	}
	if len(seen) > 0 {
		t.Errorf("crash at %d: never sent, or no match: %v", at, seen)
	}
	if err := p.stop(); err != nil {
		t.Errorf("crash at %d: %v", at, err)
	}
	return m.steps
}

// tryBegin is try at a standing clock.
func tryBegin(t *testing.T, fsys vfs.FS, mem *vfs.Mem, defs catalog.Store, now time.Time, changes ...func(*app.Config)) (*process, error) {
	t.Helper()
	standing := func(c *app.Config) { c.Pipelines, c.TestClock = pipelines(1, 60), now.Format(time.RFC3339) }
	return try(t, fsys, mem, defs, append([]func(*app.Config){standing}, changes...)...)
}

// advance moves the clock, unless the machine goes off meanwhile.
func (p *process) advance(ctx context.Context, by time.Duration) {
	_, admin := p.app.Addrs()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin+"/clock/advance?by="+by.String(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			p.t.Error(err)
		}
		return
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK && ctx.Err() == nil {
		p.t.Errorf("advance: %s %s", resp.Status, strings.TrimSpace(string(text)))
	}
}
