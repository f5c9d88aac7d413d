package ship_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/go-cmp/cmp"

	"sluice/cmd/sluice/internal/ship"
)

// client records what is put; put, when set, answers.
type client struct {
	put func(ctx context.Context, stream string, messages []string) (*types.RejectedLogEventsInfo, error)

	mu      sync.Mutex
	streams map[string][]string
	batches []int
}

func (c *client) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.PutLogEventsOutput, error) {
	var messages []string
	for _, e := range in.LogEvents {
		messages = append(messages, *e.Message)
	}
	out := &cloudwatchlogs.PutLogEventsOutput{}
	if c.put != nil {
		rejected, err := c.put(ctx, *in.LogStreamName, messages)
		if err != nil {
			return nil, err
		}
		out.RejectedLogEventsInfo = rejected
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams == nil {
		c.streams = make(map[string][]string)
	}
	c.streams[*in.LogStreamName] = append(c.streams[*in.LogStreamName], messages...)
	c.batches = append(c.batches, len(messages))
	return out, nil
}

func config(streams ...string) ship.Config {
	return ship.Config{
		LogGroupName:   "g",
		LogStreamNames: streams,
		Limits:         awsLimits,
		Now:            func() int64 { return 1 },
	}
}

func text(name, content string) ship.Input {
	return reader(name, strings.NewReader(content))
}

func reader(name string, r io.Reader) ship.Input {
	return ship.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %06d\n", i)
	}
	return b.String()
}

func TestRunShipsAllInputs(t *testing.T) {
	c := &client{}
	s := ship.New(config("s"), c)
	report, err := s.Run(t.Context(), []ship.Input{text("a", "one\ntwo"), text("b", ""), text("c", "\nthree\n")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, c.streams["s"]); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	want := ship.Report{Events: 3, Bytes: 11, Requests: 1, Lines: ship.Lines{Empty: 1}}
	if report != want {
		t.Errorf("report %+v, want %+v", report, want)
	}
	if got, want := s.Progress(), (ship.Progress{Read: 14, Events: 3, Bytes: 11, Requests: 1}); got != want {
		t.Errorf("progress %+v, want %+v", got, want)
	}
}

func TestEachStreamKeepsTheOrder(t *testing.T) {
	c := &client{}
	cfg := config("s-1", "s-2", "s-3")
	cfg.Limits.Events = 100
	const n = 20_000
	report, err := ship.New(cfg, c).Run(t.Context(), []ship.Input{text("a", lines(n))})
	if err != nil {
		t.Fatal(err)
	}
	if report.Events != n || report.Requests != n/100 {
		t.Errorf("report %+v", report)
	}
	var all []string
	for stream, events := range c.streams {
		if !slices.IsSorted(events) {
			t.Errorf("stream %s is out of order", stream)
		}
		all = append(all, events...)
	}
	slices.Sort(all)
	if got := strings.Join(all, "\n") + "\n"; got != lines(n) {
		t.Errorf("%d events came out, not each line once", len(all))
	}
}

func TestConnectionsWorkSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Each answer takes a second, so four senders need a quarter of the time.
		c := &client{put: func(context.Context, string, []string) (*types.RejectedLogEventsInfo, error) {
			time.Sleep(time.Second)
			return nil, nil
		}}
		cfg := config("s-1", "s-2", "s-3", "s-4")
		cfg.Limits.Events = 1
		began := time.Now()
		if _, err := ship.New(cfg, c).Run(t.Context(), []ship.Input{text("a", lines(40))}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
		for stream, events := range c.streams {
			if len(events) != 10 {
				t.Errorf("stream %s got %d events, want 10", stream, len(events))
			}
		}
	})
}

func TestLingeringLinesAreShipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		c := &client{}
		done := make(chan error)
		go func() {
			cfg := config("s")
			cfg.Linger = 2 * time.Second
			_, err := ship.New(cfg, c).Run(t.Context(), []ship.Input{reader("pipe", in)})
			done <- err
		}()
		sent := func() []int { c.mu.Lock(); defer c.mu.Unlock(); return slices.Clone(c.batches) }
		f := func(write string, wait time.Duration, want ...int) {
			t.Helper()
			if _, err := io.WriteString(out, write); err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			synctest.Wait()
			if diff := cmp.Diff(want, sent()); diff != "" {
				t.Errorf("after %q and %v (-want +got):\n%s", write, wait, diff)
			}
		}
		f("one\n", 1999*time.Millisecond)
		f("two\nthr", time.Millisecond, 2)
		f("ee\n", 1999*time.Millisecond, 2)
		f("four", 2*time.Second, 2, 1)
		f(" is long", time.Hour, 2, 1)
		out.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"one", "two", "three", "four is long"}, c.streams["s"]); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestFirstErrorStops(t *testing.T) {
	refused := errors.New("refused")
	c := &client{}
	c.put = func(_ context.Context, _ string, messages []string) (*types.RejectedLogEventsInfo, error) {
		if messages[0] >= "line 000005" {
			return nil, refused
		}
		return nil, nil
	}
	cfg := config("s")
	cfg.Limits.Events = 1
	report, err := ship.New(cfg, c).Run(t.Context(), []ship.Input{text("a", lines(100_000))})
	if !errors.Is(err, refused) {
		t.Errorf("error %v, want %v", err, refused)
	}
	if report.Events != 5 || report.Requests != 5 || len(c.streams["s"]) != 5 {
		t.Errorf("report %+v after %d answers, want 5", report, len(c.streams["s"]))
	}
}

// TestErrorDuringRead ends although a Read of the input never returns.
func TestErrorDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		refused := errors.New("refused")
		c := &client{put: func(context.Context, string, []string) (*types.RejectedLogEventsInfo, error) { return nil, refused }}
		go io.WriteString(out, "one\n")
		_, err := ship.New(config("s"), c).Run(t.Context(), []ship.Input{reader("pipe", in)})
		if !errors.Is(err, refused) {
			t.Errorf("error %v, want %v", err, refused)
		}
		out.Close() // lets the reader's goroutine end
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &client{put: func(ctx context.Context, _ string, _ []string) (*types.RejectedLogEventsInfo, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		done := make(chan error)
		go func() {
			_, err := ship.New(config("s"), c).Run(ctx, []ship.Input{text("a", lines(100_000))})
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	})
}

func TestInputErrors(t *testing.T) {
	broken := errors.New("broken disk")
	f := func(second ship.Input, want error) {
		t.Helper()
		c := &client{}
		report, err := ship.New(config("s"), c).Run(t.Context(), []ship.Input{text("a", "one\n"), second, text("c", "never\n")})
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if want := int64(len(c.streams["s"])); report.Events != want || c.streams["s"][0] != "one" {
			t.Errorf("report %+v, but %v was put", report, c.streams["s"])
		}
		if slices.Contains(c.streams["s"], "never") {
			t.Error("went on after an error")
		}
	}
	f(ship.Input{Name: "b", Open: func() (io.ReadCloser, error) { return nil, broken }}, broken)
	f(reader("b", io.MultiReader(strings.NewReader("two"), failing{broken})), broken)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestRejectedEventsAreCounted(t *testing.T) {
	i32 := func(n int32) *int32 { return &n }
	f := func(info *types.RejectedLogEventsInfo, want ship.Rejected) {
		t.Helper()
		c := &client{put: func(context.Context, string, []string) (*types.RejectedLogEventsInfo, error) { return info, nil }}
		report, err := ship.New(config("s"), c).Run(t.Context(), []ship.Input{text("a", lines(10))})
		if err != nil {
			t.Fatal(err)
		}
		if report.Rejected != want || report.Events != 10 {
			t.Errorf("report %+v, want %+v", report, want)
		}
	}
	f(nil, ship.Rejected{})
	f(&types.RejectedLogEventsInfo{}, ship.Rejected{})
	f(&types.RejectedLogEventsInfo{TooOldLogEventEndIndex: i32(3)}, ship.Rejected{TooOld: 3})
	f(&types.RejectedLogEventsInfo{ExpiredLogEventEndIndex: i32(3)}, ship.Rejected{Expired: 3})
	f(&types.RejectedLogEventsInfo{TooOldLogEventEndIndex: i32(3), ExpiredLogEventEndIndex: i32(5)}, ship.Rejected{TooOld: 3, Expired: 2})
	f(&types.RejectedLogEventsInfo{TooOldLogEventEndIndex: i32(5), ExpiredLogEventEndIndex: i32(3)}, ship.Rejected{TooOld: 5})
	f(&types.RejectedLogEventsInfo{TooNewLogEventStartIndex: i32(8)}, ship.Rejected{TooNew: 2})
	f(&types.RejectedLogEventsInfo{TooOldLogEventEndIndex: i32(10)}, ship.Rejected{TooOld: 10})
}

// TestMemoryIsBounded ships an endless input through a server that stands still:
// reading must stop after a few batches.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := &client{put: func(ctx context.Context, _ string, _ []string) (*types.RejectedLogEventsInfo, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		s := ship.New(config("s-1", "s-2"), c)
		done := make(chan struct{})
		go func() {
			s.Run(ctx, []ship.Input{reader("endless", endless{})})
			close(done)
		}()
		synctest.Wait()
		// Two under way, one being filled, and what is read ahead.
		if read := s.Progress().Read; read > 4<<20 {
			t.Errorf("%d bytes were read while nothing was answered", read)
		}
		cancel()
		<-done
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
		if i%100 == 99 {
			p[i] = '\n'
		}
	}
	return len(p), nil
}
