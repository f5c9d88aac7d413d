package exporttask

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/objput"
)

// stage is the CPU time that a step takes alone.
type stage struct {
	name  string
	spent time.Duration
}

// benchStages runs the steps of an export one by one over everything that is
// stored, each as bare as it can be: no journal, no hash, no cursor, no check.
type benchStages struct {
	*world
	b       *testing.B
	batches []event.Batch // a stream's beside each other, in order
	found   []stage
}

// stages are the CPU times of
//
//	read    blocks read and unfolded, once and in their order
//	spool   the records written to a file in parts of 16 MiB, synced, and read back
//	merge   batches that overlap merged by time, two pointers to an event
//	lines   the text that an object holds, made in memory
//	gzip    klauspost's, at the same level, over that text
//	put     objects put, signed
func (w *world) stages(b *testing.B, l loads) []stage {
	s := &benchStages{world: w, b: b}
	s.read()
	if l.streams > 100 {
		s.spool()
		byStream(s.batches)
		s.merge()
	} else {
		byStream(s.batches)
	}
	s.objects()
	return s.found
}

func (s *benchStages) timed(name string, f func()) {
	before := cpu(s.b)
	f()
	s.found = append(s.found, stage{name, cpu(s.b) - before})
}

func (s *benchStages) must(err error) {
	if err != nil {
		s.b.Helper()
		s.b.Fatal(err)
	}
}

func (s *benchStages) read() {
	places := s.places(s.b)
	read := s.store.Reader(nil)
	s.timed("read", func() {
		for _, p := range places {
			s.must(read(p.Position, func(event.Batch) error { return nil }))
		}
	})
	for _, p := range places {
		s.must(read(p.Position, func(b event.Batch) error {
			kept, err := event.View(slices.Clone(b.Record()))
			s.batches = append(s.batches, kept)
			return err
		}))
	}
}

func (s *benchStages) spool() {
	path := filepath.Join(s.b.TempDir(), "spool")
	defer removeAll(s.b, path)
	f, err := os.Create(path)
	s.must(err)
	defer f.Close()
	step, part := make([]byte, 0, 2<<20), 0
	s.timed("spool", func() {
		flush := func() {
			_, err := f.Write(step)
			s.must(err)
			if part += len(step); part >= spoolPartBytes {
				s.must(f.Sync())
				part = 0
			}
			step = step[:0]
		}
		for _, b := range s.batches {
			if step = append(step, b.Record()...); len(step) >= 1<<20 {
				flush()
			}
		}
		flush()
		for at := int64(0); ; at += 256 << 10 {
			n, err := f.ReadAt(step[:256<<10], at)
			if err == io.EOF {
				return
			}
			if s.must(err); n == 0 {
				return
			}
		}
	})
}

// merge goes through each stream event by event, in the order of time.
func (s *benchStages) merge() {
	var sum int64
	s.timed("merge", func() {
		for rest := s.batches; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].StreamUID() == rest[0].StreamUID() {
				n++
			}
			sum += mergeStream(rest[:n])
			rest = rest[n:]
		}
	})
	if sum == 0 {
		s.b.Fatal("nothing was merged")
	}
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

// objects makes and puts objects, a stream's events in each up to 64 MiB.
func (s *benchStages) objects() {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	s.must(err)
	var lines, zip, put time.Duration
	text := make([]byte, 80<<20)
	clear(text) // touched
	objects := 0
	for rest := s.batches; len(rest) > 0; {
		start := cpu(s.b)
		l, n := bareLines{text: text[:0]}, 0
		for n < len(rest) && rest[n].StreamUID() == rest[0].StreamUID() && len(l.text) < defaultObjectMB<<20 {
			l.append(rest[n])
			n++
		}
		rest = rest[n:]
		made := cpu(s.b)
		packed := &format.Body{}
		z.Reset(packed)
		_, err := z.Write(l.text)
		s.must(err)
		s.must(z.Close())
		zipped := cpu(s.b)
		objects++
		s.must(s.room.cfg.Objects.PutIfAbsent(s.b.Context(), bucket, fmt.Sprintf("stages/%06d.gz", objects), objput.Object{Body: packed, Size: packed.Size()}))
		lines, zip, put = lines+made-start, zip+zipped-made, put+cpu(s.b)-zipped
		packed.Release()
	}
	s.found = append(s.found, stage{"lines", lines}, stage{"gzip", zip}, stage{"put", put})
}

// bareLines makes lines as AWS has them, and nothing else.
type bareLines struct {
	lines
	text []byte
}

func (l *bareLines) append(b event.Batch) {
	for i := range b.Len() {
		l.text = l.appendInstant(l.text, b.Timestamp(i))
		l.text = append(l.text, b.Message(i)...)
		l.text = append(l.text, '\n')
	}
}
