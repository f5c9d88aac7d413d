package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// folder is a place for an agent under test.
type folder struct {
	t   *testing.T
	dir string
	s   *service
	cfg Config
}

func newFolder(t *testing.T) *folder {
	dir := t.TempDir()
	cfg := testConfig(dir, filepath.Join(dir, "app.log"))
	cfg.FlushTimeout = 5 * time.Second
	return &folder{t: t, dir: dir, s: newService(true), cfg: cfg}
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) append(name, text string) {
	f.t.Helper()
	fd, err := os.OpenFile(f.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fd.WriteString(text)
		fd.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) start() *started {
	f.t.Helper()
	a, err := New(f.cfg, f.s)
	if err != nil {
		f.t.Fatal(err)
	}
	return start(f.t, a)
}

func (f *folder) want(lines ...string) {
	f.t.Helper()
	if got := strings.Join(f.s.all(), "|"); got != strings.Join(lines, "|") {
		f.t.Errorf("stored %q, want %q", got, lines)
	}
}

func TestPartialLineWaitsForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.append("app.log", "a whole\nb half")
		run := f.start()
		time.Sleep(4 * time.Second)
		f.want("a whole")
		f.append("app.log", " and more") // grows: waits anew
		time.Sleep(4 * time.Second)
		f.want("a whole")
		time.Sleep(6 * time.Second)
		f.want("a whole", "b half and more")
		if err := run.stop(); err != nil || run.agent.Status().Lines.Partial != 1 {
			t.Errorf("%v, %+v", err, run.agent.Status())
		}
	})
}

func TestStopFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.cfg.Linger = time.Hour
		run := f.start()
		time.Sleep(2 * time.Second)
		f.append("app.log", "one\ntwo\n")
		if err := run.stop(); err != nil {
			t.Fatal(err)
		}
		f.want("one", "two")
		if s := run.agent.Status(); s.Waiting != 0 || s.Acknowledged != 2 || s.Sent != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// A file that was empty when the agent ended may have text and a copy of it when
// the next one looks, and the original not be truncated yet.
func TestCopyOfTextThatNobodySawYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.cfg.Patterns = []string{f.path("app.log*")}
		f.append("app.log", "")
		run := f.start()
		time.Sleep(time.Second)
		if err := run.stop(); err != nil {
			t.Fatal(err)
		}
		f.append("app.log", "one\ntwo\n")
		f.append("app.log.1", "one\ntwo\n")
		run = f.start()
		time.Sleep(3 * time.Second)
		f.want("one", "two")
		if err := os.Truncate(f.path("app.log"), 0); err != nil {
			t.Fatal(err)
		}
		f.append("app.log", "three\n")
		time.Sleep(time.Minute)
		if err := run.stop(); err != nil {
			t.Fatal(err)
		}
		f.want("one", "three", "two")
	})
}

// TestOutage keeps the server away for an hour while more is written than the
// memory takes, the file is rotated and its old text deleted.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.cfg.Memory = 1 << 16
		f.cfg.Limits.Events, f.cfg.Limits.Bytes = 100, 1<<15
		away := time.Now().Add(time.Hour)
		f.s.fail = func() error {
			if time.Now().Before(away) {
				return &ServiceError{400, "AccessDeniedException", "not today"}
			}
			return nil
		}
		run := f.start()
		var lines []string
		for i := range 20_000 {
			lines = append(lines, fmt.Sprintf("line %06d %s", i, strings.Repeat("x", 50)))
		}
		f.append("app.log", strings.Join(lines[:10_000], "\n")+"\n")
		time.Sleep(time.Minute)
		if err := os.Rename(f.path("app.log"), f.path("app.log.1")); err != nil {
			t.Fatal(err)
		}
		f.append("app.log", strings.Join(lines[10_000:], "\n")+"\n")
		time.Sleep(time.Minute)
		if err := os.Remove(f.path("app.log.1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		s := run.agent.Status()
		if s.Acknowledged != 0 || s.Read > 1<<17 || s.Waiting < 1_000_000 {
			t.Errorf("during the outage: %+v", s)
		}
		time.Sleep(2 * time.Hour)
		f.want(lines...)
		if err := run.stop(); err != nil || run.agent.Status().Retries == 0 {
			t.Errorf("%v, %+v", err, run.agent.Status())
		}
	})
}

func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.append("app.log", "one\n")
		f.s.fail = func() error { return errors.New("no route") }
		run := f.start()
		time.Sleep(5 * time.Second)
		began := time.Now()
		if err := run.stop(); err != nil || time.Since(began) != f.cfg.withDefaults().Grace {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		f.s.fail = nil
		run = f.start()
		time.Sleep(5 * time.Second)
		f.want("one")
		run.stop()
	})
}

func TestOneAgentPerState(t *testing.T) {
	f := newFolder(t)
	first, err := openStateFolder(f.cfg.StateFolder)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.start().stop(); !errors.Is(err, ErrLocked) {
		t.Errorf("second agent: %v", err)
	}
	first.close()
	if err := f.start().stop(); err != nil {
		t.Errorf("after the first one ended: %v", err)
	}
}

func TestBrokenStateIsNoNewBeginning(t *testing.T) {
	f := newFolder(t)
	if err := os.MkdirAll(f.cfg.StateFolder, 0o700); err != nil {
		t.Fatal(err)
	}
	f.append("state/"+stateName, `{"version":1`)
	if err := f.start().stop(); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("%v", err)
	}
}

// TestOtherSettingsAfterACrash sends the pending batch as it was made.
func TestOtherSettingsAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.append("app.log", "1 a\n  b\n")
		a, err := New(f.cfg, f.s)
		if err != nil {
			t.Fatal(err)
		}
		a.step = func(name string) error {
			if name == "sent" {
				return errCrash
			}
			return nil
		}
		run := start(t, a)
		<-run.ended
		f.cfg.Shape.MultilineStart = `^\d`
		run = f.start()
		time.Sleep(5 * time.Second)
		f.append("app.log", "2 c\n  d\n")
		time.Sleep(20 * time.Second)
		run.stop()
		f.want("  b", "1 a", "2 c\n  d")
		if f.s.differ > 0 {
			t.Error("the body changed under its invocation id")
		}
	})
}

func TestFromEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.cfg.FromEnd = true
		f.append("app.log", "old\n")
		run := f.start()
		time.Sleep(time.Second)
		f.append("app.log", "new\n")
		time.Sleep(5 * time.Second)
		run.stop()
		f.want("new")
		var s State
		text, err := os.ReadFile(filepath.Join(f.cfg.StateFolder, stateName))
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil || len(s.Files) != 1 || s.Files[0].Mark.Offset != 8 || len(s.Pending) != 0 {
			t.Errorf("%v, state %s", err, text)
		}
	})
}

func TestExtends(t *testing.T) {
	f := func(original, name string, want bool) {
		t.Helper()
		if extends(original, name) != want {
			t.Errorf("%s -> %s: %t", original, name, !want)
		}
	}
	f("app.log", "app.log.1", true)
	f("app.log", "app.log-20260102", true)
	f("app.log", "app-20260102.log", true)
	f("app.log", "app.1.log", true)
	f("app.log", "app.log", false)
	f("app.log", "application.log", false)
	f("app.log", "app2.log", false)
	f("app.log.1", "app.log", false)
}
