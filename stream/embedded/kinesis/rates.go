package kinesis

import (
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/clock"
)

// AWS's rates of a shard. A second's worth may come at once; what a single call is
// larger by is waited for before the next.
const (
	writeBytes   = 1 << 20
	writeRecords = 1000
	readBytes    = 2 << 20
	readCalls    = 5
)

// rates bounds what shards take and give. A nil rates bounds nothing.
type rates struct {
	clock clock.Event

	mu     sync.Mutex // guards shards
	shards map[rateKey]*shardRates
}

type rateKey struct {
	stream uint64
	shard  uint32
}

type shardRates struct {
	wroteBytes, wroteRecords, gaveBytes, gaveCalls allowance
}

// allowance is what is left of a rate.
type allowance struct {
	left float64
	at   time.Time
}

// fill adds what has come due since it was last looked at.
func (a *allowance) fill(now time.Time, perSecond float64) {
	if a.at.IsZero() {
		a.left = perSecond
	}
	a.left = min(perSecond, a.left+now.Sub(a.at).Seconds()*perSecond)
	a.at = now
}

func (r *rates) of(stream uint64, shard uint32) *shardRates {
	k := rateKey{stream, shard}
	s := r.shards[k]
	if s == nil {
		s = &shardRates{}
		r.shards[k] = s
	}
	return s
}

// write takes a record's size out of its shard's rate; false when there is none
// left.
func (r *rates) write(stream uint64, shard uint32, bytes int) bool {
	if r == nil {
		return true
	}
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.of(stream, shard)
	s.wroteBytes.fill(now, writeBytes)
	s.wroteRecords.fill(now, writeRecords)
	// A record larger than a second's worth goes once that has filled up.
	if s.wroteRecords.left < 1 || s.wroteBytes.left < min(float64(bytes), writeBytes) {
		return false
	}
	s.wroteRecords.left--
	s.wroteBytes.left -= float64(bytes)
	return true
}

// read counts a call; false when it is one too many, or the answers before it are
// not paid for.
func (r *rates) read(stream uint64, shard uint32) bool {
	if r == nil {
		return true
	}
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.of(stream, shard)
	s.gaveCalls.fill(now, readCalls)
	s.gaveBytes.fill(now, readBytes)
	if s.gaveCalls.left < 1 || s.gaveBytes.left < 0 {
		return false
	}
	s.gaveCalls.left--
	return true
}

// gave counts an answer.
func (r *rates) gave(stream uint64, shard uint32, bytes int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(stream, shard).gaveBytes.left -= float64(bytes)
}

const codeThroughput = "ProvisionedThroughputExceededException"

func throughputExceeded(c awsapi.Caller, s *Stream, shard *Shard) *awsapi.Error {
	return &awsapi.Error{Code: codeThroughput, Message: "Rate exceeded for shard " + shard.ID() + " in stream " + s.Name + " under account " + c.Account + "."}
}

// forget lets go of a stream that is deleted.
func (r *rates) forget(stream uint64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.shards {
		if k.stream == stream {
			delete(r.shards, k)
		}
	}
}
