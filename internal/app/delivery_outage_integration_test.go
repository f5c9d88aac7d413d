//go:build integration

package app_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/faultproxy"
)

// The conditions of sluice_delivery_condition that these tests wait for.
const (
	isDelivering = 0
	isParked     = 2
	isFenced     = 4
)

func everything(faultproxy.Request) bool { return true }

// conditions wants all delivery streams of a process in one condition.
func (l *lake) conditions(r *running, want float64) {
	l.t.Helper()
	for _, stream := range l.names {
		if got := r.level(l.t, "sluice_delivery_condition", stream); got != want {
			l.t.Errorf("%s is in condition %v, want %v", stream, got, want)
		}
	}
}

// tenMinutesOfRefusals: the store refuses everything for ten minutes while
// clients go on. Nothing is dropped and nobody is asked without pause; once the
// permission is back, all of it is delivered, in order.
func tenMinutesOfRefusals(t *testing.T, binary string) {
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	l.proxy.Play(faultproxy.Always(everything, faultproxy.Status(403, "AccessDenied")))
	sent := 0
	for range 20 {
		for sender := range 3 {
			if !l.send(sender, sent, 60, 200) {
				t.Fatal("not stored while the store is away")
			}
		}
		sent += 60
		l.advance(30 * time.Second)
		if sent > 180 {
			l.conditions(l.running, isParked)
		}
	}
	for _, stream := range l.names {
		if age := l.level(t, "sluice_delivery_freshness_seconds", stream); age < 500 {
			t.Errorf("%s: the oldest event is %v s old by its metric", stream, age)
		}
	}
	if keys := l.listed(); len(keys) > 0 {
		t.Errorf("%d objects in a store that refuses", len(keys))
	}
	if asked := len(l.proxy.Seen()); asked > 100*len(l.names) {
		t.Errorf("the store was asked %d times", asked)
	}
	l.proxy.Play(nil)
	l.advance(61 * time.Second) // the longest pause
	l.conditions(l.running, isDelivering)
	l.finish()
}

// patientStreams buffer as long as may be.
var patientStreams = strings.NewReplacer("IntervalInSeconds: 60", "IntervalInSeconds: 900", "LatenessInSeconds: 0", "LatenessInSeconds: 3600").Replace(lakeStreams)

// stopsWithWhatIsBuffered: a stop neither delivers what waits for its hint, nor
// waits for it, nor loses it.
func stopsWithWhatIsBuffered(t *testing.T, binary string) {
	l := newLake(t, binary, patientStreams, lakeKinds...)
	l.flags = []string{"--shutdown-timeout", "5s"}
	sent := 0
	for range 3 {
		began := time.Now()
		l.end(syscall.SIGTERM)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if keys := l.listed(); len(keys) > 0 {
			t.Errorf("the stop delivered: %v", keys)
		}
		l.boot()
		if !l.send(0, sent, 300, 100) {
			t.Fatal("not stored")
		}
		sent += 300
		l.advance(time.Minute)
	}
	l.advance(time.Hour)
	for _, stream := range []string{"plain", "columns"} {
		if n := len(l.committed(stream)); n != 1 {
			t.Errorf("%s: %d objects of one interval", stream, n)
		}
	}
	l.finish()
}

// stopsDuringAPut: the answer to a put that was done does not come; the grace is
// over before. The object is not made again under another name.
func stopsDuringAPut(t *testing.T, binary string) {
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	l.end(syscall.SIGTERM)
	l.flags = []string{"--shutdown-timeout", "5s"}
	l.boot()
	if !l.send(0, 0, 300, 100) {
		t.Fatal("not stored")
	}
	done := make(chan struct{})
	l.proxy.Play(atNth(1, putsObject("plain"), stallAfter, func() { close(done) }))
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		l.advance(61 * time.Second)
	}()
	<-done
	began := time.Now()
	l.url.Store(nil)
	var exit *exec.ExitError
	if err := l.running.end(syscall.SIGTERM); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("the stop took %v", took)
	}
	<-moved
	l.proxy.Play(nil)
	l.boot()
	l.finish()
	if n := len(l.committed("plain")); n != 1 {
		t.Errorf("%d objects", n)
	}
}

// fork starts a second process on a copy of the data folder.
func (l *lake) fork() (twin *running, folder string) {
	l.t.Helper()
	folder = l.data + "-twin"
	if err := os.CopyFS(folder, os.DirFS(l.data)); err != nil {
		l.t.Fatal(err)
	}
	l.configure(l.config)
	twin = startQuietly(l.t, l.log, l.binary, "--config", l.config, "--data-dir", folder)
	l.t.Cleanup(func() {
		if twin.cmd.ProcessState == nil {
			twin.end(syscall.SIGKILL)
		}
	})
	return twin, folder
}

// twinIsFenced: a copy of the data folder wakes up beside its original and both
// deliver. The second one to come finds objects that are not its own, and stops.
func twinIsFenced(t *testing.T, binary string) {
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	if !l.send(0, 0, 300, 100) {
		t.Fatal("not stored")
	}
	l.end(syscall.SIGTERM)
	twin, folder := l.fork()
	l.boot()
	if !l.send(1, 0, 300, 100) || !l.sendTo(twin.url, 2, 0, 300, 100, true) {
		t.Fatal("not stored")
	}
	l.deliverAll()
	advance(twin.admin, 61*time.Second)
	l.conditions(l.running, isDelivering)
	l.conditions(twin, isFenced)

	// It stays so, whatever comes, and after a restart.
	if !l.sendTo(twin.url, 2, 300, 300, 100, true) {
		t.Fatal("not stored")
	}
	advance(twin.admin, time.Hour)
	l.conditions(twin, isFenced)
	twin.stop(t)
	again := startQuietly(t, l.log, binary, "--config", l.config, "--data-dir", folder)
	advance(again.admin, time.Hour)
	l.conditions(again, isFenced)
	again.stop(t)

	if !l.send(1, 300, 300, 100) {
		t.Fatal("not stored")
	}
	l.finish()
	for id, f := range l.all {
		if f.forked && f.matches {
			delete(l.all, id)
		}
	}
	l.check() // nothing of the twin's own is there
}

// zombieIsFenced: a process hangs in the middle of a put, a copy of its folder
// takes over and goes on, and then the put comes through. The zombie may finish
// what was planned before the copy, for it is the same; not more.
func zombieIsFenced(t *testing.T, binary string) {
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	if !l.send(0, 0, 300, 100) {
		t.Fatal("not stored")
	}
	planned := make(chan struct{})
	l.proxy.Play(atNth(1, putsObject("plain"), func(reached func()) faultproxy.Fault {
		reached()
		return faultproxy.Delay(4 * time.Second)
	}, func() { close(planned) }))
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		l.advance(61 * time.Second)
	}()
	<-planned
	zombie := l.running
	l.running, l.data = l.fork()
	l.url.Store(&l.running.url)
	waitFor(t, "the planned cut is delivered", func() bool { return l.inFlight(t) == 0 })
	if !l.send(1, 0, 300, 100) {
		t.Fatal("not stored")
	}
	l.deliverAll()
	<-moved
	waitFor(t, "the zombie finishes what was planned", func() bool { return zombie.inFlight(t) == 0 })
	l.conditions(zombie, isDelivering)
	if !l.sendTo(zombie.url, 2, 0, 300, 100, true) {
		t.Fatal("not stored")
	}
	advance(zombie.admin, 61*time.Second)
	l.conditions(zombie, isFenced)
	zombie.stop(t)
	if !l.send(1, 300, 300, 100) {
		t.Fatal("not stored")
	}
	l.finish()
	puts := 0
	for _, r := range l.proxy.Seen() {
		if r.Method == http.MethodPut && putsObject("plain")(r) {
			puts++
		}
	}
	if puts <= len(l.committed("plain")) {
		t.Errorf("only %d puts: nobody met anybody", puts)
	}
}
