package wal_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// tally is a Folder whose state depends on every frame and on their order.
type tally struct {
	id     uint8
	frames uint64
	hash   uint32
}

func (c *tally) ID() uint8 { return c.id }

func (c *tally) Fold(f wal.Frame) {
	c.frames++
	var b [21]byte
	binary.LittleEndian.PutUint32(b[:], c.hash)
	binary.LittleEndian.PutUint64(b[4:], f.Seq)
	binary.LittleEndian.PutUint64(b[12:], f.Key)
	b[20] = byte(f.Type)
	c.hash = crc32.Update(crc32.ChecksumIEEE(b[:]), crc32.IEEETable, f.Payload)
}

func (c *tally) AppendSnapshot(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, c.frames)
	return binary.LittleEndian.AppendUint32(dst, c.hash)
}

func (c *tally) Restore(b []byte) error {
	c.frames, c.hash = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	return nil
}

// offsets is an Indexer that lists sequences and offsets.
type offsets struct{ list []byte }

func (o *offsets) ID() uint8 { return 7 }

func (o *offsets) Index(f wal.Frame, off int64) {
	o.list = binary.LittleEndian.AppendUint64(o.list, f.Seq)
	o.list = binary.LittleEndian.AppendUint64(o.list, uint64(off))
}

func (o *offsets) AppendSegmentIndex(dst []byte) []byte {
	dst = append(dst, o.list...)
	o.list = nil
	return dst
}

// model knows what a log must hold: frames[i] is the frame of sequence i+1.
type model struct {
	frames  []wal.Frame
	acked   uint64 // last sequence that was reported durable
	trimmed uint64 // highest position that Trim was called with
}

func (m *model) add(f wal.Frame) {
	f.Seq = uint64(len(m.frames) + 1)
	m.frames = append(m.frames, f)
}

// append appends frame i and waits for it.
func (m *model) append(t testing.TB, l *wal.Log, i, size int) {
	t.Helper()
	f := wal.Frame{Type: wal.TypePut, Key: 5, Payload: payload(i, size)}
	seq, err := l.Append(ctx, f.Type, f.Key, f.Payload)
	must(t, err)
	m.add(f)
	m.acked = seq
}

// fold returns the state of a tally that saw the first n frames.
func (m *model) fold(id uint8, n uint64) tally {
	c := tally{id: id}
	for _, f := range m.frames[:n] {
		c.Fold(f)
	}
	return c
}

// check compares a log with the model: everything acknowledged is there, what
// is there is what was enqueued, dense and in order, and the folders equal a
// replay from scratch.
func (m *model) check(t testing.TB, l *wal.Log, folders []*tally) {
	t.Helper()
	first, durable := l.First(), l.Durable()
	if durable < m.acked {
		t.Fatalf("durable up to %d, acknowledged up to %d", durable, m.acked)
	}
	if durable > uint64(len(m.frames)) {
		t.Fatalf("durable up to %d, enqueued up to %d", durable, len(m.frames))
	}
	if first > max(m.trimmed, 1) && first > durable+1 {
		t.Fatalf("first %d, trimmed up to %d, durable %d", first, m.trimmed, durable)
	}
	r, err := l.NewReader(first)
	must(t, err)
	next := first
	for {
		b, ok, err := r.TryNext()
		must(t, err)
		if !ok {
			break
		}
		for f := range b.All() {
			if f.Seq != next {
				t.Fatalf("read frame %d where %d was due", f.Seq, next)
			}
			m.equal(t, f)
			next++
		}
	}
	if next != durable+1 {
		t.Fatalf("read up to %d, durable up to %d", next-1, durable)
	}
	for _, c := range folders {
		if want := m.fold(c.id, l.Next()-1); *c != want {
			t.Fatalf("folder state %+v, replay gives %+v", *c, want)
		}
	}
	m.checkSections(t, l)
}

func (m *model) equal(t testing.TB, f wal.Frame) {
	t.Helper()
	want := m.frames[f.Seq-1]
	if f.Type != want.Type || f.Key != want.Key || string(f.Payload) != string(want.Payload) {
		t.Fatalf("frame %d is %d/%d/%.20q, want %d/%d/%.20q", f.Seq, f.Type, f.Key, f.Payload, want.Type, want.Key, want.Payload)
	}
}

// checkSections compares what the indexer wrote about each sealed segment.
func (m *model) checkSections(t testing.TB, l *wal.Log) {
	t.Helper()
	for _, s := range l.Segments() {
		b, err := l.Section(s.First, 7)
		if !s.Sealed {
			is(t, err, wal.ErrNotSealed)
			continue
		}
		must(t, err)
		if got, want := uint64(len(b)/16), s.Last+1-s.First; got != want {
			t.Fatalf("segment %d-%d: index of %d frames, want %d", s.First, s.Last, got, want)
		}
		for seq := s.First; seq <= s.Last; seq++ {
			if got := binary.LittleEndian.Uint64(b[(seq-s.First)*16:]); got != seq {
				t.Fatalf("segment %d: index says %d, want %d", s.First, got, seq)
			}
		}
	}
}

// config returns a configuration of small segments, with new folders.
func smallConfig(t testing.TB) (wal.Config, []*tally) {
	folders := []*tally{{id: 1}, {id: 9}}
	return wal.Config{
		Dir: "/data/wal", SegmentBytes: 4 << 10, BlockBytes: 4 << 10, MaxFrameBytes: 3 << 10, TailBytes: 8 << 10,
		Folders:  []wal.Folder{folders[0], folders[1]},
		Indexers: []wal.Indexer{&offsets{}},
		Quarantine: func(d wal.Damage) {
			t.Fatalf("a crash was taken for damage: %+v", d)
		},
	}, folders
}

// reopen opens what a crash left, compares it, and cuts the model to it.
func (m *model) reopen(t testing.TB, fsys vfs.FS) (*wal.Log, []*tally) {
	t.Helper()
	cfg, folders := smallConfig(t)
	l, err := wal.Open(fsys, cfg)
	must(t, err)
	m.check(t, l, folders)
	m.frames = m.frames[:l.Durable()]
	m.acked = l.Durable()
	return l, folders
}
