package embedded

import (
	"cmp"
	"slices"
	"sync"

	"sluice/internal/event"
	"sluice/internal/wal"
)

// maxEntries bounds what the index keeps for one key.
const maxEntries = 1024

// entry says that the frames [first, end) hold something for a key: one frame
// as it is appended, several once neighbours were merged.
type entry struct {
	first, end   uint64
	count, bytes int64
	oldest       int64
	// newest is the latest arrival and shards a bit for each Kinesis shard; both
	// of records alone.
	newest int64
	shards uint64
	// frames lists the frames behind the first one, each as its distance from the one
	// before (uvarint); "" where there are none, or where they are not known.
	frames string
}

// Totals counts a key's events and records over its whole life:
// Accepted = Delivered + Discarded + Lost + InFlight.
type Totals struct {
	Accepted, AcceptedBytes int64
	Delivered, Discarded    int64
	DeliveredBytes          int64
	// InFlight is what no commit covers yet.
	InFlight int64
}

// Lost is what was covered by commits and could not be read: damage to the log.
func (t Totals) Lost() int64 {
	return max(0, t.Accepted-t.Delivered-t.Discarded-t.InFlight)
}

type keyIndex struct {
	entries   []entry
	committed uint64
	totals    Totals
	// ahead is what commits covered beyond their position: a consumer that
	// partitions what it takes is not done with a position before its slowest
	// partition is.
	ahead amount
	// stream says that this is a stream of records: its position moves with their
	// retention, not with commits. marks are what origins have put into it.
	stream bool
	marks  map[Origin]Mark
	marked uint64 // the last frame with a mark; 0 when it was durable at the start
}

// amount is a number of events and records, and the size of them.
type amount struct{ count, bytes int64 }

// take takes at most what an entry holds out of the amount.
func (a *amount) take(e *entry) {
	count, bytes := min(a.count, e.count), min(a.bytes, e.bytes)
	a.count, a.bytes = a.count-count, a.bytes-bytes
	e.count, e.bytes = e.count-count, e.bytes-bytes
}

// Index knows what a log shard holds for every key. It is a wal.Folder.
type Index struct {
	mu   sync.Mutex // guards keys
	keys map[uint64]*keyIndex
}

// NewIndex returns an index to be given to the log's Config.Folders.
func NewIndex() *Index { return &Index{keys: map[uint64]*keyIndex{}} }

// ID implements wal.Folder.
func (x *Index) ID() uint8 { return wal.FolderStream }

// Fold implements wal.Folder.
func (x *Index) Fold(f wal.Frame) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.Type == wal.TypeCommit {
		if c, err := OpenCommit(f.Payload); err == nil {
			x.key(f.Key).commit(c)
		}
		return
	}
	held(f, func(key uint64, e entry) { x.key(key).add(e) })
	if f.Type == wal.TypeRecords {
		x.foldMark(f)
	}
}

// held visits what a frame holds for keys. Frames that do not decode were checked
// by the log, so they come from another version; they are passed over.
func held(f wal.Frame, visit func(key uint64, e entry)) {
	switch f.Type {
	case wal.TypeMatches:
		m, err := event.OpenMatches(f.Payload)
		if err != nil {
			return
		}
		for e := range m.Entries() {
			visit(e.Key, entry{first: f.Seq, end: f.Seq + 1, count: int64(e.Count), bytes: int64(e.Bytes), oldest: m.Arrived})
		}
	case wal.TypePut:
		if p, err := openPut(f.Payload); err == nil {
			visit(f.Key, entry{first: f.Seq, end: f.Seq + 1, count: int64(p.count()), bytes: int64(len(p.body)), oldest: p.arrived})
		}
	case wal.TypeRecords:
		if r, err := openRecordsHead(f.Payload); err == nil {
			visit(f.Key, entry{f.Seq, f.Seq + 1, r.count(), r.bytes(), r.Arrived, r.Arrived, r.shards(), ""})
		}
	}
}

func (x *Index) key(key uint64) *keyIndex {
	k := x.keys[key]
	if k == nil {
		k = &keyIndex{}
		x.keys[key] = k
	}
	return k
}

func (k *keyIndex) add(e entry) {
	k.totals.Accepted += e.count
	k.totals.AcceptedBytes += e.bytes
	if n := len(k.entries); n > 0 && k.entries[n-1].end == e.end {
		k.entries[n-1] = merge(k.entries[n-1], e) // several entries of one frame
		return
	}
	if len(k.entries) >= maxEntries {
		k.thin()
	}
	k.entries = append(k.entries, e)
}

func merge(a, b entry) entry {
	return entry{
		a.first, b.end, a.count + b.count, a.bytes + b.bytes,
		min(a.oldest, b.oldest), max(a.newest, b.newest), a.shards | b.shards, listBoth(&a, &b),
	}
}

// thin merges neighbours that are light together, until at most about half of
// the entries are left: the index gets coarser, not larger. Entries stay alike,
// however often it happens; merging every two neighbours would gather nearly all
// of a long backlog in the first one.
func (k *keyIndex) thin() {
	var total int64
	for _, e := range k.entries {
		total += e.weight()
	}
	limit := 4 * total / maxEntries // two groups in a row weigh more than that
	thinned := k.entries[:1]
	for _, e := range k.entries[1:] {
		last := &thinned[len(thinned)-1]
		if last.weight()+e.weight() <= limit {
			*last = merge(*last, e)
		} else {
			thinned = append(thinned, e)
		}
	}
	k.entries = thinned
}

// weight is never zero, so that empty records can be merged too.
func (e entry) weight() int64 { return e.bytes + e.count + 1 }

func (k *keyIndex) commit(c Commit) {
	k.totals.Delivered += int64(c.Delivered)
	k.totals.Discarded += int64(c.Discarded)
	k.totals.DeliveredBytes += int64(c.Bytes)
	k.ahead.count += int64(c.Delivered + c.Discarded)
	k.ahead.bytes += int64(c.Bytes)
	if c.Position > k.committed {
		k.advance(c.Position)
	}
	// What was lost below the position was covered and not delivered; and where
	// nothing is left, nothing can be ahead.
	k.ahead = amount{max(0, k.ahead.count), max(0, k.ahead.bytes)}
	if len(k.entries) == 0 {
		k.ahead = amount{}
	}
}

// advance drops what lies below a position. What was covered of it is not ahead
// any more.
func (k *keyIndex) advance(position uint64) {
	k.committed = position
	done, _ := slices.BinarySearchFunc(k.entries, k.committed, func(e entry, p uint64) int {
		return cmp.Compare(e.end, p+1) // entries that end at or before p are done
	})
	for _, e := range k.entries[:done] {
		k.ahead.count, k.ahead.bytes = k.ahead.count-e.count, k.ahead.bytes-e.bytes
	}
	k.entries = slices.Delete(k.entries, 0, done)
	// Entries that were merged after the cut was planned may straddle the
	// position. What was covered beyond the entries before may be in this one;
	// where it is not, it is taken here instead of there, and sums stay right.
	if len(k.entries) > 0 && k.entries[0].first < k.committed {
		_, left := k.entries[0].cut(k.committed)
		k.entries[0].first, k.entries[0].frames = left.first, left.frames
		k.ahead = amount{max(0, k.ahead.count), max(0, k.ahead.bytes)}
		k.ahead.take(&k.entries[0])
	}
}

// span is the smallest run of entries in [from, limit) that reaches maxBytes, or
// all of them. From the committed position on, what commits covered beyond it is
// not counted.
func (x *Index) span(key uint64, from, limit uint64, maxBytes int64) event.Span {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := event.Span{Range: event.Range{Start: from, End: from}}
	k := x.keys[key]
	if k == nil {
		return s
	}
	at, _ := slices.BinarySearchFunc(k.entries, from, func(e entry, p uint64) int { return cmp.Compare(e.end, p+1) })
	for _, e := range k.entries[at:] {
		if e.end > limit || s.Bytes >= maxBytes && s.Count > 0 {
			break
		}
		s.Range.End = e.end
		s.Count += e.count
		s.Bytes += e.bytes
		if e.count > 0 && (s.Oldest == 0 || e.oldest < s.Oldest) {
			s.Oldest = e.oldest
		}
	}
	if from <= k.committed {
		s.Count -= min(k.ahead.count, s.Count)
		s.Bytes -= min(k.ahead.bytes, s.Bytes)
	}
	return s
}

// heavy returns the last entry of a span, if it is one of several frames that
// holds more than twice maxBytes by itself.
func (x *Index) heavy(key uint64, s event.Span, maxBytes int64) (entry, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[key]
	if k == nil || s.Range.Empty() {
		return entry{}, false
	}
	at, found := slices.BinarySearchFunc(k.entries, s.Range.End, func(e entry, end uint64) int { return cmp.Compare(e.end, end) })
	if !found || k.entries[at].bytes/2 <= maxBytes || k.entries[at].end == k.entries[at].first+1 {
		return entry{}, false
	}
	return k.entries[at], true
}

// split replaces an entry by what was found in its first frames and the rest. It
// reports false when the entry is not there any more as it was, which is as good.
func (x *Index) split(key uint64, old, head entry, rest int64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[key]
	if k == nil { // it was dropped meanwhile
		return false
	}
	if len(k.entries) >= maxEntries {
		k.thin()
	}
	at, found := slices.BinarySearchFunc(k.entries, old.first, func(e entry, first uint64) int { return cmp.Compare(e.first, first) })
	if !found || k.entries[at] != old {
		return false
	}
	before, tail := old.cut(head.end)
	head.end, head.frames = before.end, before.frames
	k.entries[at] = head
	if tail.first < tail.end {
		tail.count, tail.bytes = max(0, old.count-head.count), max(0, old.bytes-head.bytes)
		tail.oldest, tail.newest, tail.shards = rest, old.newest, old.shards
		k.entries = slices.Insert(k.entries, at+1, tail)
	}
	return true
}

// runs lists the parts of [start, end) that hold something for a key.
func (x *Index) runs(key uint64, r event.Range) []entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[key]
	if k == nil {
		return nil
	}
	var out []entry
	for _, e := range k.entries {
		if part, some := e.within(r.Start, r.End); some {
			out = append(out, part)
		}
	}
	return out
}

// Committed is the first position of a key that no commit covers.
func (x *Index) Committed(key uint64) uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.keys[key]; k != nil {
		return k.committed
	}
	return 0
}

// Totals counts what a key took and gave.
func (x *Index) Totals(key uint64) Totals {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[key]
	if k == nil {
		return Totals{}
	}
	t := k.totals
	for _, e := range k.entries {
		t.InFlight += e.count
	}
	t.InFlight -= min(t.InFlight, k.ahead.count)
	return t
}
