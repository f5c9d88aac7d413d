package grep

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/filter/pattern"
)

func compiled(texts ...string) (patterns []*pattern.Pattern) {
	for _, text := range texts {
		patterns = append(patterns, pattern.MustCompile(text))
	}
	return patterns
}

// search runs one search and returns what it printed.
func search(t testing.TB, cfg Config, r io.Reader) (string, int64) {
	t.Helper()
	var out bytes.Buffer
	s, err := New(cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.File("a.log", r)
	if err := errors.Join(err, s.Flush()); err != nil {
		t.Fatal(err)
	}
	return out.String(), n
}

// naiveLines is the loop that every search must equal.
func naiveLines(cfg Config, text string) (lines []string) {
	if text == "" {
		return nil
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		match := false
		for _, p := range cfg.Patterns {
			match = match || p.Match([]byte(line))
		}
		if match != cfg.Invert && (cfg.Limit == 0 || int64(len(lines)) < cfg.Limit) {
			lines = append(lines, line)
		}
	}
	return lines
}

func naive(cfg Config, text string) string {
	var out strings.Builder
	for _, line := range naiveLines(cfg, text) {
		out.WriteString(line + "\n")
	}
	return out.String()
}

// pieces make texts with everything that a line reader can get wrong.
var pieces = []string{"ERROR", "ERR", "OR", "timeout", "\n", "\n", "\n", "\r\n", "\n\n", " ", "a b 503 7", "\x00\xff\xfe", `{"level":"ERROR","n":7}`, `{"n":8}`, "é", "\r"}

func randomText(rng *rand.Rand) string {
	var out strings.Builder
	for range rng.IntN(60) {
		out.WriteString(pieces[rng.IntN(len(pieces))])
	}
	return out.String()
}

var patternSets = [][]string{
	{"ERROR"}, {"%ERROR%"}, {"ERROR -timeout"}, {"%ERROR\\ntimeout%"}, {"\"ERROR\ntimeout\""}, {"-ERROR"}, {""}, {"?ERROR ?timeout"}, {"%^$%"}, {`%\r$%`},
	{"%[^a-z]+R%"}, {`{ $.level = "ERROR" }`}, {`{ $.n > 7 }`}, {"[..., s = 5*, b]"}, {"[a, b]"},
	{"ERROR", "timeout"}, {"ERROR", "ERROR", "{ $.n = 8 }", "[a, b, c, d]"},
}

func TestEqualsNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	readers := []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
	}
	for i := range 6000 {
		text := randomText(rng)
		cfg := Config{
			Patterns: compiled(patternSets[i%len(patternSets)]...), Invert: rng.IntN(3) == 0,
			BlockBytes: 3 + rng.IntN(80), Workers: 1 + rng.IntN(4),
		}
		if rng.IntN(4) == 0 {
			cfg.Limit = 1 + rng.Int64N(4)
		}
		in := readers[rng.IntN(len(readers))](strings.NewReader(text))
		got, n := search(t, cfg, in)
		if want := naive(cfg, text); got != want || n != int64(len(naiveLines(cfg, text))) {
			t.Fatalf("pattern %q, invert %v, limit %d, block %d, workers %d, text %q:\ngot  %q, %d\nwant %q",
				patternSets[i%len(patternSets)], cfg.Invert, cfg.Limit, cfg.BlockBytes, cfg.Workers, text, got, n, want)
		}
	}
}

// TestNumbers: what is printed per line, for the same random texts.
func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 2000 {
		text := randomText(rng)
		cfg := Config{
			Patterns: compiled(patternSets[i%len(patternSets)]...), Invert: rng.IntN(3) == 0,
			BlockBytes: 3 + rng.IntN(80), Workers: 1 + rng.IntN(4), Names: true, Numbers: true,
		}
		var want strings.Builder
		number := 0
		for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
			one := cfg
			one.Limit = 0
			if number++; text != "" && len(naiveLines(one, line+"\n")) == 1 {
				fmt.Fprintf(&want, "a.log:%d:%s\n", number, line)
			}
		}
		if got, _ := search(t, cfg, strings.NewReader(text)); got != want.String() {
			t.Fatalf("pattern %q, text %q:\ngot  %q\nwant %q", patternSets[i%len(patternSets)], text, got, want.String())
		}
		cfg.Count, cfg.Numbers = true, false
		count := fmt.Sprintf("a.log:%d\n", strings.Count(want.String(), "\na.log:")+min(1, want.Len()))
		if got, _ := search(t, cfg, strings.NewReader(text)); got != count && !strings.Contains(text, "a.log:") {
			t.Fatalf("pattern %q, text %q: counted %q, want %q", patternSets[i%len(patternSets)], text, got, count)
		}
	}
}

// TestInputs: one Search takes many inputs, and more workers than one keep the
// order.
func TestInputs(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %d %s\n", i, []string{"ERROR", "fine", "timeout"}[i%3])
	}
	for _, workers := range []int{1, 2, 5} {
		var out, want bytes.Buffer
		cfg := Config{Patterns: compiled("ERROR", "timeout"), Workers: workers, BlockBytes: 1000}
		s, err := New(cfg, &out)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := s.File("a.log", strings.NewReader(text.String())); err != nil {
				t.Fatal(err)
			}
			want.WriteString(naive(cfg, text.String()))
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want.String() {
			t.Errorf("%d workers: %d bytes, want %d", workers, out.Len(), want.Len())
		}
	}
}

func TestLongLines(t *testing.T) {
	f := func(text, want string, offsets ...int64) {
		t.Helper()
		for _, block := range []int{4, 11, 64} {
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
				var long []int64
				got, _ := search(t, Config{
					Patterns: compiled("E"), BlockBytes: block, MaxLine: 10, Numbers: true,
					Long: func(_ string, offset int64) { long = append(long, offset) },
				}, wrap(strings.NewReader(text)))
				if got != want || fmt.Sprint(long) != fmt.Sprint(offsets) {
					t.Errorf("text %q, blocks of %d:\ngot  %q, long %v\nwant %q, long %v", text, block, got, long, want, offsets)
				}
			}
		}
	}
	ten := "E123456789"
	f(ten+"\n", "1:"+ten+"\n")
	f(ten, "1:"+ten+"\n")
	f(ten+"x\n", "", 0)
	f(ten+"x", "", 0)
	f("E\n"+ten+"x\nE\n", "1:E\n3:E\n", 2)
	f("E\n"+ten+strings.Repeat("x", 100)+"\n"+ten+"\n\nE", "1:E\n3:"+ten+"\n5:E\n", 2)
	f(ten+"x\n"+ten+"y\nE\n", "3:E\n", 0, 12)
	f(ten+"x\n", "", 0)
}

// TestDefaults: a line longer than a block, and not longer than MaxLine.
func TestDefaults(t *testing.T) {
	line := strings.Repeat("x", 3<<20) + "ERROR"
	got, n := search(t, Config{Patterns: compiled("ERROR")}, strings.NewReader("a\n"+line+"\nb\nERROR\n"))
	if n != 2 || got != line+"\nERROR\n" {
		t.Errorf("%d lines, %d bytes", n, len(got))
	}
}

func TestCompressed(t *testing.T) {
	text := strings.Repeat("a line\nan ERROR\n", 50_000)
	var gz, zst bytes.Buffer
	for half := range 2 { // two members, as rotation and appending make them
		part := text[half*len(text)/2 : (half+1)*len(text)/2]
		zw := gzip.NewWriter(&gz)
		zw.Write([]byte(part))
		zw.Close()
		ze, err := zstd.NewWriter(&zst)
		if err != nil {
			t.Fatal(err)
		}
		ze.Write([]byte(part))
		ze.Close()
	}
	skippable := append([]byte{0x5f, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'x', 'y', 'z'}, zst.Bytes()...)
	for _, in := range [][]byte{gz.Bytes(), zst.Bytes(), skippable} {
		for _, workers := range []int{1, 3} {
			got, n := search(t, Config{Patterns: compiled("ERROR"), Workers: workers}, bytes.NewReader(in))
			if n != 50_000 || got != strings.Repeat("an ERROR\n", 50_000) {
				t.Errorf("%x: %d lines, %d bytes", in[:4], n, len(got))
			}
		}
	}

	// What is there of a torn file is searched, and the tear is an error.
	var out bytes.Buffer
	s, err := New(Config{Patterns: compiled("ERROR")}, &out)
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.File("a.gz", bytes.NewReader(gz.Bytes()[:gz.Len()-20]))
	if n < 25_000 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("torn: %d lines, %v", n, err)
	}
	if _, err := s.File("a.gz", bytes.NewReader([]byte{0x1f, 0x8b, 0, 0})); err == nil {
		t.Error("no error for a gzip header that is none")
	}
}

// failing is an output that takes so many bytes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFailures(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(strings.Repeat("ERROR\n", 1000)), iotest.ErrReader(errFull))
	var out bytes.Buffer
	s, _ := New(Config{Patterns: compiled("ERROR"), BlockBytes: 64}, &out)
	if n, err := s.File("a", endless); n != 1000 || err != errFull {
		t.Errorf("%d lines, %v", n, err)
	}
	if _, err := s.File("a", iotest.ErrReader(errFull)); err != errFull {
		t.Errorf("error %v", err)
	}
	for _, workers := range []int{1, 3} {
		s, _ := New(Config{Patterns: compiled("ERROR"), BlockBytes: 64, Workers: workers, Prompt: true}, &failing{left: 100})
		_, err := s.File("a", strings.NewReader(strings.Repeat("ERROR\n", 1000)))
		var output *OutputError
		if !errors.As(err, &output) || !errors.Is(err, errFull) {
			t.Errorf("%d workers: error %v", workers, err)
		}
	}
	if _, err := New(Config{}, &out); err == nil {
		t.Error("no error without a pattern")
	}
}

// TestPrompt: on a pipe a line is printed before the next one comes.
func TestPrompt(t *testing.T) {
	in, feed := io.Pipe()
	read, out := io.Pipe()
	s, err := New(Config{Patterns: compiled("ERROR", "other"), Prompt: true, Workers: 2}, out)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := s.File("a", in); done <- err }()
	buf := make([]byte, 100)
	for i := range 3 {
		line := fmt.Sprintf("ERROR %d\n", i)
		fmt.Fprint(feed, line)
		n, err := read.Read(buf)
		if err != nil || string(buf[:n]) != line {
			t.Fatalf("read %q, %v", buf[:n], err)
		}
	}
	feed.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// FuzzBlocks: the blocks of a text are its lines, whole, in order, numbered, but
// for those that are too long.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc"), uint8(4), uint8(9), uint8(0))
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaa\nb\n"), uint8(3), uint8(5), uint8(1))
	f.Add([]byte("\r\n\n\x00\xff\n"), uint8(1), uint8(200), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, size, maxLine, mode uint8) {
		var r io.Reader = bytes.NewReader(text)
		switch mode % 3 {
		case 1:
			r = iotest.OneByteReader(r)
		case 2:
			r = iotest.DataErrReader(iotest.HalfReader(r))
		}
		var got []string
		var long, wantLong []int64
		b := block{}
		s := blocks{
			r: r, size: int(size) + 3, maxLine: int(maxLine) + 1, fill: mode&4 != 0, count: true,
			long: func(offset int64) { long = append(long, offset) },
		}
		for s.next(&b) == nil {
			if !bytes.HasSuffix(b.text, newline) {
				t.Fatalf("block %q", b.text)
			}
			for i, line := range strings.Split(strings.TrimSuffix(string(b.text), "\n"), "\n") {
				got = append(got, fmt.Sprint(b.first+int64(i), " ", line))
			}
		}
		var want []string
		offset, number := int64(0), 0
		for line := range strings.Lines(string(text)) {
			number++
			if plain := strings.TrimSuffix(line, "\n"); len(plain) <= s.maxLine {
				want = append(want, fmt.Sprint(number, " ", plain))
			} else {
				wantLong = append(wantLong, offset)
			}
			offset += int64(len(line))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || fmt.Sprint(long) != fmt.Sprint(wantLong) {
			t.Fatalf("text %q, size %d, max %d:\ngot  %q, long %v\nwant %q, long %v", text, s.size, s.maxLine, got, long, want, wantLong)
		}
		if len(b.buf) > max(s.size, s.maxLine+2) {
			t.Fatalf("%d bytes of memory", len(b.buf))
		}
	})
}

func TestSearchAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text := []byte(strings.Repeat("GET / fine\nGET / ERROR\n{\"n\":8}\n", 200))
	for _, texts := range patternSets {
		for _, invert := range []bool{false, true} {
			s, err := New(Config{Patterns: compiled(texts...), Invert: invert}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			w := s.workers[0]
			w.block.text = text
			run := func() {
				w.search(-1)
				if err := w.write(); err != nil {
					t.Fatal(err)
				}
			}
			run()
			if n := testing.AllocsPerRun(10, run); n != 0 {
				t.Errorf("patterns %q, invert %v: %v allocs a block", texts, invert, n)
			}
		}
	}
}
