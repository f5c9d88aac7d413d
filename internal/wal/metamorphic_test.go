package wal_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var (
	metaSeed = flag.Uint64("seed", 0, "run only this seed of the metamorphic test; 0: some fixed ones and a new one")
	metaOps  = flag.Int("ops", 400, "operations of each run of the metamorphic test")
)

// meta is a run of random operations on a log and on its model.
type meta struct {
	*testing.T
	rand    *rand.Rand
	disk    *vfs.Mem
	fault   error // what the next operation fails with
	faultIn int   // after so many operations; 0: never
	log     *wal.Log
	folders []*tally
	model   model
	readers []*follower
}

// follower is a Reader and the sequence that it must return next.
type follower struct {
	r    *wal.Reader
	next uint64
}

// metaActions are the operations with their weights. To add one, add a line.
var metaActions = []struct {
	name   string
	weight int
	run    func(*meta)
}{
	{"append", 40, func(m *meta) { m.append(m.rand.IntN(600), true) }},
	{"enqueue", 40, func(m *meta) { m.append(m.rand.IntN(200), false) }},
	{"append empty", 2, func(m *meta) { m.append(0, true) }},
	{"append oversize", 3, func(m *meta) { m.append(2000+m.rand.IntN(1000), m.rand.IntN(2) == 0) }},
	{"append too large", 1, func(m *meta) {
		_, err := m.log.Enqueue(ctx, wal.TypePut, 1, make([]byte, 3<<10+1))
		is(m, err, wal.ErrTooLarge)
	}},
	{"wait for all", 5, func(m *meta) {
		if next := m.log.Next(); next > 1 && m.log.WaitDurable(ctx, next-1) == nil {
			m.acked(next - 1)
		}
	}},
	{"follow", 20, (*meta).follow},
	{"new reader", 4, func(m *meta) {
		first, next := m.log.First(), m.log.Next()
		m.newReader(first + m.rand.Uint64N(next-first+1))
	}},
	{"read", 10, (*meta).read},
	{"trim", 4, func(m *meta) {
		to := m.log.First() + m.rand.Uint64N(m.log.Durable()+2-min(m.log.First(), m.log.Durable()+1))
		m.log.Trim(to) // a failed one may have freed some
		m.model.trimmed = max(m.model.trimmed, to)
	}},
	{"prepare", 10, func(m *meta) {
		if err := m.log.Prepare(); err != nil {
			m.expected(err)
		}
	}},
	{"inject a fault", 2, func(m *meta) {
		m.faultIn = 1 + m.rand.IntN(20)
		m.fault = []error{errInjected, vfs.ErrTorn, errNoSpace}[m.rand.IntN(3)]
	}},
	{"close and open", 3, func(m *meta) {
		if m.log.Close() == nil {
			m.acked(uint64(len(m.model.frames)))
		}
		m.open(m.disk)
	}},
	{"crash", 4, func(m *meta) {
		kinds := crashKinds(m.rand.Uint64())
		left := m.disk.CrashClone(kinds[m.rand.IntN(len(kinds))])
		m.log.Close() // what it still writes is on the old disk
		m.open(left)
	}},
	{"check", 2, (*meta).check},
}

func (m *meta) append(size int, wait bool) {
	f := wal.Frame{Type: wal.Type(1 + m.rand.IntN(9)), Key: m.rand.Uint64(), Payload: payload(m.rand.IntN(1e6), size)}
	if size == 0 {
		f.Payload = nil
	}
	cut := m.rand.IntN(len(f.Payload) + 1)
	seq, err := m.log.Enqueue(ctx, f.Type, f.Key, f.Payload[:cut], f.Payload[cut:])
	if err != nil {
		m.expected(err)
		return
	}
	m.model.add(f)
	equal(m, seq, uint64(len(m.model.frames)))
	if !wait {
		return
	}
	if err := m.log.WaitDurable(ctx, seq); err != nil {
		m.expected(err)
		return
	}
	m.acked(seq)
}

func (m *meta) acked(seq uint64) { m.model.acked = max(m.model.acked, seq) }

// expected fails the test on errors that the faults do not explain.
func (m *meta) expected(err error) {
	if !errors.Is(err, errInjected) && !errors.Is(err, vfs.ErrTorn) && !errors.Is(err, wal.ErrNoSpace) && !errors.Is(err, wal.ErrReadOnly) {
		m.Fatal(err)
	}
}

func (m *meta) newReader(from uint64) {
	r, err := m.log.NewReader(from)
	must(m, err)
	m.readers = append(m.readers, &follower{r, from})
	if len(m.readers) > 4 {
		m.readers = m.readers[1:]
	}
}

func (m *meta) follow() {
	if len(m.readers) == 0 {
		return
	}
	f := m.readers[m.rand.IntN(len(m.readers))]
	equal(m, f.r.Position(), f.next)
	b, ok, err := f.r.TryNext()
	switch {
	case errors.Is(err, wal.ErrTrimmed):
		if f.next >= m.log.First() {
			m.Fatalf("reader at %d was told it is trimmed, first is %d", f.next, m.log.First())
		}
		f.next = m.log.First()
		must(m, f.r.Seek(f.next))
		return
	case err != nil:
		m.expected(err)
		return
	case !ok:
		if f.next <= m.log.Durable() {
			m.Fatalf("reader at %d ends, durable is %d", f.next, m.log.Durable())
		}
		return
	}
	for fr := range b.All() {
		if fr.Seq != f.next || fr.Seq > m.log.Durable() {
			m.Fatalf("frame %d where %d was due, durable %d", fr.Seq, f.next, m.log.Durable())
		}
		m.model.equal(m, fr)
		f.next++
	}
}

func (m *meta) read() {
	seq := m.rand.Uint64N(m.log.Next() + 3)
	f, err := m.log.Read(seq)
	first, durable := m.log.First(), m.log.Durable()
	switch {
	case seq > durable:
		is(m, err, wal.ErrBeyond)
	case seq < first:
		is(m, err, wal.ErrTrimmed)
	case err != nil:
		m.expected(err)
	default:
		m.model.equal(m, f)
	}
}

// check compares everything, without faults.
func (m *meta) check() {
	fault := m.faultIn
	m.faultIn = 0
	m.model.check(m, m.log, m.folders)
	m.faultIn = fault
}

// open opens a disk with a configuration of its own, after a crash or a Close.
func (m *meta) open(disk *vfs.Mem) {
	m.disk, m.readers = disk, nil
	cfg, folders := smallConfig(m)
	cfg.SegmentBytes = 4<<10 + 8*m.rand.Int64N(1<<10)
	cfg.BlockBytes = 4<<10 + m.rand.IntN(8<<10)
	cfg.TailBytes = m.rand.Int64N(32 << 10)
	cfg.Spares = m.rand.IntN(4) - 1
	fsys := vfs.Fault(disk, m.hook)
	if m.rand.IntN(2) == 0 {
		fsys = direct{FS: fsys}
	}
	for try := 0; ; try++ {
		l, err := wal.Open(fsys, cfg)
		if err != nil { // the injected fault hit the recovery: once
			m.expected(err)
			equal(m, try, 0)
			continue
		}
		m.log, m.folders = l, folders
		break
	}
	m.check()
	m.model.frames = m.model.frames[:m.log.Durable()]
	m.model.acked = m.log.Durable()
}

func (m *meta) hook(vfs.Op) error {
	if m.faultIn > 0 {
		if m.faultIn--; m.faultIn == 0 {
			return m.fault
		}
	}
	return nil
}

func runMeta(t *testing.T, seed uint64, ops int) {
	m := &meta{T: t, rand: rand.New(rand.NewPCG(seed, 0))}
	defer func() {
		if t.Failed() {
			t.Logf("again with: go test -run TestMetamorphic -seed %d -ops %d", seed, ops)
		}
	}()
	m.open(newDisk(t))
	total := 0
	for _, a := range metaActions {
		total += a.weight
	}
	for range ops {
		pick := m.rand.IntN(total)
		for _, a := range metaActions {
			if pick -= a.weight; pick < 0 {
				a.run(m)
				break
			}
		}
	}
	m.check()
	m.log.Close()
	equal(t, m.disk.OpenFiles(), 0)
}

func TestMetamorphic(t *testing.T) {
	if *metaSeed != 0 {
		runMeta(t, *metaSeed, *metaOps)
		return
	}
	for seed := uint64(1); seed <= 150; seed += step {
		runMeta(t, seed, *metaOps)
	}
	fresh := uint64(time.Now().UnixNano())
	t.Logf("fresh seed %d", fresh)
	runMeta(t, fresh, 10**metaOps)
}
