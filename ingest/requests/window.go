package requests

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// named is set in the names of requests that can be recognised.
const named = 1 << 63

// Name derives a request's name from what all attempts of one call share. Where a
// request is stored in parts, they have the names that follow, so that the order
// of event ids is that of the parts.
func Name(accessKey, invocation string, body uint64) uint64 {
	var d xxhash.Digest
	d.Reset()
	var fixed [12]byte
	binary.LittleEndian.PutUint32(fixed[:], uint32(len(accessKey)))
	binary.LittleEndian.PutUint64(fixed[4:], body)
	d.Write(fixed[:])
	d.WriteString(accessKey)
	d.WriteString(invocation)
	return d.Sum64() | named
}

// Anonymous names a request that nobody will recognise; none is remembered.
func Anonymous() uint64 { return rand.Uint64() &^ named }

// Window recognises requests over all shards of a log: a log stream lies in one,
// but in another when the number of shards has grown since.
type Window struct {
	seen []*Seen

	mu    sync.Mutex // guards the fields below
	under map[Key]*attempt
	free  *attempt // of a list
}

// attempt is a request that is being stored.
type attempt struct {
	busy sync.Mutex // held by who stores it
	refs int        // who stores it and who waits; guarded by Window.mu
	next *attempt   // in the free list
}

// NewWindow is a window over the shards' memories.
func NewWindow(seen ...*Seen) *Window { return &Window{seen: seen, under: make(map[Key]*attempt)} }

// Begin asks for a request, and waits while another attempt of it is under way.
// When it is stored already it tells when, in ms, and there is nothing to end.
// Otherwise the caller stores it and calls End.
func (w *Window) Begin(k Key, now int64) (ingested int64, stored bool) {
	w.mu.Lock()
	a := w.under[k]
	if a == nil {
		if a = w.free; a == nil {
			a = new(attempt)
		} else {
			w.free = a.next
		}
		w.under[k] = a
	}
	a.refs++
	w.mu.Unlock()

	a.busy.Lock()
	for _, s := range w.seen {
		if ingested, stored = s.at(k, now); stored {
			w.leave(k)
			return ingested, true
		}
	}
	return 0, false
}

// End tells how storing went. What failed is forgotten, as the log may have
// sequenced it without making it durable.
func (w *Window) End(k Key, err error) {
	if err != nil {
		for _, s := range w.seen {
			s.forget(k)
		}
	}
	w.leave(k)
}

func (w *Window) leave(k Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.under[k]
	a.busy.Unlock()
	if a.refs--; a.refs == 0 {
		delete(w.under, k)
		a.next, w.free = w.free, a
	}
}
