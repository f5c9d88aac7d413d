package firehose_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
	"sluice/internal/objput"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// cpu is the time this process has spent on its cores: wall time says little on
// a machine that is shared.
func cpu(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// batches are log lines of about 150 bytes in batches of about 1 MiB.
func batches(b *testing.B, n int) (out []event.Batch) {
	r := rand.New(rand.NewPCG(1, 2))
	verbs, paths := []string{"GET", "PUT", "POST"}, []string{"/cart", "/pay", "/api/v1/orders", "/static/app.js"}
	for i := range n {
		var lines []string
		for j := range 7000 {
			lines = append(lines, fmt.Sprintf("2026-02-03T%02d:%02d:%02d.%03dZ INFO request_id=%016x method=%s path=%s/%d status=%d elapsed=%dms user=%d",
				i%24, j/60%60, j%60, r.IntN(1000), r.Uint64(), verbs[r.IntN(3)], paths[r.IntN(4)], r.IntN(9999), 200+r.IntN(5)*100, r.IntN(900), r.IntN(100000)))
		}
		out = append(out, seal(b, lines...))
	}
	return out
}

// BenchmarkDelivery brings matches from the log into GZIP objects, whole
// protocol included, and compares the CPU it takes to that of the bare codec
// over the same messages in the same run.
func BenchmarkDelivery(b *testing.B) {
	const parcels = 32
	all := batches(b, parcels)
	// The dispatcher copies a selection of less than half of a batch, so that
	// what arrives as a selection is most of it.
	var mostOf event.Selection
	for i := range all[0].Len() {
		if i%5 > 0 {
			mostOf = append(mostOf, uint32(i))
		}
	}
	onDisk := func() (vfs.FS, string) { return vfs.OS, b.TempDir() }
	inMemory := func() (vfs.FS, string) { return vfs.NewMem(), "/s3" }
	for _, c := range []struct {
		name    string
		members string
		sel     event.Selection
		folder  func() (vfs.FS, string)
	}{
		{"messages/mem", extract, nil, inMemory},
		{"messages/disk", extract, nil, onDisk},
		{"messages-4-of-5/mem", extract, mostOf, inMemory},
		{"messages-by-event-time/mem", extract + "," + eventTime, nil, inMemory},
		{"documents/mem", decompress, nil, inMemory},
	} {
		b.Run(c.name, func(b *testing.B) {
			fsys, root := c.folder()
			store, err := objput.OpenFolder(fsys, root)
			if err != nil {
				b.Fatal(err)
			}
			w := newWorld(b, config{store: store})
			route := w.create(hints(1, 0) + `,"CompressionFormat":"GZIP",` + c.members)
			deliveries := make([]event.Delivery, parcels)
			bytes, n := 0, 0
			for i, batch := range all {
				deliveries[i] = event.Delivery{Batch: batch, Selection: c.sel, Filter: "f"}
				bytes += deliveries[i].Bytes()
			}
			bare := bareCodec(b, deliveries)
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				n++
				if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), deliveries...); err != nil {
					b.Fatal(err)
				}
				w.log.await(wal.TypeCommit, n)
			}
			spent := (cpu(b) - before) / time.Duration(b.N)
			b.ReportMetric(float64(bytes)/1e6/spent.Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(bytes)/1e6/bare.Seconds(), "codec-MB/cpu-s")
			b.ReportMetric(bare.Seconds()/spent.Seconds(), "of-codec")
		})
	}
}

// bareCodec is the CPU time of gzip over the lines of deliveries.
func bareCodec(b *testing.B, deliveries []event.Delivery) time.Duration {
	var text []byte
	for _, d := range deliveries {
		for lo, hi := range d.Batch.Runs(d.Selection) {
			text = append(text, d.Batch.Lines(lo, hi)...)
		}
	}
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		b.Fatal(err)
	}
	const rounds = 4
	before := cpu(b)
	for range rounds {
		z.Reset(io.Discard)
		for rest := text; len(rest) > 0; {
			n := min(64<<10, len(rest))
			z.Write(rest[:n])
			rest = rest[n:]
		}
		z.Close()
	}
	return (cpu(b) - before) / rounds
}

// BenchmarkPartitions brings JSON messages of many partitions from the log into
// GZIP objects. Each is looked at twice, for its account and for its object; the
// bare codec sees the same messages as one object.
func BenchmarkPartitions(b *testing.B) {
	const parcels, perBatch = 16, 4000
	for _, partitions := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			deliveries := make([]event.Delivery, parcels)
			bytes, events, n := 0, 0, 0
			for i := range deliveries {
				var lines []string
				for range perBatch {
					lines = append(lines, fmt.Sprintf(`{"time":"2026-02-03T04:05:06.%03dZ","level":"INFO","request_id":"%016x","k":"customer-%d","path":"/cart/%d","status":200,"elapsed":%d}`,
						r.IntN(1000), r.Uint64(), r.IntN(partitions), r.IntN(9999), r.IntN(900)))
				}
				deliveries[i] = event.Delivery{Batch: seal(b, lines...), Filter: "f"}
				bytes += deliveries[i].Bytes()
				events += perBatch
			}
			bare := bareCodec(b, deliveries)
			w := newWorld(b, config{store: &tallyStore{}})
			route := w.create(messagesByKey + "," + hints(64, 60) + `,"CompressionFormat":"GZIP"`)
			b.SetBytes(int64(bytes))
			before := cpu(b)
			for b.Loop() {
				n++
				if err := w.log.match(route, 0, w.clock.Now().UnixMilli(), deliveries...); err != nil {
					b.Fatal(err)
				}
				w.advance(time.Minute)
				w.log.forget(route)
			}
			spent := (cpu(b) - before) / time.Duration(b.N)
			if s := w.status(); s.Delivered != int64(n*events) || s.Quarantined > 0 {
				b.Fatalf("%+v", s)
			}
			b.ReportMetric(float64(bytes)/1e6/spent.Seconds(), "MB/cpu-s")
			b.ReportMetric(bare.Seconds()/spent.Seconds(), "of-codec")
		})
	}
}
