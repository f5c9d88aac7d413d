package wal_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// cpu returns the CPU seconds this process has used.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkAppend is the log's whole price: copy, crc, write, fdatasync, and
// trimming behind, on the machine's disk.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		for _, appenders := range []int{1, 64} {
			b.Run(fmt.Sprintf("%dB/%d", size, appenders), func(b *testing.B) { benchmarkAppend(b, vfs.OS, b.TempDir(), size, appenders) })
		}
	}
}

func benchmarkAppend(b *testing.B, fsys vfs.FS, dir string, size, appenders int) {
	l := open(b, fsys, wal.Config{Dir: dir})
	data := payload(1, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	before := cpu()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range appenders {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				seq, err := l.Append(ctx, wal.TypeBatch, 1, data)
				if err != nil {
					b.Error(err)
					return
				}
				if seq%(64<<20/uint64(size)) == 0 { // steady state: trimmed segments are written again
					if err := l.Trim(seq); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric((cpu()-before)/(float64(b.N)*float64(size)/1e9), "cpu-s/GB")
	b.ReportMetric(float64(l.Stats().Commits)/float64(b.N), "commits/op")
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEnqueue is the copy and the crc without the disk: a commit for each block.
func BenchmarkEnqueue(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := open(b, nowhere{vfs.NewMem()}, wal.Config{})
			data := payload(1, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				if _, err := l.Enqueue(ctx, wal.TypeBatch, 1, data); err != nil {
					b.Fatal(err)
				}
				if n++; n%100_000 == 0 {
					must(b, l.Trim(l.Durable()))
				}
			}
			must(b, l.Close())
		})
	}
}

// nowhere is a file system whose writes cost nothing and store nothing.
type nowhere struct{ vfs.FS }

type blackHole struct{ vfs.File }

func (n nowhere) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := n.FS.OpenFile(name, flag)
	return blackHole{f}, err
}

func (blackHole) WriteAt(p []byte, off int64) (int, error) { return len(p), nil }
func (blackHole) Sync() error                              { return nil }

// BenchmarkTail reads what was just appended, from memory and from disk.
func BenchmarkTail(b *testing.B) {
	f := func(name string, tail int64) {
		b.Run(name, func(b *testing.B) {
			l := open(b, vfs.OS, wal.Config{Dir: b.TempDir(), TailBytes: tail})
			data := payload(1, 1000)
			total := 0
			for range 60_000 {
				_, err := l.Enqueue(ctx, wal.TypeBatch, 1, data)
				must(b, err)
				total += len(data)
			}
			must(b, l.WaitDurable(ctx, l.Next()-1))
			b.SetBytes(int64(total))
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				r, err := l.NewReader(l.First())
				must(b, err)
				n := 0
				for {
					blk, ok, err := r.TryNext()
					must(b, err)
					if !ok {
						break
					}
					for fr := range blk.All() {
						n += len(fr.Payload)
					}
				}
				equal(b, n, total)
			}
			b.ReportMetric((cpu()-before)/(float64(b.N)*float64(total)/1e9), "cpu-s/GB")
			must(b, l.Close())
		})
	}
	f("memory", 128<<20)
	f("disk", 1)
}

// BenchmarkRead is random access through the sparse index, from disk.
func BenchmarkRead(b *testing.B) {
	l := open(b, vfs.OS, wal.Config{Dir: b.TempDir(), TailBytes: 1})
	for i := range 100_000 {
		_, err := l.Enqueue(ctx, wal.TypeBatch, 1, payload(i, 1000))
		must(b, err)
	}
	must(b, l.WaitDurable(ctx, l.Next()-1))
	b.ReportAllocs()
	before := cpu()
	seq := uint64(1)
	for b.Loop() {
		_, err := l.Read(seq)
		must(b, err)
		seq = (seq*7919+13)%90_000 + 1
	}
	b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "cpu-us/op")
	must(b, l.Close())
}

// BenchmarkOpen recovers a log of many sealed segments.
func BenchmarkOpen(b *testing.B) {
	for _, segments := range []int{100, 1000} {
		b.Run(fmt.Sprint(segments), func(b *testing.B) {
			cfg := wal.Config{Dir: b.TempDir(), SegmentBytes: 4 << 10}
			l := open(b, vfs.OS, cfg)
			for i := 0; len(l.Segments()) < segments; i++ {
				_, err := l.Enqueue(ctx, wal.TypeBatch, 1, payload(i, 3000))
				must(b, err)
			}
			must(b, l.Close())
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				l, err := wal.Open(vfs.OS, cfg)
				must(b, err)
				must(b, l.Close())
			}
			b.ReportMetric((cpu()-before)/float64(b.N)/float64(segments)*1e6, "cpu-us/segment")
		})
	}
}

// BenchmarkReadMarked reads single frames between large ones, as what filters
// selected stands between what it was selected from.
func BenchmarkReadMarked(b *testing.B) {
	l := open(b, vfs.OS, wal.Config{Dir: b.TempDir(), TailBytes: 1})
	const pairs = 50
	for i := range pairs {
		for _, size := range []int{950_000, 30_000} {
			_, err := l.Append(ctx, wal.TypeBatch, 1, payload(i, size))
			must(b, err)
		}
	}
	b.ReportAllocs()
	before := cpu()
	n := uint64(0)
	for b.Loop() {
		n++
		_, err := l.Read(n%(pairs-1)*2 + 2)
		must(b, err)
	}
	b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "cpu-us/op")
	must(b, l.Close())
}

// BenchmarkReadInto reads large frames that follow small ones, which are marked:
// batches behind what filters selected from the ones before.
func BenchmarkReadInto(b *testing.B) {
	const pairs = 100
	f := func(name string, first uint64, read func(l *wal.Log, seq uint64) (wal.Frame, error)) {
		b.Run(name, func(b *testing.B) {
			l := open(b, vfs.OS, wal.Config{Dir: b.TempDir(), TailBytes: 1})
			for i := range pairs {
				for _, size := range []int{200, 1_000_000} {
					_, err := l.Append(ctx, wal.TypeBatch, 1, payload(i, size))
					must(b, err)
				}
			}
			b.ReportAllocs()
			before, total := cpu(), 0
			n := uint64(0)
			for b.Loop() {
				n++
				fr, err := read(l, n%pairs*2+first)
				must(b, err)
				total += len(fr.Payload)
			}
			b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "cpu-us/op")
			must(b, l.Close())
		})
	}
	for _, size := range []int{300, 5_000, 1_000_000} {
		for who, name := range []string{"through", "around"} {
			b.Run(fmt.Sprintf("in order, %d, %s the cache", size, name), func(b *testing.B) {
				cfg := wal.Config{Dir: b.TempDir(), TailBytes: 1}
				l := open(b, vfs.OS, cfg)
				n := min(20_000, 100_000_000/size)
				for i := range n {
					_, err := l.Enqueue(ctx, wal.TypeBatch, 1, payload(i, size))
					must(b, err)
				}
				must(b, l.WaitDurable(ctx, uint64(n)))
				var m wal.Memory
				m.For(uint64(who))
				b.ReportAllocs()
				before, seq := cpu(), 0
				for b.Loop() {
					if seq += 2; seq > n { // who reads again shares the cache
						b.StopTimer()
						at := cpu()
						must(b, l.Close())
						l, seq, m = open(b, vfs.OS, cfg), 2, wal.Memory{}
						m.For(uint64(who))
						before += cpu() - at
						b.StartTimer()
					}
					_, err := l.ReadInto(&m, uint64(seq))
					must(b, err)
				}
				b.ReportMetric((cpu()-before)/float64(b.N)*1e6, "cpu-us/op")
				must(b, l.Close())
			})
		}
	}
	var m wal.Memory
	into := func(l *wal.Log, seq uint64) (wal.Frame, error) { return l.ReadInto(&m, seq) }
	f("large, own memory", 2, (*wal.Log).Read)
	f("large, memory used again", 2, into)
	f("small, own memory", 1, (*wal.Log).Read)
	f("small, memory used again", 1, into)
}
