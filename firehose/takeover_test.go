package firehose_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/internal/objput"
	"sluice/internal/vfs"
)

// sleeper stops a process at its n-th step: for ever, as a crash does, or until it
// wakes up.
type sleeper struct {
	at   int
	wake chan struct{}

	mu     sync.Mutex // guards what follows
	steps  int
	where  string // it sleeps
	member *fakeMember
}

func (s *sleeper) step(point string) error {
	s.mu.Lock()
	n := s.steps
	s.steps++
	if n == s.at {
		s.where = point
		if s.member != nil {
			s.member.asleep = true
		}
	}
	asleep := n >= s.at
	s.mu.Unlock()
	if asleep {
		<-s.wake // all of the process, not only who came by
	}
	return nil
}

func (s *sleeper) asleep() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.where
}

// sleepyStore has a process stop before and after it puts something.
type sleepyStore struct {
	objput.Store
	*sleeper
}

func (s sleepyStore) PutIfAbsent(ctx context.Context, bucket, key string, o objput.Object) error {
	if err := s.step("put before"); err != nil {
		return err
	}
	err := s.Store.PutIfAbsent(ctx, bucket, key, o)
	if err := s.step("put after"); err != nil {
		return err
	}
	return err
}

func (s sleepyStore) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	if err := s.step("get"); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, bucket, key)
}

// when a sleeper wakes up.
const (
	never = iota
	beforeRest
	afterRest
)

// TestTakeOver stops a process at every step of the protocol, by a crash or by a
// pause that it does not know of, and has another one take its part, before or
// after it wakes up.
func TestTakeOver(t *testing.T) {
	trailing := false
	f := func(name, members string, noteLimit int, record func(i int) string) {
		t.Helper()
		points, steps := map[string]int{}, 0
		for n := 0; ; n += stride {
			where := ""
			for _, wake := range []int{never, beforeRest, afterRest} {
				synctest.Test(t, func(t *testing.T) { where = takeOver(t, name, members, noteLimit, trailing, record, n, wake) })
			}
			if where == "" || t.Failed() {
				break
			}
			points[where]++
			steps++
		}
		if stride > 1 || t.Failed() {
			return
		}
		if steps < 20 {
			t.Errorf("%s: only %d steps: %v", name, steps, points)
		}
		for _, point := range []string{"before commit", "after commit", "put before", "put after", "fetch", "committed", "get"} {
			if points[point] == 0 {
				t.Errorf("%s: no stop at %q: %v", name, point, points)
			}
		}
	}
	plain := func(i int) string { return fmt.Sprintf("<%d>\n", i) }
	f("whole", hints(1, 60), 4096, plain)
	trailing = true
	f("whole, and what is passed", hints(1, 60), 4096, plain)
	f("partitions, and what is passed", byKey+","+hints(64, 60), 4096, func(i int) string { return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%3, i) })
	trailing = false
	f("long plans", hints(1, 60), 200, plain)
	f("partitions", byKey+","+hints(64, 60), 4096, func(i int) string {
		if i%7 == 5 {
			return fmt.Sprintf("<%d> is no JSON\n", i)
		}
		return fmt.Sprintf(`{"k":"%c","id":"<%d>"}`+"\n", 'a'+i%3, i)
	})
}

// takeOver tells where the process stopped; nowhere if it has fewer steps. What is
// trailing comes alone after the records, and is not to be delivered.
func takeOver(t *testing.T, name, members string, noteLimit int, trailing bool, record func(i int) string, n, wake int) string {
	s := &sleeper{at: n, wake: make(chan struct{})}
	topic := newFakeTopic(1)
	topic.noteLimit, topic.numbers = noteLimit, trailing
	topic.step = func(m *fakeMember, point string) error {
		s.mu.Lock()
		mine := s.member == nil || s.member == m
		if mine {
			s.member = m
		}
		s.mu.Unlock()
		if !mine {
			return nil
		}
		return s.step(point)
	}
	disk := vfs.NewMem()
	store, err := objput.OpenFolder(disk, "/s3")
	if err != nil {
		t.Fatal(err)
	}
	a := newWorld(t, config{outside: topic, disk: disk, store: sleepyStore{store, s}})
	a.createFrom(members)
	sent, now := 0, start
	produce := func(k int) {
		for range k {
			topic.produce(0, now.UnixMilli(), []byte(record(sent)), nil)
			sent++
		}
		synctest.Wait()
		if trailing {
			topic.produce(0, now.UnixMilli(), nil, nil)
			time.Sleep(2 * time.Second) // of the bubble: until nothing comes any more
			synctest.Wait()
		}
	}
	drive := func(w *world, by time.Duration) {
		if s.asleep() == "" || w != a {
			w.clock.Advance(t.Context(), by) // which gives up where somebody sleeps
			now = w.clock.Now()
		}
		synctest.Wait()
	}
	produce(4)
	drive(a, time.Minute)
	produce(1)
	drive(a, 30*time.Second)
	produce(9)
	drive(a, 30*time.Second)
	produce(2)
	drive(a, 30*time.Second)
	drive(a, time.Minute)
	where := s.asleep()
	if where == "" {
		s.mu.Lock()
		s.at = 1 << 30
		s.mu.Unlock()
	}

	b := newWorld(t, config{outside: topic, disk: disk, store: store, at: now.Add(time.Second)})
	b.createFrom(members)
	synctest.Wait()
	produce(2)
	awake := sync.OnceFunc(func() {
		s.mu.Lock()
		s.at = 1 << 30
		s.mu.Unlock()
		close(s.wake)
		synctest.Wait()
	})
	if wake == beforeRest {
		awake()
	}
	for range 4 {
		drive(b, 40*time.Second)
	}
	if wake == afterRest {
		awake()
		drive(a, time.Minute)
	}
	for range 3 {
		drive(b, time.Minute)
	}
	if trailing {
		time.Sleep(2 * time.Second)
		synctest.Wait()
	}
	if status := b.status(); status.Lag > 0 || status.Err != nil {
		t.Errorf("%s, stop at %d, %s, wake %d: %+v", name, n, where, wake, status)
	}
	if wake == never { // a crash: nothing of it happens any more
		s.mu.Lock()
		s.at = -1
		s.mu.Unlock()
		kept := disk.CrashClone(vfs.CrashOptions{})
		b.stop()
		b.disk = kept
	}
	b.once(sent, fmt.Sprintf("%s, stop at %d, %s, wake %d", name, n, where, wake))
	awake()
	a.stop()
	b.stop()
	return strings.Clone(where)
}
