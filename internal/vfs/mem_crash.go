package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// CrashOptions say what a crash takes away.
type CrashOptions struct {
	// Rand decides what of the unsynced survives: for each directory change
	// whether, for each file all, nothing, or any subset of its 512-byte
	// sectors. nil: nothing unsynced survives.
	Rand *rand.Rand
	// TornLastWrite lets the last unsynced write of a file end anywhere, also
	// within a sector, with the old bytes after it.
	TornLastWrite bool
	// ProcessOnly is a crash of the process, not of the machine: everything
	// written is there, synced or not, and still unsynced.
	ProcessOnly bool
}

// CrashClone returns a file system as the machine could find it after a crash
// at this moment. m itself and its open files live on undisturbed; the clone
// shares nothing with them and has no locks and no open files.
func (m *Mem) CrashClone(o CrashOptions) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := cloner{opts: o, nodes: map[*node]*node{}}
	clone := NewMem()
	clone.free = m.free
	clone.root = c.node(m.root)
	if o.ProcessOnly {
		for _, ch := range m.journal {
			clone.journal = append(clone.journal, c.change(ch))
			c.replay(ch)
		}
		return clone
	}
	c.replaySurvivors(m.journal)
	for _, n := range c.nodes {
		if n.isDir() {
			n.durable = maps.Clone(n.entries)
		}
	}
	return clone
}

// cloner copies nodes once each, so that two links stay one file.
type cloner struct {
	opts  CrashOptions
	nodes map[*node]*node
}

// node copies a node as it is durable; directory changes are replayed later.
func (c *cloner) node(n *node) *node {
	if n == nil {
		return nil
	}
	if done := c.nodes[n]; done != nil {
		return done
	}
	clone := &node{modTime: n.modTime}
	c.nodes[n] = clone
	if !n.isDir() {
		clone.content = n.crashed(c.opts)
		return clone
	}
	clone.entries, clone.durable = map[string]*node{}, map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(n.durable)) { // sorted: Rand must not depend on map order
		clone.entries[name] = c.node(n.durable[name])
	}
	maps.Copy(clone.durable, clone.entries)
	return clone
}

func (c *cloner) change(ch change) (clone change) {
	for _, e := range ch.edits {
		clone.edits = append(clone.edits, edit{place{c.node(e.dir), e.name}, c.node(e.to)})
	}
	for _, p := range ch.places {
		clone.places = append(clone.places, place{c.node(p.dir), p.name})
	}
	return clone
}

func (c *cloner) replay(ch change) {
	for _, e := range c.change(ch).edits {
		e.dir.set(e.name, e.to)
	}
}

// replaySurvivors replays a random subset of the pending directory changes. A
// change that depends on a lost one is lost too: file systems may reorder
// changes of different names, not of one.
func (c *cloner) replaySurvivors(journal []change) {
	lost := map[place]bool{}
	keepAll := c.opts.Rand != nil && c.opts.Rand.IntN(4) == 0
	for _, ch := range journal {
		keep := keepAll || c.opts.Rand != nil && c.opts.Rand.IntN(2) == 0
		if keep && !slices.ContainsFunc(ch.places, func(p place) bool { return lost[p] }) {
			c.replay(ch)
			continue
		}
		for _, p := range ch.places {
			lost[p] = true
		}
	}
}

// FailSync does to every file what linux does when a sync fails: its dirty pages
// count as clean from now on. They can be read, a later Sync succeeds, and a
// crash of the machine loses them unless they are written again.
func (m *Mem) FailSync() {
	m.mu.Lock()
	defer m.mu.Unlock()
	failSync(m.root)
}

func failSync(n *node) {
	for _, child := range n.entries {
		failSync(child)
	}
	for i, pg := range n.pages {
		if pg != pageOf(n.synced, int64(i)) {
			if n.clean == nil {
				n.clean = map[int64]bool{}
			}
			n.clean[int64(i)] = true
		}
	}
}

// crashed returns a content as a crash could leave it.
func (c *content) crashed(o CrashOptions) content {
	if o.ProcessOnly {
		clone := *c
		clone.pages, clone.synced, clone.clean = slices.Clone(c.pages), slices.Clone(c.synced), maps.Clone(c.clean)
		for i, pg := range clone.pages {
			if pg != nil && pg != pageOf(clone.synced, int64(i)) { // the original writes on in its own pages
				clone.pages[i] = new(page)
				*clone.pages[i] = *pg
			}
		}
		return clone
	}
	left := content{pages: slices.Clone(c.synced), synced: slices.Clone(c.synced), size: c.syncedSize}
	if o.Rand != nil {
		switch o.Rand.IntN(4) {
		case 0: // nothing of it
		case 1:
			left.take(c, 1, o.Rand)
		default:
			left.take(c, o.Rand.Float64(), o.Rand)
		}
	}
	if o.TornLastWrite && o.Rand != nil && c.lastSize > 0 {
		left.tear(c, o.Rand)
	}
	left.sync()
	return left
}

// take adopts the size and each changed sector of now with a probability.
func (c *content) take(now *content, keep float64, r *rand.Rand) {
	size := c.size
	if r.Float64() < keep {
		size = now.size
	}
	before := *c
	for i := range int64(max(len(now.pages), len(c.pages))) {
		was, is := pageOf(before.pages, i), pageOf(now.pages, i)
		if was == is {
			continue
		}
		merged := new(page)
		for at := 0; at < pageSize; at += sectorSize {
			from := was
			cut := size > now.size && i*pageSize+int64(at)+sectorSize > now.size // a truncation that was lost
			if r.Float64() < keep && !cut {
				from = is
			}
			if from != nil {
				copy(merged[at:at+sectorSize], from[at:])
			}
		}
		for int64(len(c.pages)) <= i {
			c.pages = append(c.pages, nil)
		}
		c.pages[i] = merged
	}
	c.size = max(c.size, size, now.size)
	c.truncate(size)
}

// tear leaves a random part of the last write, to the byte.
func (c *content) tear(now *content, r *rand.Rand) {
	b := make([]byte, r.Int64N(now.lastSize+1))
	n := now.readAt(b, now.lastOff)
	old := make([]byte, min(int64(n)+sectorSize, now.lastSize))
	synced := content{pages: now.synced, size: now.syncedSize}
	synced.readAt(old, now.lastOff)
	copy(old, b[:n])
	c.writeAt(old, now.lastOff)
}
