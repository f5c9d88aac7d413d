package torture

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// ledger is what the writers know of their events.
type ledger struct{ writers []*account }

// account is one writer's: its events are numbered from 0.
type account struct {
	mu    sync.Mutex // guards what follows
	sent  int
	acked []uint64 // a bit for each event
	count int      // of them
}

func newLedger(writers int) *ledger {
	l := &ledger{}
	for range writers {
		l.writers = append(l.writers, &account{})
	}
	return l
}

// send gives numbers to a batch.
func (a *account) send(events int) (first int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first = a.sent
	a.sent += events
	for len(a.acked)*64 < a.sent {
		a.acked = append(a.acked, 0)
	}
	return first
}

// ack notes that a batch was acknowledged.
func (a *account) ack(first, events int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n := first; n < first+events; n++ {
		a.acked[n/64] |= 1 << (n % 64)
	}
	a.count += events
}

func (a *account) wasAcked(n int) bool { return a.acked[n/64]&(1<<(n%64)) != 0 }

// totals are over all writers.
func (l *ledger) totals() (sent, acked int64) {
	for _, a := range l.writers {
		a.mu.Lock()
		sent, acked = sent+int64(a.sent), acked+int64(a.count)
		a.mu.Unlock()
	}
	return sent, acked
}

// appendID begins a message with what names its event.
func appendID(dst []byte, writer, n int) []byte {
	return fmt.Appendf(dst, "t%d-%d ", writer, n)
}

// parseID reads it back.
func parseID(message string) (writer, n int, ok bool) {
	rest, isID := strings.CutPrefix(message, "t")
	first, rest, hasDash := strings.Cut(rest, "-")
	second, _, hasSpace := strings.Cut(rest, " ")
	if !isID || !hasDash || !hasSpace {
		return 0, 0, false
	}
	writer, err := strconv.Atoi(first)
	if err != nil || writer < 0 {
		return 0, 0, false
	}
	n, err = strconv.Atoi(second)
	return writer, n, err == nil && n >= 0
}

// seen is what one delivery stream holds of each writer's events.
type seen struct {
	times   [][]uint8 // by writer and event, up to 255
	strange int64
}

func (l *ledger) newSeen() *seen {
	s := &seen{}
	for _, a := range l.writers {
		s.times = append(s.times, make([]uint8, a.sent))
	}
	return s
}

func (s *seen) add(message string) {
	writer, n, ok := parseID(message)
	if !ok || writer >= len(s.times) || n >= len(s.times[writer]) {
		s.strange++
		return
	}
	if t := &s.times[writer][n]; *t < 255 {
		*t++
	}
}

// Stream is what became of the events in one delivery stream.
type Stream struct {
	Name      string `json:"name"`
	Objects   int    `json:"objects"`
	Bytes     int64  `json:"bytes"`
	Delivered int64  `json:"delivered"` // acknowledged, and there once
	Unknown   int64  `json:"unknown"`   // not acknowledged, and there once
	Lost      int64  `json:"lost"`
	Doubled   int64  `json:"doubled"`
	Strange   int64  `json:"strange"`
}

// compare holds what is there against the ledger. Writers have ended.
func (l *ledger) compare(name string, s *seen) Stream {
	out := Stream{Name: name, Strange: s.strange}
	for w, a := range l.writers {
		for n, times := range s.times[w] {
			acked := a.wasAcked(n)
			switch {
			case times > 1:
				out.Doubled++
			case times == 1 && acked:
				out.Delivered++
			case times == 1:
				out.Unknown++
			case acked:
				out.Lost++
			}
		}
	}
	return out
}
