//go:build integration

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/memlimit"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// Gigabytes of text on a real disk: how fast they become files, how fast a
// restart finds them, what a search for a rare term costs with and without the
// filters of the blocks, and how much memory all of it takes.
// SLUICETEST_STORAGE_GB says how much, 2 unless set; the limits grow with it.
func TestGigabytesOfText(t *testing.T) {
	const term, hits = "XYZZYPLUGH", 10
	gigabytes := 2.0
	if text := os.Getenv("SLUICETEST_STORAGE_GB"); text != "" {
		var err error
		if gigabytes, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
	}
	total := int64(gigabytes * 1e9)
	forgetHighWater(t)
	stop := keepSmall()
	defer stop()
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
		speed := validSpeed()
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
		speed = min(speed, validSpeed())
		limit := gigabytes / 5 * 1.5 / speed // 1.5 s for 5 GB
		if needles != nil && took > limit {
			t.Errorf("took %.2f CPU-s, more than %.2f", took, limit)
		}
		limit = gigabytes / speed // unfolding the text alone takes most of it
		if needles == nil && took > limit {
			t.Errorf("took %.2f CPU-s without filters, more than %.2f", took, limit)
		}
	}
	if rss := highWater(t, os.Getpid()); rss > 256<<20 {
		t.Errorf("the process took %d MiB", rss>>20)
	} else {
		t.Logf("memory at most %d MiB", rss>>20)
	}
}

// What FilterLogEvents costs the server over gigabytes of stored text: for a term
// that occurs ten times, with the filters of the blocks and (as it is made of
// what numbers are written with, and too short for one of their grams) without,
// and for a condition on JSON. SLUICETEST_SEARCH_GB says how much is stored, half of one
// unless set.
func TestFilterLogEventsOverGigabytes(t *testing.T) {
	gigabytes := 0.5
	if text := os.Getenv("SLUICETEST_SEARCH_GB"); text != "" {
		var err error
		if gigabytes, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatal(err)
		}
	}
	s := startConfigured(t, "log_level: warn\n")
	c := newCaller(t, *s.url.Load(), 2)
	const hits = 10
	stored := fillSearched(t, c, int64(gigabytes*1e9), hits)
	s.end(syscall.SIGTERM) // what storing took of memory is no matter of the search
	s.start()
	c = newCaller(t, *s.url.Load(), 2)
	waitIdle(t, s.pid) // it compacts
	f := func(name, pattern string, want int, limit float64) {
		t.Helper()
		speed := validSpeed()
		began := cpuSeconds(t, s.pid)
		found, pages := search(t, c, pattern)
		took := cpuSeconds(t, s.pid) - began
		speed = min(speed, validSpeed())
		t.Logf("%s: %d events in %d pages, %.2f CPU-s, %.0f MB of stored text a CPU-second; this machine at %.2f of the one the limits are for",
			name, found, pages, took, float64(stored)/1e6/took, speed)
		// Half a second is a short measurement on a machine that others use, too.
		const noise = 1.3
		if limit *= gigabytes / speed; found != want || took > noise*limit+0.1 {
			t.Errorf("%s: %d events want %d, %.2f CPU-s want at most %.2f", name, found, want, took, limit)
		}
	}
	t.Logf("%.1f GB of messages", float64(stored)/1e9)
	f("rare term", "XYZZYPLUGH", hits, 1.5/5)
	f("rare term that no filter knows", `"-.:-."`, hits, 5.0/5)
	f("JSON condition", "{ $.latency_ms > 99999999 }", 0, 1/0.5)
	rss := highWater(t, s.pid)
	if t.Logf("memory at most %d MiB", rss>>20); rss > 256<<20 {
		t.Errorf("the server took %d MiB", rss>>20)
	}
}

// fillSearched stores about total bytes of messages over the API, two terms in
// hits of them, and waits until all but the end of the log is compacted.
func fillSearched(t *testing.T, c *caller, total int64, hits int) (stored int64) {
	t.Helper()
	call := func(operation, body string) {
		if _, err := c.call(operation, body); err != nil {
			t.Fatal(err)
		}
	}
	call("CreateLogGroup", `{"logGroupName":"/search"}`)
	const streams = 8
	for i := range streams {
		call("CreateLogStream", fmt.Sprintf(`{"logGroupName":"/search","logStreamName":"s%d"}`, i))
	}
	lines := corpus.New(corpus.App, 1, corpus.Epoch)
	var line []byte
	at := time.Now().Add(-24 * time.Hour).UnixMilli()
	for n, marked := 0, 0; stored < total; n++ {
		var events []putlogevents.Event
		for size := 0; size < 1_000_000; at++ {
			line, _ = lines.AppendEvent(line[:0])
			if marked < hits && stored > total*int64(2*marked+1)/int64(2*hits) {
				line = append(line, " XYZZYPLUGH -.:-."...)
				marked++
			}
			events = append(events, putlogevents.Event{Timestamp: at, Message: bytes.Clone(line)})
			size, stored = size+len(line)+26, stored+int64(len(line))
		}
		call("PutLogEvents", string(putlogevents.AppendRequest(nil, "/search", fmt.Sprint("s", n%streams), events...)))
	}
	return stored
}

// search pages through all that matches.
func search(t *testing.T, c *caller, pattern string) (found, pages int) {
	t.Helper()
	request := map[string]any{"logGroupName": "/search", "filterPattern": pattern}
	for {
		body, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.call("FilterLogEvents", string(body))
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Events    []struct{}
			NextToken *string
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil {
			t.Fatal(err)
		}
		found, pages = found+len(page.Events), pages+1
		if page.NextToken == nil {
			return found, pages
		}
		request["nextToken"] = *page.NextToken
	}
}

// waitIdle waits until a process has nothing to do for half a second.
func waitIdle(t *testing.T, pid int) {
	t.Helper()
	since, used := time.Now(), cpuSeconds(t, pid)
	waitFor(t, "rest", func() bool {
		if now := cpuSeconds(t, pid); now > used+0.02 {
			since, used = time.Now(), now
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

// validSpeed is how fast this machine is, beside the one that limits are stated
// for: there encoding/json's Valid does 336 MB in a CPU-second.
func validSpeed() float64 {
	bytes := 0
	pass := func(each func(line []byte)) float64 {
		began := cpu()
		lines := corpus.New(corpus.App, 1, corpus.Epoch)
		var line []byte
		for bytes = 0; bytes < 30e6; bytes += len(line) {
			line, _ = lines.AppendEvent(line[:0])
			each(line)
		}
		return cpu() - began
	}
	made := pass(func([]byte) {})
	checked := pass(func(line []byte) { json.Valid(line) }) - made
	return min(1, float64(bytes)/1e6/checked/336)
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

// keepSmall holds this process near the size that sluice serve has.
func keepSmall() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		memlimit.Keep(ctx, 192<<20)
	}()
	return func() { cancel(); <-ended }
}

// forgetHighWater has this process forget the most memory that it had, which other
// tests took.
func forgetHighWater(t *testing.T) {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Log("the memory of other tests counts:", err)
	}
}

// highWater is the most memory that a process had.
func highWater(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
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
