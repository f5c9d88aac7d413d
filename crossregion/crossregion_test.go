package crossregion_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/crossregion"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/faultproxy"
	"sluice/internal/origins"
	"sluice/internal/vfs"
)

func TestCopy(t *testing.T) {
	r := newRegion(t, "eu-west-1", 1)
	r.put("/shop/web", "a", "old#1", "old#2") // before the first contact
	r.put("/other", "a", "unwanted#1")
	r.put("/shop/secret/keys", "a", "unwanted#2")
	c := newCentral(t, "c", 1)
	c.run(r)
	until(t, "backfill", func() bool { return len(c.everything()) == 1 })
	r.put("/shop/api", "b", "new#1")
	until(t, "live", func() bool { return len(c.everything()) == 2 && c.complete() })
	c.end()

	all := c.everything()
	for i, want := range []found{
		{group: "eu-west-1/shop/web", stream: "a", source: event.Source{Account: "111111111111", Region: "eu-west-1", LogGroup: "/shop/web", LogStream: "a"}, messages: []string{"old#1", "old#2"}},
		{group: "eu-west-1/shop/api", stream: "b", source: event.Source{Account: "111111111111", Region: "eu-west-1", LogGroup: "/shop/api", LogStream: "b"}, messages: []string{"new#1"}},
	} {
		got := all[i]
		if got.group != want.group || got.stream != want.stream || got.source != want.source || !slices.Equal(got.messages, want.messages) {
			t.Errorf("batch %d is %+v, want %+v", i, got, want)
		}
		if got.hops != 1 || got.origin.Shard&origins.Lane == 0 || got.ingested == 0 {
			t.Errorf("batch %d: hops %d, origin %v, ingested %d", i, got.hops, got.origin, got.ingested)
		}
	}
	theirs := r.everything()
	if theirs[0].ingested != all[0].ingested || all[0].origin.Number != 2 {
		t.Errorf("arrival %d and number %d, at the origin %d and 1", all[0].ingested, all[0].origin.Number-1, theirs[0].ingested)
	}
}

// A sync that fails ends the log here, and leaves batches in it of which a restart may
// find nothing. A lane that would end with them must not have ended in the catalog.
func TestLogFails(t *testing.T) {
	r := newRegion(t, "r", 1)
	r.put("/shop/web", "a", "a#1")
	c := newCentral(t, "c", 1)
	c.stop()
	var failing atomic.Bool
	var failed atomic.Int64
	c.faults = func(op vfs.Op) error {
		if failing.Load() && op.Kind == vfs.OpSync {
			failed.Add(1)
			return errors.New("the disk fails")
		}
		return nil
	}
	c.open()
	c.put("/own", "x", "own#1") // the segment is there
	failing.Store(true)
	c.run(r)
	until(t, "some tries, or the lane's end", func() bool {
		lanes := 0
		c.table.All(func(_ catalog.Scope, _ string, r crossregion.Replica) { lanes = len(r.Lanes) })
		return lanes == 1 || failed.Load() > 0 && c.sources[0].Status().Breaks > 3
	})
	failing.Store(false)
	c.restart(nil, r)
	until(t, "copy", func() bool { return c.complete() })
	c.end()
	var got []string
	for _, x := range c.everything() {
		got = append(got, x.messages...)
	}
	if !slices.Equal(got, []string{"own#1", "a#1"}) {
		t.Errorf("%q after the restart", got)
	}
}

// TestCrashes kills both sides and cuts the link at random, under load.
func TestCrashes(t *testing.T) {
	f := func(seed uint64, regionShards, centralShards int, change func(*crossregion.Config)) {
		t.Helper()
		rng := rand.New(rand.NewPCG(seed, 7))
		regions := []*region{newRegion(t, "r1", regionShards), newRegion(t, "r2", 1)}
		l := &ledger{acked: map[string]bool{}}
		next := map[string]int{}
		write := func(r *region, batches int) {
			for range batches {
				group, stream := fmt.Sprintf("/shop/g%d", rng.IntN(3)), fmt.Sprintf("s%d", rng.IntN(4))
				key := r.id + group + stream
				var messages []string
				for range 1 + rng.IntN(20) {
					next[key]++
					messages = append(messages, fmt.Sprintf("%s#%d", key, next[key]))
				}
				l.note(messages, false)
				l.note(messages, r.put(group, stream, messages...))
				r.put("/other", "s", "unwanted")
			}
		}
		c := newCentral(t, "c", centralShards)
		c.change = change
		write(regions[0], 50)
		c.run(regions...)
		for range 40 {
			r := regions[rng.IntN(2)]
			write(r, 1+rng.IntN(30))
			switch rng.IntN(8) {
			case 0:
				c.restart(rng, regions...)
			case 1:
				r.restart(rng)
			case 2:
				r.proxy.Cut()
				write(r, 20)
				r.proxy.Heal()
			case 4:
				r.compact()
			case 3:
				limit := int64(rng.IntN(20_000))
				r.proxy.Limit(func(n int) (limits faultproxy.Limits) {
					if n < 3 {
						limits.Down = limit
					}
					return limits
				})
			}
		}
		for _, r := range regions {
			r.proxy.Heal()
			r.proxy.Limit(nil)
		}
		until(t, "everything is here", func() bool { return c.complete() && l.arrived(c) })
		c.end()
		l.check(t, c.everything())
	}
	for seed := range uint64(4) {
		f(seed, 1, 1, nil)
	}
	f(10, 3, 2, nil)
	f(11, 2, 3, func(c *crossregion.Config) { c.LiveWithin = time.Millisecond }) // splits all the time
	f(12, 2, 2, func(c *crossregion.Config) { c.InOrder = true })
}

// arrived tells whether all that was acknowledged is there, at least once.
func (l *ledger) arrived(c *central) bool {
	seen := map[string]bool{}
	for _, x := range c.everything() {
		for _, m := range x.messages {
			seen[m] = true
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for m, ok := range l.acked {
		if ok && !seen[m] {
			return false
		}
	}
	return true
}

// TestBackfillFromFiles takes what the region's log has let go already, and goes
// on from there in the log.
func TestBackfillFromFiles(t *testing.T) {
	r := newRegion(t, "r1", 2)
	l := &ledger{acked: map[string]bool{}}
	next := 0
	write := func(batches int) {
		for range batches {
			next++
			for _, stream := range []string{"a", "b", "c"} {
				m := []string{fmt.Sprintf("%s#%d", stream, next)}
				l.note(m, r.put("/shop/"+stream, stream, m...))
				r.put("/other", stream, "unwanted#1", string(make([]byte, 500)))
			}
		}
	}
	write(300)
	r.compact()
	first := r.store.Log(0).First() + r.store.Log(1).First()
	if first < 100 || r.store.Disk().Files == 0 {
		t.Fatalf("the logs begin at %d in sum: nothing was compacted", first)
	}
	write(20)
	c := newCentral(t, "c", 1)
	c.run(r)
	write(20)
	until(t, "everything", func() bool { return c.complete() && l.arrived(c) })
	c.end()
	l.check(t, c.everything())
}

// TestGrownShards gives the central log more shards between two runs.
func TestGrownShards(t *testing.T) {
	r := newRegion(t, "r1", 1)
	l := &ledger{acked: map[string]bool{}}
	write := func(from, to int) {
		for i := from; i < to; i++ {
			m := []string{fmt.Sprintf("k#%d", i)}
			l.note(m, r.put("/shop/g", "s", m...))
		}
	}
	write(1, 50)
	c := newCentral(t, "c", 1)
	c.run(r)
	until(t, "first half", func() bool { return l.arrived(c) })
	c.end()
	c.stop()
	c.cfg.Shards = 4
	c.open()
	write(50, 100)
	c.run(r)
	until(t, "second half", func() bool { return l.arrived(c) })
	c.end()
	l.check(t, c.everything())
}

// TestOriginPutBack stops when the origin's log is shorter than what was taken,
// and refuses to copy itself.
func TestOriginPutBack(t *testing.T) {
	r := newRegion(t, "r1", 1)
	for i := range 20 {
		r.put("/shop/g", "s", fmt.Sprintf("k#%d", i+1))
	}
	c := newCentral(t, "c", 1)
	c.run(r)
	until(t, "the copy", func() bool { return len(c.everything()) == 20 })
	r.down()
	r.stop()
	r.fs, r.defs = vfs.NewMem(), catalog.NewMemory() // older than everything
	r.open()
	r.serve()
	until(t, "the stop", func() bool {
		shards := c.sources[0].Status().Shards
		return len(shards) == 1 && shards[0].Stopped && !shards[0].Complete()
	})
	c.end()
	if n := len(c.everything()); n != 20 {
		t.Errorf("%d batches, want 20", n)
	}

	self := newCentral(t, "r1", 1)
	self.run(r)
	until(t, "a refusal", func() bool { return strings.Contains(self.sources[0].Status().Problem, "itself") })
	self.end()
}

// TestTwoCentrals draws from one origin twice, independently.
func TestTwoCentrals(t *testing.T) {
	r := newRegion(t, "r1", 1)
	l := &ledger{acked: map[string]bool{}}
	var both sync.WaitGroup
	a, b := newCentral(t, "a", 1), newCentral(t, "b", 1)
	a.run(r)
	b.run(r)
	both.Go(func() {
		for i := range 300 {
			m := []string{fmt.Sprintf("k#%d", i+1)}
			l.note(m, r.put("/shop/g", "s", m...))
		}
	})
	both.Wait()
	for _, c := range []*central{a, b} {
		until(t, "a copy each", func() bool { return l.arrived(c) })
		c.end()
		l.check(t, c.everything())
	}
}
