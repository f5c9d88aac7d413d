//go:build integration

package app_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Gigabytes of text on a real disk: how fast they become files, how fast a
// restart finds them, what a search for a rare term costs with and without the
// filters of the blocks, and how much memory all of it takes.
// SLUICE_STORAGE_GB says how much, 2 unless set; the limits grow with it.
func TestGigabytesOfText(t *testing.T) {
	const term, hits = "XYZZYPLUGH", 10
	gigabytes := 2.0
	if text := os.Getenv("SLUICE_STORAGE_GB"); text != "" {
		var err error
		if gigabytes, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(gigabytes * 1e9)
	dir := t.TempDir()
	next := uint64(1)
	cfg := store.Config{
		Dir: filepath.Join(dir, "wal"), Files: filepath.Join(dir, "store"), Compact: compact.Options{NGrams: true}, TailBytes: 8 << 20,
		Needed: func(uint32) uint64 { return next }, Keep: func(uint32, wal.Frame) bool { return false },
	}
	s := openStore(t, cfg)
	began := cpu()
	stored := fillCorpus(t, s, total, term, hits, &next)
	work := s.Disk().Work
	t.Logf("%.1f GB in %d events made, written and compacted in %.1f CPU-s (compaction took %.1f s, merged %.1f GB); %s",
		float64(total)/1e9, stored, cpu()-began, work.Seconds, float64(work.Merged)/1e9, size(t, dir))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	at := time.Now()
	s = openStore(t, cfg)
	defer s.Close()
	if took := time.Since(at); took > 2*time.Second {
		t.Errorf("a restart takes %v", took)
	} else {
		t.Logf("restart: %v", took)
	}
	rare := [][]byte{[]byte(term)}
	for _, needles := range [][][]byte{rare, nil} {
		began, found, read := cpu(), 0, 0
		err := s.Scan(t.Context(), store.Query{Group: 1, To: math.MaxInt64, Needles: needles}, func(b event.Batch) error {
			read++
			found += bytes.Count(b.Text(), rare[0])
			return nil
		})
		took := cpu() - began
		t.Logf("scan with %d needles: %d batches read, %d hits, %.2f CPU-s", len(needles), read, found, took)
		if err != nil || found != hits {
			t.Error(found, err)
		}
		limit := gigabytes / 5 * 1.5 // 1.5 s for 5 GB
		if needles != nil && took > limit {
			t.Errorf("took %.2f CPU-s, more than %.2f", took, limit)
		}
		limit = 2.5 * gigabytes // unfolding the text alone takes about half of it
		if needles == nil && took > limit {
			t.Errorf("took %.2f CPU-s without filters, more than %.2f", took, limit)
		}
	}
	if rss := highWater(t); rss > 256<<20 {
		t.Errorf("the process took %d MiB", rss>>20)
	} else {
		t.Logf("memory at most %d MiB", rss>>20)
	}
}

func openStore(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(vfs.OS, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fillCorpus stores about total bytes of JSON lines, the term in hits of them.
func fillCorpus(t *testing.T, s *store.Store, total int64, term string, hits int, next *uint64) (events int) {
	t.Helper()
	g := corpus.New(corpus.App, 1, corpus.Epoch)
	var line []byte
	for written, marked := int64(0), 0; written < total; {
		b := event.GetBuilder(300 << 10)
		stream := uint64(10 + events/700%8)
		for n := 0; n < 256<<10; {
			var at int64
			line, at = g.AppendEvent(line[:0])
			if marked < hits && written+int64(n) > total*int64(2*marked+1)/int64(2*hits) {
				line = fmt.Appendf(line, " %s", term)
				marked++
			}
			if err := b.Append(at, line); err != nil {
				t.Fatal(err)
			}
			n += len(line)
			events++
		}
		sealed, err := b.Seal(event.Header{GroupUID: 1, StreamUID: stream, Ingested: 1, Request: uint64(events)}, event.Source{LogGroup: "g", LogStream: "s"})
		if err != nil {
			t.Fatal(err)
		}
		at, err := s.Append(t.Context(), sealed)
		if err != nil {
			t.Fatal(err)
		}
		written += int64(len(sealed.Text()))
		*next = at.Number
		b.Release()
		if len(s.Log(0).Segments()) > 2 {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return events
}

// cpu is what the process has used, in seconds.
func cpu() float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

func size(t *testing.T, dir string) string {
	t.Helper()
	var sum int64
	files := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum, files = sum+info.Size(), files+1
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%.2f GB on disk in %d files", float64(sum)/1e9, files)
}

// highWater is the most memory that the process had.
func highWater(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("no VmHWM")
	return 0
}
