package bench

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"sluice/bench/corpus"
	"sluice/filter/pattern"
	"sluice/ingest/putlogevents"
)

// load is a number of request bodies, each in all forms, which are sent in turns.
type load struct {
	requests []request
	sends    int
}

// request is one body.
type request struct {
	put      []byte // as PutLogEvents, to group(0)
	putHash  string // sha256 of put, as signatures have it
	lines    []byte // as NDJSON
	records  []byte // as OTLP
	events   int
	selected int   // by errorPattern
	messages int64 // bytes
}

// errorPattern keeps some three of a hundred events of the application logs.
const errorPattern = "ERROR"

// distinct bodies are more than the caches hold.
const (
	distinctBytes                   = 32e6
	leastDistinct, mostDistinct int = 32, 8192
)

// newLoad makes bodies that are sent until they come to o.Bytes.
func newLoad(o Options) *load {
	l := &load{}
	g := corpus.New(o.Corpus, 1, time.Now())
	wanted, err := pattern.Compile(errorPattern)
	if err != nil {
		panic("bench: " + err.Error()) // a constant
	}
	n := min(max(leastDistinct, int(distinctBytes)/o.BodyBytes), mostDistinct, max(1, int(o.Bytes)/o.BodyBytes))
	for range n {
		l.requests = append(l.requests, makeRequest(g, o.BodyBytes, wanted))
	}
	l.sends = n
	l.sends = n * max(1, int(o.Bytes/l.bytes()))
	return l
}

// makeRequest takes events until the body is as large as PutLogEvents counts it.
func makeRequest(g *corpus.Generator, size int, wanted *pattern.Pattern) (r request) {
	now := time.Now().UnixMilli()
	var events []putlogevents.Event
	for counted := 0; ; {
		message, _ := g.AppendEvent(nil)
		if counted += len(message) + 26; counted > size && len(events) > 0 {
			break
		}
		events = append(events, putlogevents.Event{Timestamp: now, Message: message})
		r.lines = append(append(r.lines, message...), '\n')
		r.messages += int64(len(message))
		if wanted.Match(message) {
			r.selected++
		}
	}
	r.events = len(events)
	r.put = putlogevents.AppendRequest(nil, group(0), logStream, events...)
	sum := sha256.Sum256(r.put)
	r.putHash = hex.EncodeToString(sum[:])
	r.records = appendOTLP(nil, events)
	return r
}

// first is the first n sends of a load.
func (l *load) first(n int) *load { return &load{requests: l.requests, sends: n} }

// at is what the n-th send sends.
func (l *load) at(n int) *request { return &l.requests[n%len(l.requests)] }

func (l *load) bytes() (n int64) {
	return l.sum(func(r *request) int64 { return r.messages })
}

// count is the number of events that a filter keeps.
func (l *load) count(keep string) int64 {
	return l.sum(func(r *request) int64 {
		if keep == "all" {
			return int64(r.events)
		}
		return int64(r.selected)
	})
}

func (l *load) sum(of func(r *request) int64) (n int64) {
	rounds, rest := int64(l.sends/len(l.requests)), l.sends%len(l.requests)
	for i := range l.requests {
		times := rounds
		if i < rest {
			times++
		}
		n += times * of(&l.requests[i])
	}
	return n
}
