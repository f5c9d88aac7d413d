package compact_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"sluice/bench/corpus"
	"sluice/internal/compact"
	"sluice/internal/event"
)

// cpu is the processor time that this process has used: the machine's other
// work does not change it much.
func cpu() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func textOf(batches []event.Batch) (text []byte) {
	for _, b := range batches {
		text = append(text, b.Text()...)
	}
	return text
}

func numberedFrom(first uint64, batches []event.Batch) []numbered {
	var all []numbered
	for i, b := range batches {
		all = append(all, numbered{first + uint64(i), b})
	}
	return sorted(all)
}

func unnumbered(batches []numbered) (all []event.Batch) {
	for _, b := range batches {
		all = append(all, b.Batch)
	}
	return all
}

// rate reports MB of text per CPU-second.
func rate(b *testing.B, bytes int64, used time.Duration) {
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/used.Seconds(), "MB/cpu-s")
}

// bare measures zstd alone over the same text in pieces of a MiB: what
// compressing and what unfolding costs without all that a file is, in the same
// run on the same machine.
func bare(b *testing.B, text []byte) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	must(b, err)
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	must(b, err)
	defer decoder.Close()
	var encoding, decoding time.Duration
	packed, raw := make([]byte, 0, 2<<20), make([]byte, 0, 2<<20)
	for piece := range slices.Chunk(text, 1<<20) {
		start := cpu()
		packed = encoder.EncodeAll(piece, packed[:0])
		encoding += cpu() - start
		start = cpu()
		raw, err = decoder.DecodeAll(packed, raw[:0])
		decoding += cpu() - start
		must(b, err)
	}
	b.ReportMetric(float64(len(text))/1e6/encoding.Seconds(), "bare-encode-MB/cpu-s")
	b.ReportMetric(float64(len(text))/1e6/decoding.Seconds(), "bare-decode-MB/cpu-s")
}

func eachCorpus(b *testing.B, f func(b *testing.B, kind corpus.Kind)) {
	for _, kind := range corpus.Kinds() {
		b.Run(kind.String(), func(b *testing.B) { f(b, kind) })
	}
}

// BenchmarkWrite writes 16 MiB of text in batches of 256 KiB.
func BenchmarkWrite(b *testing.B) {
	eachCorpus(b, func(b *testing.B, kind corpus.Kind) {
		batches := numberedFrom(1, corpusBatches(b, kind, 1, 16<<20, 256<<10))
		disk := newDisk(b)
		var stats compact.Stats
		start := cpu()
		for b.Loop() {
			stats = write(b, disk, compact.Options{NGrams: true}, batches, nil)
		}
		rate(b, stats.TextBytes, cpu()-start)
		bare(b, textOf(unnumbered(batches)))
		text := float64(stats.TextBytes)
		grams := stats.Columns[slices.Index(compact.ColumnNames(), "grams")]
		stored := stats.Columns[slices.Index(compact.ColumnNames(), "text")]
		b.ReportMetric(100*float64(stored)/text, "%text")
		b.ReportMetric(100*float64(grams)/text, "%grams")
		b.ReportMetric(100*float64(stats.FileBytes-stored-grams)/text, "%rest")
	})
}

// BenchmarkReadBatches reads every batch of 16 MiB of text, a block at a time.
func BenchmarkReadBatches(b *testing.B) {
	eachCorpus(b, func(b *testing.B, kind corpus.Kind) {
		batches := numberedFrom(1, corpusBatches(b, kind, 1, 16<<20, 256<<10))
		disk := newDisk(b)
		stats := write(b, disk, compact.Options{NGrams: true}, batches, nil)
		f := open(b, disk, 4<<20)
		start := cpu()
		for b.Loop() {
			for _, want := range batches {
				if _, err := f.Batch(want.number); err != nil {
					b.Fatal(err)
				}
			}
		}
		rate(b, stats.TextBytes, cpu()-start)
		bare(b, textOf(unnumbered(batches)))
	})
}

// BenchmarkPlaces looks for an id that occurs nowhere.
func BenchmarkPlaces(b *testing.B) {
	eachCorpus(b, func(b *testing.B, kind corpus.Kind) {
		batches := numberedFrom(1, corpusBatches(b, kind, 1, 16<<20, 256<<10))
		disk := newDisk(b)
		stats := write(b, disk, compact.Options{NGrams: true}, batches, nil)
		f := open(b, disk, 4<<20)
		needles := [][]byte{[]byte("7d3f00c4a1b2e695")}
		found := 0
		start := cpu()
		for b.Loop() {
			err := f.Places(1, 0, 0, 1<<62, needles, func(compact.Place) { found++ })
			if err != nil {
				b.Fatal(err)
			}
		}
		rate(b, stats.TextBytes, cpu()-start)
		b.ReportMetric(100-100*float64(found)/float64(b.N*len(batches)), "%excluded")
	})
}

// BenchmarkCopy makes a file of another one's blocks, as a merge of files that
// follow one another in time does.
func BenchmarkCopy(b *testing.B) {
	eachCorpus(b, func(b *testing.B, kind corpus.Kind) {
		batches := numberedFrom(1, corpusBatches(b, kind, 1, 16<<20, 256<<10))
		from, disk := newDisk(b), newDisk(b)
		opts := compact.Options{NGrams: true}
		stats := write(b, from, opts, batches, nil)
		f := open(b, from, 4<<20)
		start := cpu()
		for b.Loop() {
			w, err := compact.Create(disk, path, 3, opts)
			must(b, err)
			for block := range int(stats.Blocks) {
				must(b, w.Copy(f, block))
			}
			_, err = w.Finish(1, uint64(len(batches)))
			must(b, err)
		}
		rate(b, stats.TextBytes, cpu()-start)
	})
}
