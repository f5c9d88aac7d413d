// Package exporttasktest measures what an export task is made of: each step
// alone, as bare as it can be, over what a store holds. The sum is what a task
// would cost that did nothing else, which benchmarks compare tasks to.
//
// What enters: a store with a log group in compacted files, an object store.
// What leaves: CPU time of this process by stage. It holds the sample in memory
// and leaves a file in the test's folder and objects under stages/ of a bucket;
// nothing here is for a process that may crash.
package exporttasktest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/objput"
	"sluice/internal/store"
)

// Stage is the CPU time that a step takes alone.
type Stage struct {
	Name         string
	NanosPerByte float64 // of messages
}

// Load says what is measured.
type Load struct {
	Store *store.Store
	Group uint64 // uid of the log group
	// Sample is how many bytes of messages are taken, those that are stored first.
	Sample int64
	// Spool tells that the task goes by a spool, and merges batches.
	Spool bool
	// Objects takes objects of about ObjectBytes of messages into Bucket.
	Objects     objput.Store
	Bucket      string
	ObjectBytes int64
}

// CPU is the time this process has spent on its cores: wall time says little on
// a machine that is shared.
func CPU(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure is one measurement under way.
type measure struct {
	Load
	tb      testing.TB
	batches []event.Batch // a stream's beside each other, in order
	bytes   int64         // of their messages
	found   []Stage
}

// Stages measures, by byte of messages,
//
//	read    blocks read and unfolded, once and in their order
//	spool   the records written to a file in parts of 16 MiB, synced, and read back
//	merge   batches that overlap merged by time, two pointers to an event
//	lines   the text that an object holds, made in memory
//	gzip    klauspost's, at the level of the codec, over that text
//	put     objects put, signed where the store wants it
func Stages(tb testing.TB, l Load) []Stage {
	m := &measure{Load: l, tb: tb}
	m.read()
	slices.SortStableFunc(m.batches, func(x, y event.Batch) int { return cmp.Compare(x.StreamUID(), y.StreamUID()) })
	if l.Spool {
		m.spool()
		m.merge()
	}
	m.objects()
	return m.found
}

func (m *measure) must(err error) {
	if err != nil {
		m.tb.Helper()
		m.tb.Fatal(err)
	}
}

func (m *measure) note(name string, spent time.Duration) {
	m.found = append(m.found, Stage{name, float64(spent) / float64(m.bytes)})
}

func (m *measure) timed(name string, f func()) {
	before := CPU(m.tb)
	f()
	m.note(name, CPU(m.tb)-before)
}

func (m *measure) read() {
	var places []store.Place
	query := store.Query{Group: m.Group, To: math.MaxInt64}
	m.must(m.Store.Places(context.Background(), query, m.Store.Durable(), func(p store.Place) { places = append(places, p) }))
	slices.SortFunc(places, func(a, b store.Place) int {
		return cmp.Or(cmp.Compare(a.Least, b.Least), cmp.Compare(a.Position.Number, b.Position.Number))
	})
	read := m.Store.Reader(nil)
	for _, p := range places {
		m.must(read(p.Position, func(b event.Batch) error {
			kept, err := event.View(slices.Clone(b.Record()))
			m.batches, m.bytes = append(m.batches, kept), m.bytes+int64(b.MessageBytes())
			return err
		}))
		if m.bytes >= m.Sample {
			break
		}
	}
	read = m.Store.Reader(nil)
	m.timed("read", func() {
		for _, p := range places[:len(m.batches)] {
			m.must(read(p.Position, func(event.Batch) error { return nil }))
		}
	})
}

// The bare spool's.
const (
	spoolSync = 16 << 20
	spoolStep = 1 << 20
)

func (m *measure) spool() {
	f, err := os.Create(filepath.Join(m.tb.TempDir(), "spool"))
	m.must(err)
	defer os.Remove(f.Name())
	defer f.Close()
	step, part, size := make([]byte, 0, 2*spoolStep), 0, int64(0)
	m.timed("spool", func() {
		flush := func() {
			n, err := f.Write(step)
			m.must(err)
			if part += n; part >= spoolSync {
				m.must(f.Sync())
				part = 0
			}
			size, step = size+int64(n), step[:0]
		}
		for _, b := range m.batches {
			if step = append(step, b.Record()...); len(step) >= spoolStep {
				flush()
			}
		}
		flush()
		for at := int64(0); at < size; at += spoolStep / 4 {
			if _, err := f.ReadAt(step[:spoolStep/4], at); err != io.EOF {
				m.must(err)
			}
		}
	})
}

// merge goes through each stream event by event, in the order of time.
func (m *measure) merge() {
	var sum int64
	m.timed("merge", func() {
		for rest := m.batches; len(rest) > 0; {
			n := ofStream(rest)
			sum += mergeStream(rest[:n])
			rest = rest[n:]
		}
	})
	if sum == 0 {
		m.tb.Fatal("nothing was merged")
	}
}

// ofStream is how many batches belong to the stream of the first.
func ofStream(batches []event.Batch) int {
	n := slices.IndexFunc(batches, func(b event.Batch) bool { return b.StreamUID() != batches[0].StreamUID() })
	if n < 0 {
		return len(batches)
	}
	return n
}

type pointer struct {
	b event.Batch
	i int
}

func mergeStream(batches []event.Batch) (sum int64) {
	var open []pointer
	for len(batches) > 0 || len(open) > 0 {
		least := 0
		for i := 1; i < len(open); i++ {
			if open[i].b.Timestamp(open[i].i) < open[least].b.Timestamp(open[least].i) {
				least = i
			}
		}
		if len(open) == 0 || len(batches) > 0 && batches[0].Base() <= open[least].b.Timestamp(open[least].i) {
			open = append(open, pointer{batches[0], 0})
			batches = batches[1:]
			continue
		}
		p := &open[least]
		sum += p.b.Timestamp(p.i)
		if p.i++; p.i == p.b.Len() {
			open = slices.Delete(open, least, least+1)
		}
	}
	return sum
}

// objects makes objects of batches beside each other, and puts them.
func (m *measure) objects() {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	m.must(err)
	var lines, zip, put time.Duration
	id := rand.Uint64() // of this measurement: others may have put theirs
	text := make([]byte, 0, m.ObjectBytes+m.ObjectBytes/2+event.MaxText)
	clear(text[:cap(text)]) // touched
	for n, rest := 0, m.batches; len(rest) > 0; n++ {
		start := CPU(m.tb)
		text = text[:0]
		for len(rest) > 0 && int64(len(text)) < m.ObjectBytes {
			text, rest = appendLines(text, rest[0]), rest[1:]
		}
		made := CPU(m.tb)
		packed := &format.Body{}
		z.Reset(packed)
		_, err := z.Write(text)
		m.must(err)
		m.must(z.Close())
		zipped := CPU(m.tb)
		m.must(m.Objects.PutIfAbsent(context.Background(), m.Bucket, fmt.Sprintf("stages/%d/%06d.gz", id, n), objput.Object{Body: packed, Size: packed.Size()}))
		lines, zip, put = lines+made-start, zip+zipped-made, put+CPU(m.tb)-zipped
		packed.Release()
	}
	m.note("lines", lines)
	m.note("gzip", zip)
	m.note("put", put)
}

// appendLines makes lines as AWS has them, each second formatted once.
func appendLines(text []byte, b event.Batch) []byte {
	var stamp []byte
	last := int64(math.MinInt64)
	for i := range b.Len() {
		at := b.Timestamp(i)
		if second := at / 1000; second != last {
			last, stamp = second, time.Unix(second, 0).UTC().AppendFormat(stamp[:0], "2006-01-02T15:04:05.")
		}
		text = append(text, stamp...)
		ms := at % 1000
		text = append(text, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', ' ')
		text = append(text, b.Message(i)...)
		text = append(text, '\n')
	}
	return text
}
