package wal_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

var (
	errInjected = errors.New("injected")
	errNoSpace  = &noSpace{}
)

// noSpace is a full disk of the faults' making.
type noSpace struct{}

func (*noSpace) Error() string   { return "injected: no space" }
func (*noSpace) Is(e error) bool { return e == syscall.ENOSPC || e == errInjected }

// workload appends, enqueues, trims and reads in a fixed order until writing
// ends, and keeps the model. Errors are the faults' doing and part of the game.
func workload(t testing.TB, l *wal.Log, m *model) {
	enqueue := func(i, size int) (uint64, error) {
		f := wal.Frame{Type: wal.Type(1 + i%5), Key: uint64(i), Payload: payload(i, size)}
		seq, err := l.Enqueue(ctx, f.Type, f.Key, f.Payload[:len(f.Payload)/2], f.Payload[len(f.Payload)/2:])
		if err == nil {
			equal(t, seq, uint64(len(m.frames)+1))
			m.add(f)
		}
		return seq, err
	}
	for i := range 60 {
		seq, err := enqueue(i, 40+i*37%900)
		switch {
		case err != nil:
			continue
		case i%3 == 0:
			continue // left to the next leader
		case i%20 == 17:
			enqueue(1000+i, 3000) // a block of its own
		}
		if err := l.WaitDurable(ctx, seq); err == nil {
			m.acked = max(m.acked, seq, l.Durable())
		} else if l.Durable() >= seq {
			t.Fatalf("frame %d is durable, but WaitDurable says %v", seq, err)
		}
		if i%4 == 1 && i/20 != 1 { // and for a while nobody does it
			l.Prepare()
		}
		if i%25 == 24 && m.acked > 10 {
			m.trimmed = m.acked - 10
			l.Trim(m.trimmed)
		}
		if i%10 == 0 {
			if f, err := l.Read(max(l.First(), m.acked)); err == nil {
				m.equal(t, f)
			}
		}
	}
}

// run opens the file system, runs the workload and closes.
func run(t testing.TB, fsys vfs.FS, m *model) {
	cfg, _ := smallConfig(t)
	l, err := wal.Open(fsys, cfg)
	if err != nil {
		return
	}
	workload(t, l, m)
	if l.Close() == nil {
		m.acked = uint64(len(m.frames))
	}
}

// countOps returns the I/O operations of a run without faults.
func countOps(t testing.TB, on func(vfs.FS) vfs.FS) int64 {
	var n int64
	m := &model{}
	run(t, on(vfs.Fault(newDisk(t), func(op vfs.Op) error { n = op.N; return nil })), m)
	if int(m.acked) != len(m.frames) || n < 200 {
		t.Fatalf("%d of %d frames acknowledged in %d operations", m.acked, len(m.frames), n)
	}
	return n
}

func newDisk(t testing.TB) *vfs.Mem {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/data"))
	must(t, m.SyncDir("/"))
	return m
}

// crashKinds are the ways to lose power at one moment.
func crashKinds(seed uint64) []vfs.CrashOptions {
	return []vfs.CrashOptions{
		{},
		{ProcessOnly: true},
		{Rand: rand.New(rand.NewPCG(seed, 1))},
		{Rand: rand.New(rand.NewPCG(seed, 2)), TornLastWrite: true},
		{Rand: rand.New(rand.NewPCG(seed, 3)), TornLastWrite: true},
		{Rand: rand.New(rand.NewPCG(seed, 4))},
	}
}

// afterCrash reopens, compares, writes on, crashes again, compares again.
func afterCrash(t testing.TB, m model, disk *vfs.Mem, seed uint64) {
	t.Helper()
	m.frames = slices.Clone(m.frames)
	l, folders := m.reopen(t, disk)
	f := wal.Frame{Type: wal.TypePut, Key: 4711, Payload: payload(int(seed), 300)}
	seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
	must(t, err)
	equal(t, seq, uint64(len(m.frames)+1))
	m.add(f)
	m.acked = seq
	m.check(t, l, folders)
	again := disk.CrashClone(vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, 5)), TornLastWrite: true})
	must(t, l.Close())
	equal(t, disk.OpenFiles(), 0)
	l, _ = m.reopen(t, again)
	must(t, l.Close())
}

// TestCrashAtEveryOperation loses power before each I/O operation of a run.
func TestCrashAtEveryOperation(t *testing.T) { either(t, crashAtEveryOperation) }

func crashAtEveryOperation(t *testing.T, on func(vfs.FS) vfs.FS) {
	for n := int64(1); n <= countOps(t, on)+1; n += step {
		disk, m := newDisk(t), &model{}
		var clones []*vfs.Mem
		var at model
		run(t, on(vfs.Fault(disk, func(op vfs.Op) error {
			if op.N == n {
				for _, o := range crashKinds(uint64(n)) {
					clones = append(clones, disk.CrashClone(o))
				}
				at = *m
			}
			if op.N >= n {
				return errInjected
			}
			return nil
		})), m)
		for i, clone := range clones {
			// Frames enqueued by the call that the crash interrupted are not in
			// the model yet at that moment, but may have been written.
			at.frames = m.frames
			afterCrash(t, at, clone, uint64(n)*16+uint64(i))
		}
		equal(t, disk.OpenFiles(), 0)
	}
}

// TestFailEveryOperation makes each I/O operation of a run fail once, lets the
// log go on as it can, and loses power at the end.
func TestFailEveryOperation(t *testing.T) { either(t, failEveryOperation) }

func failEveryOperation(t *testing.T, on func(vfs.FS) vfs.FS) {
	for _, fault := range []error{errInjected, vfs.ErrTorn, syscall.ENOSPC} {
		for n := int64(1); n <= countOps(t, on); n += step {
			disk, m := newDisk(t), &model{}
			run(t, on(vfs.Fault(disk, func(op vfs.Op) error {
				if op.N == n {
					return fault
				}
				return nil
			})), m)
			equal(t, disk.OpenFiles(), 0)
			for i, o := range crashKinds(uint64(n)) {
				afterCrash(t, *m, disk.CrashClone(o), uint64(n)*16+uint64(i))
			}
		}
	}
}

// TestCrashDuringRecovery loses power at each operation of an Open after a crash.
func TestCrashDuringRecovery(t *testing.T) { either(t, crashDuringRecovery) }

func crashDuringRecovery(t *testing.T, on func(vfs.FS) vfs.FS) {
	total := countOps(t, on)
	for n := total / 11; n <= total; n += total / 11 * step {
		disk, m := newDisk(t), &model{}
		run(t, on(vfs.Fault(disk, func(op vfs.Op) error {
			if op.N >= n {
				return errInjected
			}
			return nil
		})), m)
		for i, o := range crashKinds(uint64(n))[:4] {
			crashed := disk.CrashClone(o)
			for k := int64(1); ; k++ {
				second := crashed.CrashClone(vfs.CrashOptions{ProcessOnly: true})
				hit := false
				cfg, _ := smallConfig(t)
				l, err := wal.Open(vfs.Fault(second, func(op vfs.Op) error {
					if hit = hit || op.N == k; hit {
						return errInjected
					}
					return nil
				}), cfg)
				if err == nil {
					must(t, l.Close())
				}
				if !hit {
					break
				}
				for j, o := range crashKinds(uint64(k)) {
					afterCrash(t, *m, second.CrashClone(o), uint64(n)*64+uint64(i*8+j))
				}
			}
		}
	}
}

// TestSyncThatFailed: after a failed sync the written pages are clean for the
// kernel and not on the disk. The next process must not take them for durable.
func TestSyncThatFailed(t *testing.T) { either(t, syncThatFailed) }

func syncThatFailed(t *testing.T, on func(vfs.FS) vfs.FS) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	cfg.SegmentBytes = 64 << 10 // so that the footer shares no page with most of the last frame
	syncs, fail := 0, false
	fsys := vfs.Fault(disk, func(op vfs.Op) error {
		if op.Kind == vfs.OpSync && fail {
			syncs++
			disk.FailSync()
			return syscall.EIO
		}
		return nil
	})
	l, err := wal.Open(on(fsys), cfg)
	must(t, err)
	for i := range 6 {
		fail = i == 5
		f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, 3000)}
		seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
		m.add(f)
		if i < 5 {
			must(t, err)
			m.acked = seq
			continue
		}
		is(t, err, wal.ErrReadOnly)
		is(t, err, syscall.EIO)
		is(t, l.Err(), wal.ErrReadOnly)
	}
	equal(t, syncs, 1)
	_, err = l.Append(ctx, wal.TypePut, 5, []byte("x"))
	is(t, err, syscall.EIO)
	f, err := l.Read(5)
	must(t, err)
	m.equal(t, f)
	is(t, l.Close(), wal.ErrReadOnly)

	disk = disk.CrashClone(vfs.CrashOptions{ProcessOnly: true})
	l, _ = m.reopen(t, disk)
	equal(t, l.Durable(), 6) // it is all in the page cache
	l, _ = m.reopen(t, disk.CrashClone(vfs.CrashOptions{}))
	equal(t, l.Durable(), 6)
}

// TestCrashWhileSealing: recovery shows a last block that no sync covered, and
// seals it. A crash then must not leave a footer that vouches for torn frames.
func TestCrashWhileSealing(t *testing.T) { either(t, crashWhileSealing) }

func crashWhileSealing(t *testing.T, on func(vfs.FS) vfs.FS) {
	disk, m := newDisk(t), &model{}
	cfg, _ := smallConfig(t)
	broken := false
	fault := func(op vfs.Op) error {
		if broken && op.Kind == vfs.OpSync {
			return errInjected
		}
		return nil
	}
	l, err := wal.Open(on(vfs.Fault(disk, fault)), cfg)
	must(t, err)
	for i := range 4 {
		broken = i == 3
		f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, 800)}
		m.add(f)
		if seq, err := l.Append(ctx, f.Type, f.Key, f.Payload); err == nil {
			m.acked = seq
		}
	}
	l.Close()
	for failed := int64(1); failed <= 2; failed++ { // recovery syncs the frames, then the footer
		left := disk.CrashClone(vfs.CrashOptions{ProcessOnly: true})
		syncs := int64(0)
		cfg, _ := smallConfig(t)
		_, err := wal.Open(vfs.Fault(left, func(op vfs.Op) error {
			if op.Kind == vfs.OpSync {
				syncs++
			}
			if syncs >= failed {
				return errInjected
			}
			return nil
		}), cfg)
		is(t, err, errInjected)
		for seed := range uint64(100) {
			o := vfs.CrashOptions{Rand: rand.New(rand.NewPCG(seed, 9)), TornLastWrite: seed%2 == 0}
			afterCrash(t, *m, left.CrashClone(o), seed)
		}
	}
}
