package exporttask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"sluice/internal/crc32c"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

const spoolPath = "/task.spool"

// crowd is a store of many streams' batches in memory.
type crowd struct{ shelf }

func (c *crowd) Places(ctx context.Context, q store.Query, below []uint64, visit func(store.Place)) error {
	return c.shelf.Places(ctx, q, below, func(p store.Place) {
		if q.Stream == 0 || q.Stream == p.Stream {
			visit(p)
		}
	})
}

func (c *crowd) Reader(needles [][]byte) func(p event.Position, visit func(event.Batch) error) error {
	return func(p event.Position, visit func(event.Batch) error) error {
		for _, n := range needles {
			if !bytes.Contains(c.batches[p.Number-1].Text(), n) {
				return nil
			}
		}
		return c.Batch(p, visit)
	}
}

func newCrowd(t *testing.T, r *rand.Rand, streams int) *crowd {
	c := &crowd{}
	for n := range 1 + r.IntN(200) {
		b := event.GetBuilder(1 << 10)
		for i := range 1 + r.IntN(5) {
			if err := b.Append(r.Int64N(500), fmt.Appendf(nil, "%d of batch %d %s", i, n, [...]string{"ok", "ERROR"}[r.IntN(2)])); err != nil {
				t.Fatal(err)
			}
		}
		sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 1 + r.Uint64N(uint64(streams))}, event.Source{LogGroup: "g"})
		if err != nil {
			t.Fatal(err)
		}
		copied, err := event.View(slices.Clone(sealed.Record()))
		if err != nil {
			t.Fatal(err)
		}
		c.batches = append(c.batches, copied)
		b.Release()
	}
	return c
}

// read lists what Places and Batch show of a stream, in the order of positions.
func read(t *testing.T, from Events, q store.Query, below []uint64, after uint64, needles [][]byte) (all []string) {
	t.Helper()
	var places []store.Place
	if err := from.Places(t.Context(), q, below, func(p store.Place) { places = append(places, p) }); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(places, byBeginning)
	for _, p := range places {
		err := from.Batch(p.Position, func(b event.Batch) error {
			if p.Position.Number >= after && !slices.ContainsFunc(needles, func(n []byte) bool { return !bytes.Contains(b.Text(), n) }) {
				all = append(all, fmt.Sprintf("%+v %q", p, b.Record()))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// aroundFS is a file system with a way around a page cache, which wants whole
// blocks and refuses now and then.
type aroundFS struct {
	*vfs.Mem
	r           *rand.Rand
	wrote, read *int
}

func (f aroundFS) OpenDirect(name string) (vfs.File, error) {
	if f.r.IntN(10) == 0 {
		return nil, errors.ErrUnsupported
	}
	file, err := f.OpenFile(name, os.O_RDWR)
	return aroundFile{file, f}, err
}

type aroundFile struct {
	vfs.File
	fs aroundFS
}

func (f aroundFile) access(b []byte, at int64, count *int, do func([]byte, int64) (int, error)) (int, error) {
	if len(b)%vfs.DirectBlock != 0 || at%vfs.DirectBlock != 0 {
		panic("access that is not aligned")
	}
	if f.fs.r.IntN(20) == 0 {
		return 0, syscall.EINVAL
	}
	*count++
	return do(b, at)
}

func (f aroundFile) ReadAt(b []byte, at int64) (int, error) {
	return f.access(b, at, f.fs.read, f.File.ReadAt)
}

func (f aroundFile) WriteAt(b []byte, at int64) (int, error) {
	return f.access(b, at, f.fs.wrote, f.File.WriteAt)
}

func TestSpoolIsTheStore(t *testing.T) {
	t.Run("through the cache", func(t *testing.T) {
		testSpool(t, func(m *vfs.Mem, _ *rand.Rand) vfs.FS { return m })
	})
	t.Run("around it", func(t *testing.T) {
		wrote, read := 0, 0
		testSpool(t, func(m *vfs.Mem, r *rand.Rand) vfs.FS { return aroundFS{m, r, &wrote, &read} })
		if wrote == 0 || read == 0 {
			t.Errorf("%d writes and %d reads around the cache", wrote, read)
		}
	})
}

// testSpool fills spools in parts and rounds of any size, loses power on the way,
// now and then with a torn part, goes on, and wants of every stream what the store
// has.
func testSpool(t *testing.T, over func(*vfs.Mem, *rand.Rand) vfs.FS) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 21))
		c := newCrowd(t, r, 12)
		mem := vfs.NewMem()
		disk := over(mem, r)
		var streams []uint64
		for uid := range uint64(12) {
			if r.IntN(3) > 0 {
				streams = append(streams, uid+1)
			}
		}
		below, after, rounds, size := 1+r.Uint64N(220), r.Uint64N(40), 1+r.IntN(60), 1+r.IntN(4000)
		query := store.Query{Group: 1, From: r.Int64N(200), To: 200 + r.Int64N(400)}
		if r.IntN(4) == 0 {
			query.Needles = [][]byte{[]byte("ERROR")}
		}
		spool, err := createSpool(disk, spoolPath, streams)
		if err != nil {
			t.Fatal(err)
		}
		for attempts := 0; ; attempts++ {
			spool.goAround()
			reads := r.IntN(100) // before the power fails
			ctx, cancel := context.WithCancel(t.Context())
			filling := spooling{spool: spool, query: query, after: []uint64{after}, below: []uint64{below}, rounds: rounds, bytes: size,
				events: counted{c, func() {
					if reads--; reads == 0 && attempts < 5 {
						cancel()
					}
				}}}
			err := filling.fill(ctx)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			mem = mem.CrashClone(vfs.CrashOptions{Rand: r, TornLastWrite: true})
			disk = over(mem, r)
			spool, err = openSpool(disk, spoolPath)
			if errors.Is(err, errSpool) || errors.Is(err, fs.ErrNotExist) { // its header was not synced
				spool, err = createSpool(disk, spoolPath, streams)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if spool, err = openSpool(disk, spoolPath); err != nil || !spool.whole {
			t.Fatalf("seed %d: a whole spool does not open: %v", seed, err)
		}
		spool.goAround()
		reader := spool.reader()
		for _, uid := range streams {
			q := query
			q.Stream = uid
			want := read(t, c, q, []uint64{below}, after, query.Needles)
			if got := read(t, reader, q, nil, 0, nil); !slices.Equal(got, want) {
				t.Fatalf("seed %d, stream %d: %d batches, want %d, or others", seed, uid, len(got), len(want))
			}
		}
		if err := spool.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// counted calls before each batch of a pass.
type counted struct {
	Stored
	before func()
}

func (c counted) Reader(needles [][]byte) func(p event.Position, visit func(event.Batch) error) error {
	read := c.Stored.Reader(needles)
	return func(p event.Position, visit func(event.Batch) error) error {
		c.before()
		return read(p, visit)
	}
}

// FuzzOpenSpool opens anybody's file: no panic, and of what opens every batch can
// be looked at.
func FuzzOpenSpool(f *testing.F) {
	disk := vfs.NewMem()
	s, err := createSpool(disk, spoolPath, []uint64{1, 2})
	if err != nil {
		f.Fatal(err)
	}
	c := &crowd{}
	c.put(f, 1, func(int) string { return "message" }, 1, 2, 3)
	if err := (&spooling{spool: s, events: c, query: store.Query{Group: 1, To: 10}, below: []uint64{9}, rounds: 9, bytes: 1}).fill(f.Context()); err != nil {
		f.Fatal(err)
	}
	text, err := vfs.ReadFile(disk, spoolPath, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-spoolPartHeader])
	f.Fuzz(func(t *testing.T, text []byte) {
		disk := vfs.NewMem()
		file, err := disk.OpenFile(spoolPath, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(text, 0); err != nil {
			t.Fatal(err)
		}
		s, err := openSpool(disk, spoolPath)
		if err != nil {
			return
		}
		for _, uid := range s.streams {
			r := s.reader()
			var at []event.Position
			r.Places(t.Context(), store.Query{Stream: uid, To: 1 << 40}, nil, func(p store.Place) { at = append(at, p.Position) })
			for _, p := range at {
				r.Batch(p, func(b event.Batch) error { b.Len(); return nil })
			}
		}
	})
}

// TestOlderSpool wants a spool of an older version refused, so that it is filled
// anew: its parts lie elsewhere.
func TestOlderSpool(t *testing.T) {
	head := le.AppendUint64(make([]byte, spoolHeader), 1)
	copy(head, "SLXS\x01")
	le.PutUint32(head[12:], crc32c.Sum(head))
	disk := vfs.NewMem()
	file, err := vfs.Create(disk, spoolPath)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(head, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := openSpool(disk, spoolPath); !errors.Is(err, errSpool) {
		t.Errorf("got %v", err)
	}
}

// TestHostileSpool wants tables that do not agree with themselves refused, though
// their checksum is right.
func TestHostileSpool(t *testing.T) {
	f := func(what string, change func(table []byte)) {
		t.Helper()
		disk := vfs.NewMem()
		s, err := createSpool(disk, spoolPath, []uint64{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		c := newCrowd(t, rand.New(rand.NewPCG(1, 2)), 2)
		if err := (&spooling{spool: s, events: c, query: store.Query{Group: 1, To: 10000}, below: []uint64{1000}, rounds: 999, bytes: 1 << 20}).fill(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := vfs.ReadFile(disk, spoolPath, 1<<24)
		if err != nil {
			t.Fatal(err)
		}
		part := text[vfs.DirectBlock:]
		tables := spoolPartHeader + int(le.Uint32(part[4:]))*spoolStreamSize + int(le.Uint32(part[8:]))*spoolPlaceSize
		change(part[spoolPartHeader:])
		le.PutUint32(part[12:], 0)
		le.PutUint32(part[12:], crc32c.Sum(part[:tables]))
		file, err := disk.OpenFile(spoolPath, os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(text, 0); err != nil {
			t.Fatal(err)
		}
		s, err = openSpool(disk, spoolPath)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.parts) != 0 || s.whole {
			t.Errorf("%s: the part counts", what)
		}
	}
	f("an offset behind all", func(table []byte) { le.PutUint64(table[16:], 1<<63-10) })
	f("an offset in the tables", func(table []byte) { le.PutUint64(table[16:], 1) })
	f("more places than there are", func(table []byte) { le.PutUint32(table[8:], 1<<31) })
	f("fewer places than there are", func(table []byte) { le.PutUint32(table[8:], 0) })
}
