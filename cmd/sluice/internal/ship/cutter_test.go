package ship_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sluice/cmd/sluice/internal/ship"
)

var awsLimits = ship.Limits{Bytes: ship.MaxBatchBytes, Events: ship.MaxBatchEvents}

// collector gathers batches as strings "timestamp message".
type collector struct{ batches [][]string }

func (c *collector) full(b *ship.Batch) error {
	var batch []string
	for _, e := range b.Events() {
		batch = append(batch, fmt.Sprintf("%d %s", *e.Timestamp, *e.Message))
	}
	c.batches = append(c.batches, batch)
	return nil
}

// cut runs a text through a Cutter in chunks of the given size.
func cut(t testing.TB, text string, chunk int, limits ship.Limits, stamp func([]byte) (int64, bool)) (*collector, ship.Lines) {
	t.Helper()
	var out collector
	now := int64(100)
	c := &ship.Cutter{
		Limits: limits,
		Stamp:  stamp,
		Now:    func() int64 { return now },
		Empty:  func() (*ship.Batch, error) { return &ship.Batch{}, nil },
		Full:   out.full,
	}
	for part := range slices.Chunk([]byte(text), chunk) {
		if _, err := c.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.EndOfInput(); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return &out, c.Lines
}

func TestLinesBecomeEvents(t *testing.T) {
	f := func(text string, lines ship.Lines, want ...string) {
		t.Helper()
		for chunk := 1; chunk <= max(1, len(text)); chunk++ {
			out, got := cut(t, text, chunk, awsLimits, nil)
			var events []string
			for _, batch := range out.batches {
				events = append(events, batch...)
			}
			for i := range events {
				events[i] = strings.TrimPrefix(events[i], "100 ")
			}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("%q in chunks of %d (-want +got):\n%s", text, chunk, diff)
			}
			if got != lines {
				t.Errorf("%q in chunks of %d: %+v, want %+v", text, chunk, got, lines)
			}
		}
	}
	none := ship.Lines{}
	f("", none)
	f("one", none, "one")
	f("one\n", none, "one")
	f("one\ntwo\n", none, "one", "two")
	f("one\r\ntwo", none, "one", "two")
	f("a\rb\r\n", none, "a\rb")
	f("\n\r\none\n\n", ship.Lines{Empty: 3}, "one")
	f(" \n", none, " ")
	f("héllo\n日本\n", none, "héllo", "日本")
	f("a\xffb\n", ship.Lines{Repaired: 1}, "a\uFFFDb")
	f("\x00\n", none, "\x00")
}

func TestBatchesKeepLimits(t *testing.T) {
	f := func(text string, limits ship.Limits, want ...int) {
		t.Helper()
		out, _ := cut(t, text, 1<<16, limits, nil)
		var got []int
		for _, batch := range out.batches {
			got = append(got, len(batch))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events of each batch (-want +got):\n%s", diff)
		}
	}
	f(strings.Repeat("x\n", 25_000), awsLimits, 10_000, 10_000, 5_000)
	f(strings.Repeat("x\n", 5), ship.Limits{Bytes: 1 << 20, Events: 2}, 2, 2, 1)
	// 1,048,576 bytes hold 1,024 events of 998 bytes and 26 each, exactly.
	f(strings.Repeat(strings.Repeat("x", 998)+"\n", 1025), awsLimits, 1024, 1)
	f(strings.Repeat("xxxx\n", 5), ship.Limits{Bytes: 60, Events: 10_000}, 2, 2, 1)
	f("xxxx\n"+strings.Repeat("y", 1000)+"\nxxxx\n", ship.Limits{Bytes: 60, Events: 10_000}, 1, 1, 1)
}

func TestLongLinesAreSplitBetweenCharacters(t *testing.T) {
	f := func(line string, wantSplit int64) {
		t.Helper()
		for _, chunk := range []int{1000, 1 << 16, len(line) + 1} {
			out, lines := cut(t, line+"\nnext\n", chunk, awsLimits, nil)
			var joined strings.Builder
			last := ""
			for _, batch := range out.batches {
				for _, event := range batch {
					message := strings.TrimPrefix(event, "100 ")
					if len(message) > ship.MaxMessage || !utf8.ValidString(message) {
						t.Errorf("a message of %d bytes, valid UTF-8: %t", len(message), utf8.ValidString(message))
					}
					joined.WriteString(last)
					last = message
				}
			}
			if joined.String() != line || last != "next" {
				t.Errorf("chunks of %d: a line of %d bytes came out as %d", chunk, len(line), joined.Len())
			}
			if lines.Split != wantSplit {
				t.Errorf("chunks of %d: split %d times, want %d", chunk, lines.Split, wantSplit)
			}
		}
	}
	f(strings.Repeat("x", ship.MaxMessage), 0)
	f(strings.Repeat("x", ship.MaxMessage+1), 1)
	f(strings.Repeat("x", 3*ship.MaxMessage), 2)
	f("x"+strings.Repeat("日", ship.MaxMessage/3+10), 1)
}

func TestLineOfGreatestLengthMayEndInCRLF(t *testing.T) {
	out, lines := cut(t, strings.Repeat("x", ship.MaxMessage)+"\r\n", 1000, awsLimits, nil)
	if len(out.batches) != 1 || len(out.batches[0]) != 1 || lines.Split != 0 {
		t.Errorf("%d batches, %+v", len(out.batches), lines)
	}
}

func TestRepairMayNeedAnotherEvent(t *testing.T) {
	// A replaced byte takes three, so the event grows over the limit.
	out, lines := cut(t, strings.Repeat("x", ship.MaxMessage-1)+"\xff\n", 1<<16, awsLimits, nil)
	if len(out.batches) != 2 || lines.Split != 1 || lines.Repaired != 1 {
		t.Errorf("%d batches, %+v", len(out.batches), lines)
	}
}

// stampByNumber reads "123 text"; other lines have no time.
func stampByNumber(line []byte) (int64, bool) {
	var ms int64
	_, err := fmt.Sscan(string(line), &ms)
	return ms, err == nil
}

func TestBatchesAreChronological(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	f := func(text string, undated int64, want ...string) {
		t.Helper()
		out, lines := cut(t, text, 7, awsLimits, stampByNumber)
		var got []string
		for _, batch := range out.batches {
			got = append(got, strings.Join(batch, "|"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if lines.Undated != undated {
			t.Errorf("%q: %d undated, want %d", text, lines.Undated, undated)
		}
	}
	f("1 a\n2 b\n", 0, "1 1 a|2 2 b")
	f("2 b\n1 a\n2 c\n1 d\n", 0, "1 1 a|1 1 d|2 2 b|2 2 c")
	f("5 a\n at b\n at c\n6 d\n", 2, "5 5 a|5  at b|5  at c|6 6 d")
	f("none\n7 a\n", 1, "7 7 a|100 none")
	f(fmt.Sprintf("1 a\n%d b\n", day), 0, fmt.Sprintf("1 1 a|%d %[1]d b", day))
	f(fmt.Sprintf("1 a\n%d b\n", day+1), 0, "1 1 a", fmt.Sprintf("%d %[1]d b", day+1))
	f(fmt.Sprintf("%d b\n1 a\n", day+1), 0, fmt.Sprintf("%d %[1]d b", day+1), "1 1 a")
}

func TestClockThatStepsBack(t *testing.T) {
	var out collector
	times := []int64{10, 12, 11, 13}
	c := &ship.Cutter{
		Limits: awsLimits,
		Now:    func() int64 { now := times[0]; times = times[1:]; return now },
		Empty:  func() (*ship.Batch, error) { return &ship.Batch{}, nil },
		Full:   out.full,
	}
	if _, err := c.Write([]byte("a\nb\nc\nd\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"10 a", "12 b", "12 c", "13 d"}}
	if diff := cmp.Diff(want, out.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func FuzzCutter(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), 3, 60, 2)
	f.Add([]byte("\xff\n\xe6\x97\n"), 1, 1, 1)
	f.Fuzz(func(t *testing.T, text []byte, chunk, maxBytes, maxEvents int) {
		limits := ship.Limits{
			Bytes:  min(max(maxBytes, 1), ship.MaxBatchBytes),
			Events: min(max(maxEvents, 1), ship.MaxBatchEvents),
		}
		out, _ := cut(t, string(text), min(max(chunk, 1), 1<<16), limits, nil)
		var want, got []string
		for line := range bytes.SplitSeq(text, []byte{'\n'}) {
			if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
				want = append(want, "100 "+string(bytes.ToValidUTF8(line, []byte("\uFFFD"))))
			}
		}
		for _, batch := range out.batches {
			size := 0
			for _, event := range batch {
				size += len(event) - len("100 ") + ship.EventOverhead
			}
			if len(batch) > limits.Events || (size > limits.Bytes && len(batch) > 1) {
				t.Errorf("a batch of %d events and %d bytes for %+v", len(batch), size, limits)
			}
			got = append(got, batch...)
		}
		if len(text) < ship.MaxMessage/3 && !slices.Equal(want, got) {
			t.Errorf("events (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}

func BenchmarkCutter(b *testing.B) {
	line := `{"ts":"2026-01-02T03:04:05Z","level":"INFO","msg":"request served","path":"/cart","ms":12}` + "\n"
	text := []byte(strings.Repeat(line, 64<<10/len(line)))
	batch := &ship.Batch{}
	c := &ship.Cutter{
		Limits: awsLimits,
		Now:    func() int64 { return 1 },
		Empty:  func() (*ship.Batch, error) { return batch, nil },
		Full:   func(b *ship.Batch) error { b.Reset(); return nil },
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
