//go:build integration

package app_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/faultproxy"
)

// The steps of a cut, as the store sees them. "plan" is durable when the first
// object arrives.
var (
	putsObject = func(stream string) func(faultproxy.Request) bool {
		return func(r faultproxy.Request) bool {
			return r.Method == http.MethodPut && strings.HasPrefix(r.Path, "/lake/"+stream+"/")
		}
	}
	putsManifest = func(stream string) func(faultproxy.Request) bool {
		return func(r faultproxy.Request) bool {
			return r.Method == http.MethodPut && strings.HasPrefix(r.Path, "/lake/_sluice/commit/"+stream+"/")
		}
	}
)

// atNth is closed over by a script: the n-th request (from 1) that matches
// reaches the fault, and reached is told.
func atNth(n int, matches func(faultproxy.Request) bool, fault func(reached func()) faultproxy.Fault, reached func()) faultproxy.Script {
	var count atomic.Int64
	return func(r faultproxy.Request) faultproxy.Fault {
		if matches(r) && count.Add(1) == int64(n) {
			return fault(reached)
		}
		return faultproxy.Fault{}
	}
}

func stallBefore(reached func()) faultproxy.Fault {
	reached()
	return faultproxy.StallBefore()
}

func stallAfter(reached func()) faultproxy.Fault { return faultproxy.StallAfter(reached) }

// pass lets the request through.
func pass(reached func()) faultproxy.Fault {
	reached()
	return faultproxy.Fault{}
}

// matcher tells the requests of one step of a delivery stream's cut.
type matcher = func(stream string) func(faultproxy.Request) bool

// stall is what happens to such a request, and tells that it came so far.
type stall = func(reached func()) faultproxy.Fault

// killAt moves the clock until the n-th request of a step is held up, and ends
// the process there; one that is down is started first.
func (l *lake) killAt(step, stream string, n int, matches matcher, fault stall) {
	l.t.Helper()
	reached := make(chan struct{})
	l.proxy.Play(atNth(n, matches(stream), fault, func() { close(reached) }))
	if l.url.Load() == nil {
		l.boot()
	}
	moved := make(chan struct{})
	go func() { // returns when everything due was attempted, which one is not, or with the process
		defer close(moved)
		l.advance(61 * time.Second)
	}()
	select {
	case <-reached:
	case <-time.After(30 * time.Second):
		l.t.Fatalf("%s of %s is not reached", step, stream)
	}
	if step == "commit" {
		waitFor(l.t, "commit", func() bool { return l.level(l.t, "sluice_delivery_in_flight_events", stream) == 0 })
	}
	l.end(syscall.SIGKILL)
	<-moved
	l.proxy.Play(nil)
}

// killAtEveryStep ends the process by SIGKILL at each step of a cut
// of each kind of delivery stream, while the others are wherever they are.
func killAtEveryStep(t *testing.T, binary string) {
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	sent, steps := 0, 0
	f := func(step, stream string, n int, matches matcher, fault stall) {
		t.Helper()
		const batch = 120
		if !l.send(steps%4, sent, batch, 60) {
			t.Fatalf("%s of %s: not stored", step, stream)
		}
		sent += batch
		l.killAt(step, stream, n, matches, fault)
		if steps%2 == 0 && step != "commit" { // and once more, while the next process finishes the cut
			l.killAt(step, stream, 1, matches, fault)
		}
		l.boot()
		waitFor(t, "the cut is finished", func() bool { return l.level(t, "sluice_delivery_in_flight_events", stream) == 0 })
		steps++
	}
	for _, stream := range lakeKinds {
		f("plan durable", stream, 1, putsObject, stallBefore)
		f("object put", stream, 1, putsObject, stallAfter)
		if stream == "keys" || stream == "hours" {
			f("some objects put", stream, 3, putsObject, stallBefore)
			f("some objects put and one unanswered", stream, 3, putsObject, stallAfter)
		}
		f("all objects put", stream, 1, putsManifest, stallBefore)
		f("manifest put", stream, 1, putsManifest, stallAfter)
		f("manifest answered", stream, 1, putsManifest, pass)
		f("commit", stream, 1, putsManifest, pass)
	}
	l.finish()
	t.Logf("killed at %d steps, at every other one twice", steps)
}

// killAtEveryStepOfAnUpload does the same with objects that go in
// parts.
func killAtEveryStepOfAnUpload(t *testing.T, binary string) {
	l := newLake(t, binary, `
    - DeliveryStreamName: large`+toLake+messages+`
        Prefix: large/
        BufferingHints: {SizeInMBs: 64, IntervalInSeconds: 60}
`, "large")
	with := func(method, query string) matcher {
		return func(stream string) func(faultproxy.Request) bool {
			return func(r faultproxy.Request) bool {
				return r.Method == method && r.Query.Has(query) && strings.HasPrefix(r.Path, "/lake/"+stream+"/")
			}
		}
	}
	sent := 0
	f := func(step string, matches matcher, fault stall) {
		t.Helper()
		for range 30 { // 18 MB of them match
			if !l.send(0, sent, 300, 3000) {
				t.Fatalf("%s: not stored", step)
			}
			sent += 300
		}
		l.killAt(step, "large", 1, matches, fault)
		l.boot()
		waitFor(t, "the cut is finished", func() bool { return l.level(t, "sluice_delivery_in_flight_events", "large") == 0 })
	}
	f("upload begun", with(http.MethodPost, "uploads"), stallAfter)
	f("part put", with(http.MethodPut, "partNumber"), stallAfter)
	f("parts put", with(http.MethodPost, "uploadId"), stallBefore)
	f("upload completed", with(http.MethodPost, "uploadId"), stallAfter)
	f("manifest put", putsManifest, stallAfter)
	waitFor(t, "no upload is left open", func() bool { return len(l.gateway.Uploads(t, "lake")) == 0 })
	l.finish()
}

// badDay breaks one request in four, each in another way.
func badDay(seed uint64) faultproxy.Script {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 2))
	faults := []faultproxy.Fault{
		faultproxy.Status(500, "InternalError"), faultproxy.StatusAfter(500, "InternalError"), faultproxy.Status(503, "SlowDown"),
		faultproxy.Status(409, "ConditionalRequestConflict"), faultproxy.StatusAfter(409, "ConditionalRequestConflict"),
		faultproxy.Status(412, "PreconditionFailed"), faultproxy.StatusAfter(412, "PreconditionFailed"),
		faultproxy.Status(403, "AccessDenied"), faultproxy.Status(200, "InternalError"), faultproxy.StatusAfter(200, "InternalError"),
		faultproxy.Empty(), faultproxy.ResetBefore(), faultproxy.ResetAfter(), faultproxy.Truncate(0), faultproxy.Truncate(50),
		faultproxy.Trickle(time.Millisecond), faultproxy.Delay(20 * time.Millisecond), faultproxy.StallBefore(), faultproxy.StallAfter(),
	}
	return func(faultproxy.Request) faultproxy.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.IntN(4) > 0 {
			return faultproxy.Fault{}
		}
		return faults[r.IntN(len(faults))]
	}
}

// fromEnvironment is a number that a longer run may raise.
func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(name, err)
	}
	return n
}

// killAtRandomPoints ends the process by SIGKILL wherever it is,
// while clients send, the clock runs and the store has its worst day.
// SLUICETEST_DELIVERY_KILLS says how often, 40 unless set.
func killAtRandomPoints(t *testing.T, binary string) {
	kills := fromEnvironment(t, "SLUICETEST_DELIVERY_KILLS", 40)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	l := newLake(t, binary, lakeStreams, lakeKinds...)
	l.proxy.Play(badDay(seed))
	next := [3]int{}
	for k := range kills {
		var clients sync.WaitGroup
		stop := make(chan struct{})
		for sender := range next {
			clients.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						l.send(sender, next[sender], 40, 500)
						next[sender] += 40
					}
				}
			})
		}
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					l.advance(20 * time.Second)
				}
			}
		})
		time.Sleep(time.Duration(r.Int64N(int64(500 * time.Millisecond)))) // the point is random, nothing waits for it
		for _, stream := range l.names {
			if l.level(t, "sluice_delivery_condition", stream) > 2 {
				t.Errorf("%s took the store's bad day for somebody else's objects", stream)
			}
		}
		close(stop)
		l.end(syscall.SIGKILL)
		clients.Wait()
		l.boot()
		if k%10 == 9 {
			t.Logf("%d kills, %s sent", k+1, fmt.Sprint(next))
		}
	}
	l.finish()
}
