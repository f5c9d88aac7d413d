package clock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// consumer runs one duty per firing, as a room does, and writes down when.
type consumer struct {
	mu    sync.Mutex
	fired []string
}

func (c *consumer) note(name string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fired = append(c.fired, fmt.Sprintf("%s+%s", name, at.Sub(start)))
}

func (c *consumer) seen() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.fired, " ")
}

// run serves a timer until ctx ends; next says when to fire again, 0 for never.
func (c *consumer) run(ctx context.Context, wg *sync.WaitGroup, clk Clock, name string, first, next time.Duration) {
	t := clk.NewTimer(name, first)
	wg.Go(func() {
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case at := <-t.C:
				c.note(name, at)
				if next == 0 {
					t.Done()
				} else {
					t.Reset(next)
				}
			}
		}
	})
}

func TestItStandsStill(t *testing.T) {
	clk := NewTest(start)
	if clk.Now() != start || clk.Now() != start {
		t.Error("the clock moves by itself")
	}
}

func TestChainsRunInTimeOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		clk, c, wg := NewTest(start), &consumer{}, &sync.WaitGroup{}
		c.run(ctx, wg, clk, "a", 10*time.Second, 20*time.Second)
		c.run(ctx, wg, clk, "b", 15*time.Second, 0)
		c.run(ctx, wg, clk, "late", 61*time.Second, 0)
		if err := clk.Advance(ctx, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, want := c.seen(), "a+10s b+15s a+30s a+50s"; got != want {
			t.Errorf("fired %s, want %s", got, want)
		}
		if got := clk.Now().Sub(start); got != time.Minute {
			t.Errorf("stands at +%s", got)
		}
		if err := clk.Set(ctx, start.Add(61*time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, want := c.seen(), "a+10s b+15s a+30s a+50s late+1m1s"; got != want {
			t.Errorf("fired %s, want %s", got, want)
		}
		cancel()
		wg.Wait()
	})
}

// TestOneInstant: timers of one instant fire together, so that neither waits
// for the other, and both are waited for.
func TestOneInstant(t *testing.T) {
	clk := NewTest(start)
	a := clk.NewTimer("a", time.Second)
	b := clk.NewTimer("b", time.Second)
	moved := make(chan error)
	go func() { moved <- clk.Advance(t.Context(), time.Second) }()
	<-b.C // before a was attended to
	b.Done()
	<-a.C
	select {
	case <-moved:
		t.Fatal("moved on before a was done")
	default:
	}
	a.Done()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
}

func TestStoppedTimersDoNotFire(t *testing.T) {
	clk := NewTest(start)
	stopped := clk.NewTimer("stopped", time.Second)
	moved := clk.NewTimer("moved", time.Second)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop reports an arming that is not there")
	}
	moved.ResetAt(start.Add(time.Hour))
	if err := clk.Advance(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stopped.C:
		t.Error("a stopped timer fired")
	case <-moved.C:
		t.Error("a timer fired at its old instant")
	default:
	}
}

// TestStopTakesAnUnreadFiringBack: as with time.Timer, nothing stale is read.
func TestStopTakesAnUnreadFiringBack(t *testing.T) {
	clk := NewTest(start)
	timer := clk.NewTimer("x", 0) // fires at once
	timer.Stop()
	select {
	case <-timer.C:
		t.Error("a stale firing was read")
	default:
	}
	if err := clk.Advance(t.Context(), time.Second); err != nil {
		t.Errorf("a stopped firing is still pending: %v", err)
	}
	timer.Reset(-time.Second)
	timer.Reset(time.Hour)
	select {
	case <-timer.C:
		t.Error("a stale firing was read after Reset")
	default:
	}
}

func TestPendingWorkIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := NewTest(start)
		stuck := clk.NewTimer("delivery stream lake: buffering hint", time.Second)
		behind := clk.NewTimer("behind the stuck one", 2*time.Second)
		end := clk.Begin("dispatch shard 0")
		began := time.Now()
		err := clk.Advance(t.Context(), time.Hour)
		if waited := time.Since(began); waited != Limit {
			t.Errorf("waited %s, want %s", waited, Limit)
		}
		var pending *PendingError
		if !errors.As(err, &pending) {
			t.Fatalf("got %v", err)
		}
		want := []string{"behind the stuck one", "delivery stream lake: buffering hint", "dispatch shard 0"}
		if !slices.Equal(pending.Pending, want) {
			t.Errorf("named %q, want %q", pending.Pending, want)
		}
		if got := clk.Now().Sub(start); got != time.Hour {
			t.Errorf("one stuck consumer stopped the clock at +%s", got)
		}
		end()
		end()
		stuck.Done()
		behind.Done()
		if err := clk.Advance(t.Context(), time.Second); err != nil {
			t.Errorf("after all was done: %v", err)
		}
	})
}

func TestBegunWorkIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := NewTest(start)
		end := clk.Begin("batch on its way")
		var sawNow time.Time
		go func() {
			time.Sleep(time.Second) // of the bubble: the work takes a while
			sawNow = clk.Now()
			end()
		}()
		if err := clk.Advance(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if sawNow != start {
			t.Errorf("the clock moved to %s under begun work", sawNow)
		}
	})
}

func TestBackwards(t *testing.T) {
	clk := NewTest(start)
	var backwards *BackwardsError
	if err := clk.Set(t.Context(), start.Add(-time.Second)); !errors.As(err, &backwards) {
		t.Errorf("set back: %v", err)
	}
	if err := clk.Advance(t.Context(), -time.Second); !errors.As(err, &backwards) {
		t.Errorf("advance back: %v", err)
	}
	if err := clk.Set(t.Context(), start); err != nil {
		t.Errorf("set to where it stands: %v", err)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := NewTest(start)
		woke := make(chan error, 1)
		go func() { woke <- clk.Sleep(t.Context(), time.Minute) }()
		synctest.Wait()
		if err := clk.Advance(t.Context(), 59*time.Second); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case <-woke:
			t.Fatal("woke early")
		default:
		}
		if err := clk.Advance(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		if err := <-woke; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := clk.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled sleep: %v", err)
		}
	})
}

// TestMovesTakeTurns: two moves at once add up and never interleave.
func TestMovesTakeTurns(t *testing.T) {
	clk := NewTest(start)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := clk.Advance(t.Context(), time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := clk.Now().Sub(start); got != 10*time.Second {
		t.Errorf("stands at +%s", got)
	}
}

// TestManyTimersAtOnce races arming, stopping and moving; each timer that was
// left armed fires exactly once, at its instant.
func TestManyTimersAtOnce(t *testing.T) {
	clk := NewTest(start)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			timer := clk.NewTimer(fmt.Sprint(i), time.Hour)
			defer timer.Stop()
			for range 200 {
				due := clk.Now().Add(time.Duration(r.IntN(1000)) * time.Millisecond)
				timer.ResetAt(due)
				if r.IntN(4) == 0 {
					timer.Stop()
					continue
				}
				if at := <-timer.C; at.Before(due) {
					t.Errorf("fired at %s, before %s", at, due)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return
		default:
			if err := clk.Advance(t.Context(), 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRealTimers: the same consumer code runs on the machine's clock.
func TestRealTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		c, wg := &consumer{}, &sync.WaitGroup{}
		c.run(ctx, wg, Real{}, "a", 10*time.Second, 20*time.Second)
		if err := (Real{}).Sleep(ctx, time.Minute); err != nil {
			t.Fatal(err)
		}
		if n := len(strings.Fields(c.seen())); n != 3 {
			t.Errorf("fired %d times in a minute, want 3", n)
		}
		timer := Real{}.NewTimer("at", time.Hour)
		timer.ResetAt(began.Add(2 * time.Minute))
		if at := <-timer.C; at.Sub(began) != 2*time.Minute {
			t.Errorf("fired after %s", at.Sub(began))
		}
		timer.Done()
		Real{}.Begin("nothing")()
		cancel()
		wg.Wait()
	})
}

func TestHandler(t *testing.T) {
	f := func(c Event, method, target string, wantStatus int, wantText string) {
		t.Helper()
		w := httptest.NewRecorder()
		Handler(c).ServeHTTP(w, httptest.NewRequest(method, target, nil))
		if w.Code != wantStatus || !strings.Contains(w.Body.String(), wantText) {
			t.Errorf("%s %s: %d %s, want %d %s", method, target, w.Code, w.Body, wantStatus, wantText)
		}
		if wantText != "" && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: not JSON: %s", method, target, w.Body)
		}
	}
	clk := NewTest(start)
	f(clk, "GET", "/clock", http.StatusOK, `"now":"2026-01-02T03:04:05Z"`)
	f(clk, "POST", "/clock/advance?by=90s", http.StatusOK, `{"now":"2026-01-02T03:05:35Z","pending":[]}`)
	f(clk, "POST", "/clock/set?to=2026-01-02T04:00:00Z", http.StatusOK, `"now":"2026-01-02T04:00:00Z"`)
	f(clk, "POST", "/clock/set?to=2026-01-02T06:00:00%2B01:00", http.StatusOK, `"now":"2026-01-02T05:00:00Z"`)
	f(clk, "POST", "/clock/set?to=2026-01-01T00:00:00Z", http.StatusBadRequest, "moves forward only")
	f(clk, "POST", "/clock/advance?by=-1s", http.StatusBadRequest, "moves forward only")
	f(clk, "POST", "/clock/advance?by=90", http.StatusBadRequest, "by=90s")
	f(clk, "POST", "/clock/advance", http.StatusBadRequest, "duration with units")
	f(clk, "POST", "/clock/set?to=tomorrow", http.StatusBadRequest, "RFC 3339")
	f(clk, "GET", "/clock/advance?by=1s", http.StatusMethodNotAllowed, "")
	f(Real{}, "POST", "/clock/advance?by=1s", http.StatusConflict, "--test-clock")
	f(Real{}, "POST", "/clock/set?to=2026-01-02T04:00:00Z", http.StatusConflict, "--test-clock")
	f(Real{}, "GET", "/clock", http.StatusOK, `"now"`)
}

func TestHandlerNamesPendingWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clk := NewTest(start)
		clk.NewTimer("alarm high-errors: evaluation", time.Minute)
		w := httptest.NewRecorder()
		Handler(clk).ServeHTTP(w, httptest.NewRequest("POST", "/clock/advance?by=1h", nil))
		if want := `"pending":["alarm high-errors: evaluation"]`; w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
