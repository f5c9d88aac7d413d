package kinesis

import (
	"regexp"
	"sync"
	"time"
)

// pacer keeps the writing to each shard below what the shard takes. A shard takes
// a MiB and 1,000 records a second, or more where AWS scales it, and says only
// when it was too much. So the rate is unlimited until then; it is cut below what
// went through, and grows again while nothing is refused.
type pacer struct {
	mu     sync.Mutex // guards the fields below
	shards map[string]*shardPace
	keys   map[string]string // partition key -> shard, as far as answers told
}

// shardPace is one shard's.
type shardPace struct {
	rate  float64   // bytes a second, 0 for unlimited
	peak  float64   // the rate that was too much
	next  time.Time // when the next bytes may go
	grown time.Time // when the rate was made greater
	cut   time.Time // when it was made less

	window time.Time // when counting what went through began
	passed int64     // since
	last   float64   // bytes a second of the window before
}

const (
	paceCut   = 0.85
	paceGrow  = 0.04 // of the rate, a second, up to what was too much
	paceProbe = 0.25 // and once that is not too much any more
	paceLeast = 64 << 10
	paceMost  = 16 << 20               // above it there is no limit
	paceKeys  = 1 << 16                // partition keys that are remembered
	paceWait  = 100 * time.Millisecond // whose bytes may go at once
	paceHold  = 300 * time.Millisecond // in which a shard is left alone that was too busy
)

func newPacer() *pacer { return &pacer{shards: map[string]*shardPace{}, keys: map[string]string{}} }

// wait returns for how long a record must wait, and counts it as gone when that is
// not at all.
func (p *pacer) wait(now time.Time, key string, size int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shards[p.keys[key]]
	if s == nil || s.rate == 0 {
		return 0
	}
	grow := paceGrow
	if s.rate > 1.1*s.peak {
		grow = paceProbe
	}
	if s.rate *= 1 + grow*now.Sub(s.grown).Seconds(); s.rate > paceMost {
		s.rate = 0
		return 0
	}
	s.grown = now
	if early := s.next.Sub(now); early > 0 {
		return early
	}
	if s.next.Before(now.Add(-paceWait)) { // what was not used is lost but for a little
		s.next = now.Add(-paceWait)
	}
	s.next = s.next.Add(time.Duration(float64(size) / s.rate * float64(time.Second)))
	return 0
}

// went notes a record that a shard took.
func (p *pacer) went(now time.Time, key, shard string, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.learn(key, shard)
	s := p.shards[shard]
	if s == nil {
		s = &shardPace{window: now}
		p.shards[shard] = s
	}
	if past := now.Sub(s.window); past >= time.Second {
		s.last, s.passed, s.window = float64(s.passed)/past.Seconds(), 0, now
	}
	s.passed += int64(size)
}

// learn remembers the shard of a partition key.
func (p *pacer) learn(key, shard string) {
	if len(p.keys) >= paceKeys {
		clear(p.keys)
	}
	p.keys[key] = shard
}

// refused notes a record that was too much for its shard.
func (p *pacer) refused(now time.Time, key, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if shard := shardIn.FindString(message); shard != "" {
		p.learn(key, shard)
	}
	s := p.shards[p.keys[key]]
	if s == nil {
		return
	}
	s.next = now.Add(paceHold)
	if s.rate > 0 && now.Sub(s.cut) < time.Second {
		return // the answers of a second are about one excess
	}
	through := max(s.last, float64(s.passed)/max(now.Sub(s.window).Seconds(), 1))
	if s.rate > 0 {
		through = min(through, s.rate)
	}
	s.peak = through
	s.rate = max(paceCut*through, paceLeast)
	s.cut, s.grown = now, now
}

// shardIn finds the shard in ProvisionedThroughputExceededException's text.
var shardIn = regexp.MustCompile(`shardId-[0-9]+`)
