package kinesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/event"
	"sluice/stream/kinesis/kinesistest"
)

// visited is what stands behind consumers.
type visited struct {
	mu    sync.Mutex // guards the fields below
	times map[string]int
	order map[string][]string // messages by log stream, in the order of their first visits
	fail  func() error        // of a visit, after its work was done
}

// reading is a Consumer and what was visited, by it and those that share it.
type reading struct {
	*visited
	t    *testing.T
	c    *Consumer
	stop func()
}

// nothing is visited yet; visits end as fail says.
func nothing(t *testing.T, fail func() error) *reading {
	return &reading{t: t, visited: &visited{times: map[string]int{}, order: map[string][]string{}, fail: fail}}
}

func consume(t *testing.T, client ReadClient, table LeaseTable, r *reading, change func(*ConsumerConfig)) *reading {
	t.Helper()
	if r == nil {
		r = nothing(t, nil)
	}
	cfg := ConsumerConfig{LeasesConfig: LeasesConfig{Client: client, Stream: "s", Table: table, Term: term, Logger: quiet}}
	if change != nil {
		change(&cfg)
	}
	c, err := NewConsumer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	next := &reading{t: t, c: c, visited: r.visited}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx, next.visit); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	}()
	next.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(next.stop)
	return next
}

func (r *reading) visit(_ context.Context, parcels []event.Parcel) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for i := range d.Batch.Len() {
				m := string(d.Batch.Message(i))
				stream, _, _ := strings.Cut(m, "/")
				if r.times[m]++; r.times[m] == 1 {
					r.order[stream] = append(r.order[stream], m)
				}
			}
		}
	}
	if r.fail != nil {
		return r.fail()
	}
	return nil
}

// seen wants each event of the parcels visited, once where exact, in order.
func (r *reading) seen(parcels []event.Parcel, exact bool) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for i := range d.Batch.Len() {
				n++
				if times := r.times[string(d.Batch.Message(i))]; times == 0 || exact && times > 1 {
					r.t.Errorf("%.30s was visited %d times", d.Batch.Message(i), times)
				}
			}
		}
	}
	if len(r.times) != n {
		r.t.Errorf("%d different events were visited, want %d", len(r.times), n)
	}
	for stream, order := range r.order {
		if !slices.IsSorted(order) {
			r.t.Errorf("log stream %s is out of order", stream)
		}
	}
}

// TestReshardingUnderLoad splits and merges while records come in and requests
// fail, with two members of whom one leaves in the middle.
func TestReshardingUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(2), leaseTable(t)
		random := rand.New(rand.NewPCG(5, 6))
		var mu sync.Mutex
		chance := func(p float64) bool {
			mu.Lock()
			defer mu.Unlock()
			return random.Float64() < p
		}
		fake.Refuse = func(string) string {
			if chance(0.3) {
				return "InternalFailure"
			}
			return ""
		}
		fake.After = func(operation string) error {
			if operation == "PutRecords" && chance(0.1) {
				return errors.New("connection reset by peer")
			}
			return nil
		}
		fake.Before = func(operation string) error {
			switch {
			case operation == "GetRecords" && chance(0.2):
				return &types.ProvisionedThroughputExceededException{}
			case operation == "GetShardIterator" && chance(0.2):
				return errors.New("connection reset by peer")
			case operation == "ListShards" && chance(0.3):
				return &types.LimitExceededException{}
			}
			return nil
		}
		p := producer(t, fake, nil)
		one := consume(t, fake, table, nil, nil)
		two := consume(t, fake, table, one, nil)
		all := parcels(t, 900, 31)
		for i := 0; i < len(all); i += 10 {
			if err := p.Produce(t.Context(), 9, all[i:i+10]...); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			open := fake.Open()
			switch i {
			case 100, 200, 300, 600:
				fake.Split(open[i/100%len(open)])
			case 400, 500, 700:
				fake.Merge(open[0], open[1])
				fake.ExpireIterators()
			case 650:
				one.stop()
			}
		}
		time.Sleep(10 * time.Minute)
		two.stop()
		t.Logf("%v%+v", fake, two.c.Stats())
		two.seen(all, true)
		if two.c.Stats().Duplicates == 0 || two.c.Stats().Throttled == 0 {
			t.Errorf("%+v: the faults did not happen", two.c.Stats())
		}
	})
}

// TestVisitsThatFailComeAgain fails visits after they did their work, and takes
// members away.
func TestVisitsThatFailComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(3), leaseTable(t)
		random := rand.New(rand.NewPCG(7, 8))
		r := nothing(t, func() error {
			if random.Float64() < 0.5 {
				return errors.New("downstream is down")
			}
			return nil
		})
		p := producer(t, fake, nil)
		all := parcels(t, 300, 11)
		for i := 0; i < len(all); i += 20 {
			if err := p.Produce(t.Context(), 9, all[i:i+20]...); err != nil {
				t.Fatal(err)
			}
			r = consume(t, fake, table, r, nil)
			time.Sleep(20 * time.Second)
			r.stop()
		}
		r.fail = nil
		r = consume(t, fake, table, r, nil)
		time.Sleep(5 * time.Minute)
		r.stop()
		r.seen(all, false)
	})
}

// TestGaps lets a consumer be away for a while, on streams that keep records for a
// day.
func TestGaps(t *testing.T) {
	f := func(away time.Duration, during func(fake *kinesistest.Fake), skip bool, wantGaps int64, wantMore bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			fake, table := kinesistest.New(1), leaseTable(t)
			p := producer(t, fake, nil)
			produce := func(number uint64) event.Parcel {
				one := parcel(t, number, "s", 2, 10)
				if err := p.Produce(t.Context(), 9, one); err != nil {
					t.Fatal(err)
				}
				return one
			}
			first := produce(1)
			rarely := func(c *ConsumerConfig) { c.Term, c.Interval, c.SkipGaps = 10*time.Minute, time.Minute, skip }
			r := consume(t, fake, table, nil, rarely)
			time.Sleep(50 * time.Hour) // nothing comes: no gap
			r.seen([]event.Parcel{first}, true)
			r.stop()
			if r.c.Stats().Gaps != 0 {
				t.Errorf("%d gaps in an idle stream", r.c.Stats().Gaps)
			}
			time.Sleep(away)
			if during != nil {
				during(fake)
			}
			more := produce(1 << 20)
			r = consume(t, fake, table, r, rarely)
			time.Sleep(time.Hour)
			if got := r.c.Stats().Gaps; got != wantGaps {
				t.Errorf("%d gaps, want %d", got, wantGaps)
			}
			if stopped := len(r.c.Lags()) == 1 && r.c.Lags()[0].Stopped; stopped == wantMore {
				t.Errorf("the shard is stopped: %t; %+v", stopped, r.c.Lags())
			}
			r.stop()
			if wantMore {
				r.seen([]event.Parcel{first, more}, true)
			} else {
				r.seen([]event.Parcel{first}, true)
			}
		})
	}
	f(time.Hour, nil, false, 0, true)
	f(23*time.Hour, nil, false, 0, true)
	f(30*time.Hour, nil, false, 1, false)
	f(30*time.Hour, nil, true, 1, true)
	f(30*time.Hour, func(fake *kinesistest.Fake) { fake.RetentionHours = 168 }, false, 0, true)
}

// TestAShardThatIsGone wants no children read before somebody says so.
func TestAShardThatIsGone(t *testing.T) {
	f := func(skip bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			fake, table := kinesistest.New(1), leaseTable(t)
			p := producer(t, fake, nil)
			first, second := parcel(t, 1, "s", 1, 10), parcel(t, 2, "s", 1, 10)
			if err := p.Produce(t.Context(), 9, first); err != nil {
				t.Fatal(err)
			}
			r := consume(t, fake, table, nil, nil)
			time.Sleep(time.Minute)
			r.stop()
			fake.Split(fake.Open()[0])
			fake.Forget("shardId-000000000000")
			if err := p.Produce(t.Context(), 9, second); err != nil {
				t.Fatal(err)
			}
			r = consume(t, fake, table, r, func(c *ConsumerConfig) { c.SkipGaps = skip })
			time.Sleep(10 * time.Minute)
			r.stop()
			if r.c.Stats().Gaps != 1 {
				t.Errorf("%d gaps, want one", r.c.Stats().Gaps)
			}
			if skip {
				r.seen([]event.Parcel{first, second}, true)
			} else {
				r.seen([]event.Parcel{first}, true)
			}
		})
	}
	f(false)
	f(true)
}

// TestALagBeyondTheRetentionIsNoticed lets records go before a slow visitor comes
// to them.
func TestALagBeyondTheRetentionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(1), leaseTable(t)
		p := producer(t, fake, nil)
		r := nothing(t, func() error {
			time.Sleep(30 * time.Hour)
			return nil
		})
		r = consume(t, fake, table, r, func(c *ConsumerConfig) { c.MaxRecords, c.Term = 1, 10*time.Minute })
		for i := range uint64(3) {
			if err := p.Produce(t.Context(), 9, parcel(t, i+1, "s", 1, 10)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(40 * time.Hour)
		if s := r.c.Stats(); s.Gaps != 1 || s.Records != 1 {
			t.Errorf("%+v, want one record and a gap", s)
		}
		r.stop()
	})
}

func TestLagAndMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(1), leaseTable(t)
		p := producer(t, fake, nil)
		var all []event.Parcel
		for i := range uint64(10) {
			all = append(all, parcel(t, i+1, "s", 1, 10))
			if err := p.Produce(t.Context(), 9, all[i]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		r := nothing(t, func() error { time.Sleep(time.Minute); return nil })
		r = consume(t, fake, table, r, func(c *ConsumerConfig) { c.MaxRecords = 1 })
		time.Sleep(30 * time.Second)
		if l := r.c.Lags(); len(l) != 1 || l[0].Behind < 8*time.Minute || l[0].Behind > 10*time.Minute {
			t.Errorf("lag %+v after one of ten minutes", l)
		}
		time.Sleep(30 * time.Minute)
		if l := r.c.Lags(); len(l) != 1 || l[0].Behind != 0 {
			t.Errorf("lag %+v at the end", l)
		}
		r.stop()
		r.seen(all, true)
		if s := r.c.Stats(); s.Records != 10 || s.Bytes == 0 || s.Leases.Taken != 1 || s.Leases.Released != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPoisonThatCannotBePutAside wants it tried again, and nothing passed over.
func TestPoisonThatCannotBePutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, table := kinesistest.New(1), leaseTable(t)
		tr := &transport{fake: fake}
		p := producer(t, fake, nil)
		if err := tr.Poison(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := parcel(t, 2, "s", 1, 10)
		if err := p.Produce(t.Context(), 9, after); err != nil {
			t.Fatal(err)
		}
		var places []string
		r := consume(t, fake, table, nil, func(c *ConsumerConfig) {
			c.Quarantine = func(_ context.Context, p Poison) error {
				places = append(places, p.Place())
				if len(places) < 4 {
					return errors.New("the disk is full")
				}
				return nil
			}
		})
		time.Sleep(time.Minute)
		r.stop()
		r.seen([]event.Parcel{after}, true)
		want := "shardId-000000000000/" + aws.ToString(fake.Records()[0].SequenceNumber)
		if len(places) != 4 || places[3] != want || r.c.Stats().Poisoned != 1 {
			t.Errorf("put aside at %q, want %s four times", places, want)
		}
	})
}

// TestThroughAnSDK reads what was written through a real client.
func TestThroughAnSDK(t *testing.T) {
	fake, table := kinesistest.New(2), leaseTable(t)
	client := sdk(t, fake)
	all := parcels(t, 50, 7)
	if err := producer(t, client, nil).Produce(t.Context(), 9, all...); err != nil {
		t.Fatal(err)
	}
	fake.Split(fake.Open()[0])
	var wg sync.WaitGroup
	wg.Add(len(all))
	c, err := NewConsumer(ConsumerConfig{
		LeasesConfig: LeasesConfig{Client: client, Stream: "s", Table: table, Start: AtTime(time.Now().Add(-time.Hour)), Logger: quiet},
		Interval:     time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- c.Run(ctx, func(_ context.Context, parcels []event.Parcel) error {
			for _, p := range parcels {
				if time.Since(time.UnixMilli(p.Arrived)) > time.Hour {
					t.Errorf("arrived at %d", p.Arrived)
				}
				wg.Done()
			}
			return nil
		})
	}()
	wg.Wait()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if s := c.Stats(); s.Duplicates != 0 || s.Poisoned != 0 {
		t.Errorf("%+v", s)
	}
}

func ExampleLease() {
	plan := func(from Position) string { return fmt.Sprintf("up to 100 records behind %q", from) }
	work := func(ctx context.Context, lease *Lease) error {
		done := lease.Checkpoint()
		if done.Intent == "" {
			done.Intent = plan(done.Position)
			if err := lease.Update(ctx, done); err != nil {
				return err
			}
		} // else finish what the owner before had planned
		next := After("4959") // ... read, and write what the intent says where only the first can
		return lease.Update(ctx, Checkpoint{Position: next, Marks: done.Marks})
	}
	_ = work
}
