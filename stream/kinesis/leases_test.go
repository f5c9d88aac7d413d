package kinesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/stream/kinesis/kinesistest"
)

const term = 30 * time.Second

// worker is a member whose work is to hold its leases.
type worker struct {
	t      *testing.T
	leases *Leases
	kill   context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex // guards held
	held map[string]*Lease
	ends map[string]error // why the context of a lease ended
}

func startWorker(t *testing.T, fake *kinesistest.Fake, table LeaseTable, name string, change func(*LeasesConfig)) *worker {
	t.Helper()
	cfg := LeasesConfig{Client: fake, Stream: "s", Table: table, Owner: name, Term: term, Logger: quiet}
	if change != nil {
		change(&cfg)
	}
	leases, err := NewLeases(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	w := &worker{t: t, leases: leases, kill: kill, done: make(chan struct{}), held: map[string]*Lease{}, ends: map[string]error{}}
	go func() {
		defer close(w.done)
		if err := leases.Run(ctx, w.work); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	}()
	return w
}

func (w *worker) work(ctx context.Context, lease *Lease) error {
	w.mu.Lock()
	w.held[lease.Shard()] = lease
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held, lease.Shard())
	w.ends[lease.Shard()] = context.Cause(ctx)
	return ctx.Err()
}

func (w *worker) stop() {
	w.kill()
	<-w.done
}

func (w *worker) shards() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.held {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *worker) end(shard string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ends[shard]
}

func (w *worker) lease(shard string) *Lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[shard]
}

func TestMembersShareLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(7), leaseTable(t)
		workers := []*worker{startWorker(t, fake, table, "a", nil)}
		f := func(want ...int) {
			t.Helper()
			time.Sleep(10 * term)
			var got []int
			seen := map[string]bool{}
			for _, w := range workers {
				shards := w.shards()
				got = append(got, len(shards))
				for _, id := range shards {
					if seen[id] {
						t.Errorf("%s has two owners", id)
					}
					seen[id] = true
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("members have %v leases, want %v", got, want)
			}
		}
		f(7)
		workers = append(workers, startWorker(t, fake, table, "b", nil))
		f(3, 4)
		workers = append(workers, startWorker(t, fake, table, "c", nil), startWorker(t, fake, table, "d", nil))
		f(1, 2, 2, 2)
		for _, w := range workers {
			if s := w.leases.Stats(); s.Lost != 0 || s.Stolen != 0 {
				t.Errorf("leases were handed over by force: %+v", s)
			}
		}
		workers[0].stop()
		workers[2].stop()
		workers = []*worker{workers[1], workers[3]}
		f(3, 4)
		workers[0].stop()
		workers[1].stop()
		rows, err := table.Rows(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Owner != "" {
				t.Errorf("%s still belongs to %s", r.Shard, r.Owner)
			}
		}
	})
}

// frozen is a table whose member stands still: its calls hang until it wakes up,
// as those of a machine that was paused.
type frozen struct {
	LeaseTable
	mu    sync.Mutex
	awake chan struct{}
}

func (f *frozen) freeze() (wake func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	awake := make(chan struct{})
	f.awake = awake
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.awake = nil
		close(awake)
	}
}

func (f *frozen) wait() {
	f.mu.Lock()
	awake := f.awake
	f.mu.Unlock()
	if awake != nil {
		<-awake
	}
}

func (f *frozen) Rows(ctx context.Context) ([]Row, error) {
	f.wait()
	return f.LeaseTable.Rows(ctx)
}

func (f *frozen) Row(ctx context.Context, shard string) (Row, error) {
	f.wait()
	return f.LeaseTable.Row(ctx, shard)
}

func (f *frozen) Swap(ctx context.Context, old, next Row) (Row, error) {
	f.wait()
	return f.LeaseTable.Swap(context.WithoutCancel(ctx), old, next) // it does not know how late it is
}

// TestAPausedMemberIsFenced freezes an owner that has an intent: the next one finds
// it, and what the first writes when it wakes up is refused.
func TestAPausedMemberIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(1), leaseTable(t)
		const shard = "shardId-000000000000"
		cold := &frozen{LeaseTable: table}
		a := startWorker(t, fake, cold, "a", nil)
		synctest.Wait()
		zombie := a.lease(shard)
		plan := Checkpoint{Position: "5", Until: 7, Intent: `{"end":"9"}`, Marks: []byte{}}
		if err := zombie.Update(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		wake := cold.freeze()
		b := startWorker(t, fake, table, "b", nil)
		time.Sleep(term - time.Second)
		if b.lease(shard) != nil {
			t.Fatal("a lease was taken while its term ran")
		}
		time.Sleep(term)
		owner := b.lease(shard)
		if owner == nil {
			t.Fatal("nobody took the lease over")
		}
		if got := owner.Checkpoint(); got.Position != plan.Position || got.Intent != plan.Intent || got.Until != plan.Until {
			t.Errorf("the next owner finds %+v, want %+v", got, plan)
		}
		if owner.Epoch() != zombie.Epoch()+1 {
			t.Errorf("epoch %d after %d", owner.Epoch(), zombie.Epoch())
		}
		if err := owner.Update(t.Context(), Checkpoint{Position: "9"}); err != nil {
			t.Fatal(err)
		}
		wake()
		if err := zombie.Update(t.Context(), Checkpoint{Position: "9"}); !errors.Is(err, ErrFenced) {
			t.Errorf("the old owner's update: %v, want ErrFenced", err)
		}
		time.Sleep(term)
		if err := a.end(shard); !errors.Is(err, ErrFenced) {
			t.Errorf("the old owner's work ended with %v", err)
		}
		if s := a.leases.Stats(); s.Lost != 1 {
			t.Errorf("%+v, want one lease lost", s)
		}
		if s := b.leases.Stats(); s.Stolen != 1 {
			t.Errorf("%+v, want one lease stolen", s)
		}
		a.stop()
		b.stop()
	})
}

// failing is a table that fails as told, before or after it did what it was asked.
type failing struct {
	LeaseTable
	before, after func() error
}

func (f *failing) Swap(ctx context.Context, old, next Row) (Row, error) {
	if err := f.before(); err != nil {
		return Row{}, err
	}
	r, err := f.LeaseTable.Swap(ctx, old, next)
	if err == nil {
		err = f.after()
	}
	return r, err
}

// TestALeaseThatIsNotRenewedEnds takes the table away from a member: its work must
// have ended by the time that others may begin.
func TestALeaseThatIsNotRenewedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		table := &failing{LeaseTable: leaseTable(t), after: func() error { return nil }, before: func() error {
			if away.Load() {
				return errors.New("no route to host")
			}
			return nil
		}}
		w := startWorker(t, kinesistest.New(1), table, "a", nil)
		time.Sleep(3 * term)
		away.Store(true)
		time.Sleep(term/3 + time.Second)
		if len(w.shards()) != 1 {
			t.Error("work ended with the first failure")
		}
		time.Sleep(term)
		if len(w.shards()) != 0 {
			t.Error("work goes on though nobody may know that its owner lives")
		}
		away.Store(false)
		time.Sleep(2 * term)
		if len(w.shards()) != 1 {
			t.Error("the lease was not taken again")
		}
		w.stop()
	})
}

// TestLostAnswers lets every second write of the table succeed without saying so.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		lost := func() error {
			if n.Add(1)%2 == 0 {
				return errors.New("connection reset")
			}
			return nil
		}
		table := &failing{LeaseTable: leaseTable(t), before: func() error { return nil }, after: lost}
		w := startWorker(t, kinesistest.New(2), table, "a", nil)
		time.Sleep(2 * term)
		for i, shard := range w.shards() {
			for at := range 20 {
				c := Checkpoint{Position: After(fmt.Sprint(100*i + at + 1))}
				for err := error(nil); ; {
					if err = w.lease(shard).Update(t.Context(), c); err == nil {
						break
					}
					if errors.Is(err, ErrFenced) {
						t.Fatal(err)
					}
				}
				if r, err := table.Row(t.Context(), shard); err != nil || r.Position != c.Position {
					t.Errorf("position %s, %v; want %s", r.Position, err, c.Position)
				}
			}
		}
		if len(w.shards()) != 2 {
			t.Errorf("%d leases are held", len(w.shards()))
		}
		w.stop()
	})
}

// TestShardsBecomeLeases follows a stream through a split and a merge.
func TestShardsBecomeLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const a, b, c, d, e = "shardId-000000000000", "shardId-000000000001", "shardId-000000000002", "shardId-000000000003", "shardId-000000000004"
		fake, table := kinesistest.New(2), leaseTable(t)
		w := startWorker(t, fake, table, "w", nil)
		f := func(want ...string) {
			t.Helper()
			time.Sleep(2 * time.Minute)
			if got := w.shards(); !slices.Equal(got, want) {
				t.Errorf("leases of %v, want %v", got, want)
			}
		}
		done := func(shard string, marks Marks, until int64) {
			t.Helper()
			if err := w.lease(shard).Update(t.Context(), Checkpoint{Position: End, Until: until, Marks: marks.AppendTo(nil)}); err != nil {
				t.Fatal(err)
			}
			if err := w.lease(shard).Update(t.Context(), Checkpoint{Position: "7"}); err == nil {
				t.Error("a position went back from the end")
			}
			w.mu.Lock()
			lease := w.held[shard]
			w.mu.Unlock()
			lease.lost(errEnded)
		}
		f(a, b)
		fake.Split(a) // into c, d
		f(a, b)
		var ma, mb Marks
		ma.Fresh(Origin{Stream: 1, First: 5}, "k")
		mb.Fresh(Origin{Stream: 2, First: 6}, "k")
		done(a, ma, 1_000)
		f(b, c, d)
		fake.Merge(d, b) // into e
		f(b, c, d)
		done(b, mb, 3_000)
		f(c, d)
		done(d, ma, 2_000)
		f(c, e)
		got := w.lease(e).Checkpoint()
		if got.Position != TrimHorizon || got.Until != 2_000 {
			t.Errorf("a merged shard begins with %+v", got)
		}
		marks, err := ParseMarks(got.Marks)
		if err != nil || marks.Fresh(Origin{Stream: 1, First: 5}, "k") || marks.Fresh(Origin{Stream: 2, First: 6}, "k") || !marks.Fresh(Origin{Stream: 2, First: 7}, "k") {
			t.Errorf("the parents' marks are missing, %v", err)
		}
		w.stop()
	})
}

// errEnded ends the work of a test's worker on a shard that it has read.
var errEnded = errors.New("the shard is done")

// TestStarts wants a consumer to stay with where it began.
func TestStarts(t *testing.T) {
	f := func(start Position, want func(began time.Time) Position) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			fake, table := kinesistest.New(1), leaseTable(t)
			began := time.Now()
			const shard = "shardId-000000000000"
			w := startWorker(t, fake, table, "w", func(c *LeasesConfig) { c.Start = start })
			time.Sleep(time.Hour)
			w.stop()
			w = startWorker(t, fake, table, "w", func(c *LeasesConfig) { c.Start = start })
			time.Sleep(time.Minute)
			if got := w.lease(shard).Checkpoint().Position; got != want(began) {
				t.Errorf("start %q is at %q, want %q", start, got, want(began))
			}
			w.stop()
		})
	}
	f(TrimHorizon, func(time.Time) Position { return TrimHorizon })
	f(Latest, AtTime)
	at := AtTime(time.UnixMilli(1_700_000_000_000))
	f(at, func(time.Time) Position { return at })

	for _, bad := range []Position{End, "7", "@x", "yesterday"} {
		if _, err := NewLeases(LeasesConfig{Client: kinesistest.New(1), Stream: "s", Table: leaseTable(t), Start: bad}); err == nil {
			t.Errorf("a start at %q", bad)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorker(t, kinesistest.New(1), leaseTable(t), "w", nil)
		time.Sleep(time.Second)
		lease := w.lease("shardId-000000000000")
		f := func(c Checkpoint, ok bool) {
			t.Helper()
			if err := lease.Update(t.Context(), c); (err == nil) != ok {
				t.Errorf("update to %q: %v", c.Position, err)
			}
		}
		f(Checkpoint{Position: "49"}, true)
		f(Checkpoint{Position: "49", Intent: "plan"}, true)
		f(Checkpoint{Position: "100"}, true)
		f(Checkpoint{Position: "99"}, false)
		f(Checkpoint{Position: "x"}, false)
		f(Checkpoint{Position: "007"}, false)
		f(Checkpoint{Position: "101", Intent: string(make([]byte, MaxIntent+1))}, false)
		f(Checkpoint{Position: TrimHorizon}, true) // behind a gap
		w.stop()
	})
}
