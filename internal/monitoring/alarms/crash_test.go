package alarms

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/clock"
	"sluice/internal/monitoring/actions"
	"sluice/internal/vfs"
)

// What the alarm of a life goes through: no breach, a breach in its fourth
// minute, and one in its tenth.
var lifeStates = []string{
	"Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK",
	"Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK",
}

const lifetime = 16 * time.Minute

// crash is what a process leaves behind.
type crash struct {
	fs   *vfs.Mem
	at   time.Time
	sent []actions.Notification
}

// lifeUntil runs a life whose disk crashes before its n-th change, nil when there
// are fewer.
func lifeUntil(t *testing.T, n int, rng *rand.Rand) (*world, *crash) {
	t.Helper()
	w := &world{t: t, fs: vfs.NewMem(), clock: clock.NewTest(start), series: &series{values: map[int64]float64{}}, box: &mailbox{}}
	w.newCatalog()
	w.series.put(start.Add(3*time.Minute), 5)
	w.series.put(start.Add(9*time.Minute), 5)
	counting, changes := false, 0
	var left *crash
	disk := vfs.Fault(w.fs, func(op vfs.Op) error {
		if !counting || !op.Kind.Changes() {
			return nil
		}
		if changes++; changes == n {
			left = &crash{w.fs.CrashClone(vfs.CrashOptions{Rand: rng, TornLastWrite: true}), w.clock.Now(), w.box.all()}
		}
		return nil
	})
	if err := w.tryOpen(disk, w.defs); err != nil {
		t.Fatal(err)
	}
	w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "notBreaching"}))
	counting = true
	w.advance(lifetime)
	w.close()
	return w, left
}

// TestCrashAtEveryOperation crashes the disk at every change of a life and lets
// another process finish it: no transition is missed or repeated, every action
// arrives, under an id of its own, and stands in the history once.
func TestCrashAtEveryOperation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; ; n++ {
		w, left := lifeUntil(t, n, rng)
		if left == nil {
			if n < 40 {
				t.Errorf("a life has only %d changes", n-1)
			}
			return
		}
		w.fs, w.clock, w.box = left.fs, clock.NewTest(left.at), &mailbox{}
		w.open()
		w.advance(start.Add(lifetime).Sub(left.at))
		if got := w.history("a", "StateUpdate"); !slices.Equal(got, lifeStates) {
			t.Errorf("crash %d, at %s: history %q", n, left.at.Sub(start), got)
		}
		success := "Successfully executed action " + pages
		if got := w.history("a", "Action"); !slices.Equal(got, slices.Repeat([]string{success}, len(lifeStates))) {
			t.Errorf("crash %d, at %s: actions %q", n, left.at.Sub(start), got)
		}
		if got := firstArrivals(append(left.sent, w.box.all()...)); got != "OK ALARM OK ALARM OK" {
			t.Errorf("crash %d, at %s: delivered %s", n, left.at.Sub(start), got)
		}
		w.close()
	}
}

// firstArrivals are the states of notifications, repeated ones left out.
func firstArrivals(all []actions.Notification) string {
	var states []string
	seen := map[string]bool{}
	for _, n := range all {
		if !seen[n.ID] {
			seen[n.ID] = true
			states = append(states, n.State)
		}
	}
	return strings.Join(states, " ")
}

// TestDiskFailsAtEveryOperation: a failed write ends the log, nothing that was
// not durable is sent, and the next process finishes.
func TestDiskFailsAtEveryOperation(t *testing.T) {
	broken := errors.New("broken")
	for n := int64(1); n < 60; n += 3 {
		w := &world{t: t, fs: vfs.NewMem(), clock: clock.NewTest(start), series: &series{values: map[int64]float64{}}, box: &mailbox{}}
		w.newCatalog()
		w.series.put(start.Add(3*time.Minute), 5)
		w.series.put(start.Add(9*time.Minute), 5)
		var counting bool
		var changes int64
		disk := vfs.Fault(w.fs, func(op vfs.Op) error {
			if counting && op.Kind.Changes() {
				if changes++; changes >= n {
					return broken
				}
			}
			return nil
		})
		if err := w.tryOpen(disk, w.defs); err != nil {
			t.Fatal(err)
		}
		w.must("PutMetricAlarm", alarm("a", object{"TreatMissingData": "notBreaching"}))
		counting = true
		w.advance(lifetime)
		w.close()
		sent := w.box.all()
		w.fs, w.clock, w.box = w.fs.CrashClone(vfs.CrashOptions{}), clock.NewTest(start.Add(lifetime)), &mailbox{}
		w.open()
		w.advance(2 * time.Minute)
		if got := w.history("a", "StateUpdate"); !slices.Equal(got, lifeStates) {
			t.Errorf("failure %d: history %q", n, got)
		}
		if got := firstArrivals(append(sent, w.box.all()...)); got != "OK ALARM OK ALARM OK" {
			t.Errorf("failure %d: delivered %s", n, got)
		}
		w.close()
	}
}

func TestRestoredStateIsTheSame(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.must("PutMetricAlarm", alarm(name, object{"TreatMissingData": "notBreaching"}))
	}
	w.box.fail = func(n actions.Notification) error {
		if n.AlarmName == "b" {
			return errors.New("down")
		}
		return nil
	}
	w.advance(3 * time.Minute)
	w.must("DeleteAlarms", object{"AlarmNames": []string{"c"}})
	before := w.state.AppendSnapshot(nil)
	again := NewState(Limits{})
	if err := again.Restore(before); err != nil {
		t.Fatal(err)
	}
	if got := again.AppendSnapshot(nil); !slices.Equal(got, before) {
		t.Error("a restored snapshot differs")
	}
	if got, want := again.outbox(), w.state.outbox(); !slices.Equal(got, want) || len(got) != 1 {
		t.Errorf("outbox %v, want %v", got, want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	f := func(l Limits, want int) {
		t.Helper()
		s := NewState(l)
		for seq := range uint64(500) {
			r := record{kind: kindConfiguration, at: int64(seq) * 1000, name: "a", change: updated, details: strings.Repeat("x", 1000)}
			s.Fold(frameOf(&r, 1+seq%4, seq+1))
		}
		if items, _ := s.items(wanted{to: 1 << 62, limit: 1000}); len(items) != want {
			t.Errorf("%+v: %d items, want %d", l, len(items), want)
		}
		if again := NewState(l); again.Restore(s.AppendSnapshot(nil)) != nil || len(again.history) != want {
			t.Errorf("%+v: restored %d items, want %d", l, len(again.history), want)
		}
	}
	f(Limits{}, 400)
	f(Limits{Items: 7}, 28)
	f(Limits{Age: 10 * time.Second}, 11)
	f(Limits{Bytes: 20_500}, 20)
}
