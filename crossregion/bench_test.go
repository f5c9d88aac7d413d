package crossregion

import (
	"bytes"
	"context"
	"io"
	"net"
	"syscall"
	"testing"

	"sluice/bench/corpus"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/origins"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// counting is an Appender that keeps nothing.
type counting struct{ bytes int64 }

func (c *counting) Append(_ context.Context, _ uint32, batches []event.Batch) error {
	for _, b := range batches {
		c.bytes += int64(len(b.Record()))
	}
	return nil
}

func (c *counting) Shards() int                                          { return 1 }
func (c *counting) Mark(context.Context, uint32, uint32) (uint64, error) { return 0, nil }

// batches are application JSON in batches of a size, with their text's size.
func batches(t testing.TB, text, size int) (all []event.Batch) {
	t.Helper()
	g := corpus.New(corpus.App, 1, corpus.Epoch)
	var line []byte
	for done := 0; done < text; {
		b := event.GetBuilder(2 * size)
		for b.TextBytes() < size {
			var at int64
			line, at = g.AppendEvent(line[:0])
			if err := b.Append(at, line); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := b.Seal(event.Header{Ingested: 1, Request: 1, GroupUID: 1, StreamUID: uint64(1 + len(all)%8)},
			event.Source{Account: "111111111111", Region: "eu-west-1", LogGroup: "/shop/web", LogStream: string(rune('a' + len(all)%8))})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, batch)
		done += len(batch.Text())
	}
	return all
}

// chunked packs batches as a Server would.
func chunked(t testing.TB, codec byte, all []event.Batch, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	p := &packer{to: &out, codec: codec, encoder: newEncoder()}
	for i, b := range all {
		p.add(uint64(i+1), b.Record(), b.Len())
		if len(p.raw) >= size || i == len(all)-1 {
			if err := p.send(chunk{Next: uint64(i + 2), End: uint64(len(all) + 1), Now: 1, Sent: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.Bytes()
}

func newTaker(t testing.TB, to Appender, marks Marks) *taker {
	t.Helper()
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	table, err := catalog.OpenTable[Replica](c, catalog.Replications)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Name: "n", ID: "id", URL: "http://127.0.0.1:1", Groups: []string{"*"}}, Links{
		Definitions: c, Appender: to, Marks: marks, Replicas: table, Numbers: NewNumbers(table), Clock: clock.Real{},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.open(t.Context(), Origin{ID: "origin"}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &r.live
}

// drain takes all chunks of a stream.
func (t *taker) drain(tb testing.TB, stream io.Reader) {
	t.begin(Lane{ID: origins.Lane | 1, From: 1}, 1, stream)
	for {
		head, entries, err := t.unpacker.next()
		if err == io.EOF {
			return
		}
		if err == nil {
			err = t.take(context.Background(), head, entries)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func cpu(t testing.TB) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkTake is what a copy costs the central side, in CPU-seconds of the
// process for each GB (1e9) of messages: take is everything but the append itself;
// inflate is zstd's part in it; socket adds the loopback interface, sender
// included; append is the local append of the same batches.
func BenchmarkTake(b *testing.B) {
	all := batches(b, 64<<20, 128<<10)
	text := 0
	for _, batch := range all {
		text += len(batch.Text())
	}
	stream := chunked(b, codecZstd, all, backlogChunk)
	measure := func(name string, once func()) {
		b.Run(name, func(b *testing.B) {
			once() // warm up: buffers, targets
			b.SetBytes(int64(text))
			b.ReportAllocs()
			before := cpu(b)
			n := 0
			for b.Loop() {
				once()
				n++
			}
			b.ReportMetric((cpu(b)-before)/float64(n)/float64(text)*1e9, "cpu-s/GB")
			b.ReportMetric(float64(text)/float64(len(stream)), "ratio")
		})
	}
	keep := &counting{}
	t := newTaker(b, keep, keep)
	measure("take", func() { t.drain(b, bytes.NewReader(stream)) })
	zstd := stream
	stream = chunked(b, codecS2, all, backlogChunk)
	measure("take-s2", func() { t.drain(b, bytes.NewReader(stream)) })
	stream = chunked(b, codecNone, all, backlogChunk)
	measure("take-none", func() { t.drain(b, bytes.NewReader(stream)) })
	stream = zstd
	u := &unpacker{decoder: newDecoder()}
	measure("inflate", func() {
		u.from = bytes.NewReader(stream)
		for {
			if _, _, err := u.next(); err != nil {
				return
			}
		}
	})
	measure("socket", func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write(stream)
			c.Close()
			l.Close()
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		t.drain(b, c)
	})
	dir := b.TempDir()
	marks := origins.NewMarks()
	log, err := store.Open(vfs.OS, store.Config{Dir: dir + "/wal", Folders: func(uint32) []wal.Folder { return []wal.Folder{marks} }})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	local := Local{Store: log, Origins: origins.Shards{marks}}
	measure("append", func() {
		for i := 0; i < len(all); i += 8 {
			if err := local.Append(context.Background(), 0, all[i:min(i+8, len(all))]); err != nil {
				b.Fatal(err)
			}
		}
		if err := log.Log(0).Trim(log.Log(0).Durable()); err != nil {
			b.Fatal(err)
		}
	})
}

func TestTakeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	all := batches(t, 1<<20, 32<<10)
	stream := chunked(t, codecZstd, all, 256<<10)
	keep := &counting{}
	tk := newTaker(t, keep, keep)
	source := bytes.NewReader(stream)
	tk.drain(t, source)
	n := testing.AllocsPerRun(20, func() {
		source.Reset(stream)
		tk.drain(t, source)
	})
	// Chunks, not events or batches, may cost something in the decoder.
	if n > 8 {
		t.Errorf("%v allocations for %d batches", n, len(all))
	}
}

// TestTakeRefuses feeds a taker what no honest server sends.
func TestTakeRefuses(t *testing.T) {
	all := batches(t, 64<<10, 16<<10)
	keep := &counting{}
	f := func(name string, make func(p *packer) chunk) {
		t.Helper()
		var out bytes.Buffer
		p := &packer{to: &out, encoder: newEncoder()}
		if err := p.send(make(p)); err != nil {
			t.Fatal(err)
		}
		tk := newTaker(t, keep, keep)
		tk.begin(Lane{ID: origins.Lane | 1, From: 5, To: 10}, 5, &out)
		head, entries, err := tk.unpacker.next()
		if err == nil {
			err = tk.take(context.Background(), head, entries)
		}
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	add := func(p *packer, numbers ...uint64) {
		for _, n := range numbers {
			p.add(n, all[0].Record(), all[0].Len())
		}
	}
	f("a batch below the lane", func(p *packer) chunk { add(p, 4); return chunk{Next: 6} })
	f("a batch at next", func(p *packer) chunk { add(p, 6); return chunk{Next: 6} })
	f("batches out of order", func(p *packer) chunk { add(p, 7, 6); return chunk{Next: 9} })
	f("a batch twice", func(p *packer) chunk { add(p, 6, 6); return chunk{Next: 9} })
	f("more than the lane", func(p *packer) chunk { add(p, 10); return chunk{Next: 11} })
	f("a step back", func(p *packer) chunk { return chunk{Next: 4} })
	f("a damaged record", func(p *packer) chunk {
		add(p, 6)
		p.raw[entryHead+100] ^= 1
		return chunk{Next: 7}
	})
	if keep.bytes != 0 {
		t.Errorf("%d bytes were stored", keep.bytes)
	}
}
