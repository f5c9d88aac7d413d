package kinesis

import (
	"testing"
	"time"
)

// TestPaceFollowsTheShard lets a shard's limit fall and rise, and wants the rate
// to be near it.
func TestPaceFollowsTheShard(t *testing.T) {
	const size, message = 10_000, "Rate exceeded for shard shardId-000000000003 in stream s"
	p := newPacer()
	now := time.UnixMilli(1_700_000_000_000)
	second, taken := now, 0
	run := func(seconds int, limit int) (sent, refused int) {
		for end := now.Add(time.Duration(seconds) * time.Second); now.Before(end); now = now.Add(time.Millisecond) {
			if p.wait(now, "k", size) > 0 {
				continue
			}
			if s := now.Truncate(time.Second); s != second {
				second, taken = s, 0
			}
			if taken+size > limit {
				refused++
				p.refused(now, "k", message)
				continue
			}
			taken += size
			sent += size
			p.went(now, "k", "shardId-000000000003", size)
		}
		return sent, refused
	}
	f := func(seconds, limit int, least float64, mostRefused int) {
		t.Helper()
		sent, refused := run(seconds, limit)
		share := float64(sent) / float64(seconds) / float64(limit)
		t.Logf("%d bytes a second: %.0f %% used, %d refused", limit, 100*share, refused)
		if share < least || refused > mostRefused {
			t.Errorf("%.0f %% of %d bytes a second are used, %d records refused; want %.0f %% and at most %d", 100*share, limit, refused, 100*least, mostRefused)
		}
	}
	f(60, 1_000_000, 0.75, 60)
	f(60, 300_000, 0.75, 120)
	f(120, 3_000_000, 0.5, 120)
	f(60, 3_000_000, 0.75, 60)
}

// TestPaceIsFreeUntilRefused wants no shard slowed down that never complained.
func TestPaceIsFreeUntilRefused(t *testing.T) {
	p := newPacer()
	now := time.UnixMilli(1_700_000_000_000)
	for range 1000 {
		if wait := p.wait(now, "k", 1<<20); wait > 0 {
			t.Fatalf("wait %v", wait)
		}
		p.went(now, "k", "shardId-000000000000", 1<<20)
	}
	p.refused(now, "elsewhere", "Rate exceeded for shard shardId-000000000001 in stream s")
	if wait := p.wait(now, "k", 1<<20); wait > 0 {
		t.Errorf("wait %v for a shard that takes all", wait)
	}
}
