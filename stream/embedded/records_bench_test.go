package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sluice/internal/vfs"
	"sluice/internal/wal"
	"sluice/stream/embedded"
)

// processor is the CPU time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// onDisk is a stream on the machine's file system, in segments of the default size.
func onDisk(tb testing.TB) (*embedded.Streams, *wal.Log) {
	x := embedded.NewIndex()
	log, err := wal.Open(vfs.OS, wal.Config{Dir: tb.TempDir(), SegmentBytes: 64 << 20, TailBytes: 64 << 20, Folders: []wal.Folder{x}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { log.Close() })
	return embedded.New(embedded.Shard{Log: log, Index: x}), log
}

// puts are requests of 500 records each; about 512 KiB.
func puts() (records []embedded.Record, bytes int) {
	for i := range 500 {
		data := make([]byte, 1000)
		for j := range data {
			data[j] = byte(i * j)
		}
		records = append(records, embedded.Record{Shard: uint32(i / 125), Key: fmt.Appendf(nil, "%016x", i), Data: data})
		bytes += len(data)
	}
	return records, bytes
}

// BenchmarkRecords puts requests of 500 records of 1,000 bytes into a stream on disk,
// durable one by one, and reads them as four pollers do. bare is the same bytes
// written and synced to a file.
func BenchmarkRecords(b *testing.B) {
	records, size := puts()
	report := func(b *testing.B, used time.Duration) {
		b.ReportMetric(float64(size)*float64(b.N)/1e6/used.Seconds(), "MB/cpu-s")
	}
	b.Run("bare", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		buf := make([]byte, size)
		b.SetBytes(int64(size))
		begun := processor(b)
		n := 0
		for b.Loop() {
			if n++; n%128 == 0 {
				if _, err := f.Seek(0, 0); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := f.Write(buf); err != nil {
				b.Fatal(err)
			}
			if err := syscall.Fdatasync(int(f.Fd())); err != nil {
				b.Fatal(err)
			}
		}
		report(b, processor(b)-begun)
	})
	b.Run("append", func(b *testing.B) {
		s, log := onDisk(b)
		b.SetBytes(int64(size))
		b.ReportAllocs()
		begun := processor(b)
		for b.Loop() {
			appendTo(b, s, log, records)
		}
		report(b, processor(b)-begun)
	})
	b.Run("append-read", func(b *testing.B) {
		s, log := onDisk(b)
		b.SetBytes(int64(size))
		b.ReportAllocs()
		begun := processor(b)
		from := uint64(0)
		for b.Loop() {
			appendTo(b, s, log, records)
			n := 0
			for shard := range uint32(4) {
				n += readFrom(b, s, from, shard)
			}
			if n != size {
				b.Fatalf("read %d bytes of %d", n, size)
			}
			from = s.End(0)
		}
		report(b, processor(b)-begun)
	})
}

func appendTo(tb testing.TB, s *embedded.Streams, log *wal.Log, records []embedded.Record) {
	number, err := s.AppendRecords(tb.Context(), kinesisStream, 0, 1, nil, embedded.Mark{}, records)
	if err != nil {
		tb.Fatal(err)
	}
	if number%256 == 0 { // as compaction does
		s.Expire(kinesisStream, 2, func(uint32) uint64 { return number - 64 })
		if err := log.Trim(number - 64); err != nil {
			tb.Fatal(err)
		}
	}
}

func readFrom(tb testing.TB, s *embedded.Streams, from uint64, shard uint32) (bytes int) {
	_, err := s.ReadRecords(tb.Context(), kinesisStream, 0, from, shard, func(_ uint64, r embedded.Records) error {
		_, entries := r.Of(shard)
		for record, ok := entries.Next(); ok; record, ok = entries.Next() {
			bytes += len(record.Data)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return bytes
}

// TestRecordsAllocateNothingEach: what a frame costs in allocations hardly grows
// with its records; the log takes chunks for their bytes.
func TestRecordsAllocateNothingEach(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	records, _ := puts()
	s, log := onDisk(t)
	from := uint64(0)
	measure := func(n int) float64 {
		return testing.AllocsPerRun(20, func() {
			appendTo(t, s, log, records[:n])
			for shard := range uint32(4) {
				readFrom(t, s, from, shard)
			}
			from = s.End(0)
		})
	}
	measure(500) // what is pooled grows once
	if few, many := measure(4), measure(500); many > few+30 {
		t.Errorf("%v allocations for 4 records, %v for 500", few, many)
	}
}
