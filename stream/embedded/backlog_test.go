package embedded_test

import (
	"fmt"
	"math"
	"testing"

	"sluice/internal/event"
	"sluice/internal/vfs"
	"sluice/internal/wal"
	"sluice/stream/embedded"
)

// backlog puts n records of a size, one frame each.
func (s *stream) backlog(t testing.TB, key uint64, n, size int) {
	t.Helper()
	for i := range n {
		record := make([]byte, size)
		copy(record, fmt.Sprintf("%08d", i))
		if _, err := s.Put(t.Context(), key, int64(1000+i), [][]byte{record}); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *stream) read(t testing.TB, key uint64, r event.Range) (records, bytes int64, first string) {
	t.Helper()
	err := s.Parcels(t.Context(), key, r, func(p event.Parcel) error {
		if records == 0 && len(p.Records) > 0 {
			first = string(p.Records[0][:8])
		}
		records += int64(p.Count())
		bytes += int64(p.Bytes())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records, bytes, first
}

// However long the backlog, a span that reaches a hint stays near it: an object
// is made in memory.
func TestSpanStaysNearTheHintWhateverTheBacklog(t *testing.T) {
	const key, frames, size, hint = 7, 12_000, 200, 20_000
	s := openStream(t, vfs.NewMem(), 1)
	s.backlog(t, key, frames, size)
	if pending := s.Pending(key, 0); pending.Count != frames || pending.Bytes != frames*size {
		t.Fatalf("%+v", pending)
	}
	from, next := uint64(0), 0
	for next < frames {
		span := s.Span(key, 0, from, hint)
		if span.Bytes < hint && s.Pending(key, 0).Bytes > span.Bytes || span.Bytes > 3*hint {
			t.Fatalf("at %d: %+v, hint %d", next, span, hint)
		}
		records, bytes, first := s.read(t, key, span.Range)
		if records != span.Count || bytes != span.Bytes || first != fmt.Sprintf("%08d", next) || span.Oldest != int64(1000+next) {
			t.Fatalf("at %d: %+v holds %d records of %d bytes from %s", next, span, records, bytes, first)
		}
		from, next = span.Range.End, next+int(records)
		s.commit(t, key, span.Range.End, records, bytes)
		if totals := s.Totals(key); totals.InFlight != int64(frames-next) || totals.Lost() != 0 {
			t.Fatalf("%d delivered of %d: %+v", next, frames, totals)
		}
	}
}

func (s *stream) commit(t testing.TB, key, position uint64, delivered, bytes int64) {
	t.Helper()
	c := embeddedCommit(position, delivered, bytes)
	if _, err := s.logs[0].Append(t.Context(), wal.TypeCommit, key, c); err != nil {
		t.Fatal(err)
	}
}

// Entries are merged between the plan of a cut and its commit: the counts of
// what is left stay exact, and hold across a restart.
func TestCountsStayExactWhenACommitFallsInsideAMergedEntry(t *testing.T) {
	const key, size = 7, 100
	fs := vfs.NewMem()
	s := openStream(t, fs, 1)
	s.backlog(t, key, 10, size)
	span := s.Span(key, 0, 0, 3*size) // what a plan covers
	if span.Count != 3 {
		t.Fatalf("%+v", span)
	}
	s.backlog(t, key, 6000, size)
	check := func(s *stream, left int64) {
		t.Helper()
		if totals := s.Totals(key); totals.InFlight != left || totals.Accepted != totals.Delivered+totals.InFlight || totals.Lost() != 0 {
			t.Errorf("%+v, %d left", totals, left)
		}
		if p := s.Pending(key, 0); p.Count != left || p.Bytes != left*size {
			t.Errorf("%+v, %d left", p, left)
		}
		if n, _, _ := s.read(t, key, event.Range{Start: s.Committed(key, 0), End: math.MaxUint64}); n != left {
			t.Errorf("%d are there, %d left", n, left)
		}
	}
	s.commit(t, key, span.Range.End, 3, 3*size)
	check(s, 6007)
	s = openStream(t, fs.CrashClone(vfs.CrashOptions{}), 1)
	check(s, 6007)
}

// A frame that the log vouches for and that does not decode is passed over.
func TestParcelsPassOverWhatDoesNotDecode(t *testing.T) {
	const key = 7
	s := openStream(t, vfs.NewMem(), 1)
	s.backlog(t, key, 1, 10)
	for _, body := range [][]byte{{1}, append(event.AppendMatches(nil, 1, 1, nil), 9)} {
		if _, err := s.logs[0].Append(t.Context(), wal.TypeMatches, 0, body); err != nil {
			t.Fatal(err)
		}
	}
	// A match that says it copies a record, of another version.
	entry := event.AppendMatches(nil, 1, 1, nil)
	entry = append(entry, poison(key)...)
	if _, err := s.logs[0].Append(t.Context(), wal.TypeMatches, 0, entry); err != nil {
		t.Fatal(err)
	}
	s.backlog(t, key, 1, 10)
	n, _, _ := s.read(t, key, event.Range{End: math.MaxUint64})
	if n != 2 {
		t.Errorf("%d records", n)
	}
	s.commit(t, key, s.logs[0].Durable()+1, 2, 20)
	if totals := s.Totals(key); totals.Accepted != 5 || totals.Delivered != 2 || totals.Lost() != 3 || totals.InFlight != 0 {
		t.Errorf("%+v", totals)
	}
}

// counted is a log that counts what is read of it, and how.
type counted struct {
	*wal.Log
	one, passed int
}

func (c *counted) ReadInto(m *wal.Memory, seq uint64) (wal.Frame, error) {
	c.one++
	return c.Log.ReadInto(m, seq)
}

func (c *counted) Frames(first, end uint64, visit func(wal.Frame) error) error {
	return c.Log.Frames(first, end, func(f wal.Frame) error {
		c.passed++
		return visit(f)
	})
}

// A backlog whose frames lie far apart is read without what lies between them, and
// one whose frames lie side by side in large steps.
func TestABacklogIsReadByItsDistances(t *testing.T) {
	const key, frames = 7, 2000
	for _, c := range []struct {
		between  int // bytes, in two frames of somebody else
		one, all int // frames that are looked for, or passed; at most
	}{
		{120_000, frames, 0},
		{200, frames / 4, 3 * frames},
	} {
		s := openStream(t, vfs.NewMem(), 1)
		log := &counted{Log: s.logs[0]}
		s.Streams = embedded.New(embedded.Shard{Log: log, Index: s.indexes[0]})
		for i := range frames {
			for range 2 {
				s.backlog(t, key+1, 1, c.between/2)
			}
			if _, err := s.Put(t.Context(), key, 1, [][]byte{fmt.Appendf(nil, "%08d", i)}); err != nil {
				t.Fatal(err)
			}
		}
		if records, _, first := s.read(t, key, event.Range{End: math.MaxUint64}); records != frames || first != "00000000" {
			t.Fatalf("%d records from %s", records, first)
		}
		if log.one > c.one || log.passed > c.all {
			t.Errorf("%d bytes between frames: %d were looked for and %d passed, want at most %d and %d", c.between, log.one, log.passed, c.one, c.all)
		}
	}
}

// A commit that falls between the frames of a merged entry leaves those behind it.
func TestACommitLeavesWhatIsBehindItInAMergedEntry(t *testing.T) {
	const key, frames, size = 7, 1200, 100
	s := openStream(t, vfs.NewMem(), 1)
	for i := range frames {
		s.backlog(t, key+1, 3, 50_000)
		if _, err := s.Put(t.Context(), key, 1, [][]byte{fmt.Appendf(nil, "%08d%092d", i, 0)}); err != nil {
			t.Fatal(err)
		}
	}
	done := 0
	for _, n := range []int{1, 2, 3, 5, 8, 13, 200, 333, 700, 1111, frames} {
		s.commit(t, key, uint64(4*n+1), int64(n-done), int64(n-done)*size) // each frame of its own is the fourth
		done = n
		records, _, first := s.read(t, key, event.Range{End: math.MaxUint64})
		if want := fmt.Sprintf("%08d", n); records != int64(frames-n) || n < frames && first != want {
			t.Fatalf("%d records from %s are left behind the first %d", records, first, n)
		}
		if totals := s.Totals(key); totals.InFlight != int64(frames-n) || totals.Lost() != 0 {
			t.Fatalf("behind the first %d: %+v", n, totals)
		}
	}
}

// BenchmarkBacklog reads what one of a hundred streams has in a log: 2,000 records,
// 100 kB apart.
func BenchmarkBacklog(b *testing.B) {
	const key, frames = 7, 2000
	s := openStreamIn(b, vfs.OS, b.TempDir(), 1)
	for range frames {
		s.backlog(b, key+1, 2, 50_000)
		s.backlog(b, key, 1, 500)
	}
	for b.Loop() {
		if records, _, _ := s.read(b, key, event.Range{End: math.MaxUint64}); records != frames {
			b.Fatal(records)
		}
	}
}
