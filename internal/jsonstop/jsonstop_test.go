package jsonstop

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// isStop is what a mark means.
func isStop(c byte) bool { return c == '"' || c == '\\' || c < ' ' }

// check compares the marks of a text with their meaning: those of Mark, which may
// be made by assembly, and those of plain Go.
func check(t *testing.T, text []byte) {
	t.Helper()
	foreign := false
	for _, c := range text {
		foreign = foreign || c >= 0x80
	}
	for name, mark := range map[string]func(bitmap, text []byte) bool{"Mark": Mark, "markWords": markWords} {
		bitmap := bytes.Repeat([]byte{0xa5}, Bytes(len(text)))
		if got := mark(bitmap, text); got != foreign {
			t.Fatalf("%s(%q) says beyond ASCII: %v, want %v", name, text, got, foreign)
		}
		for i := range len(bitmap) * 8 {
			want := i >= len(text) || isStop(text[i])
			if got := bitmap[i/8]>>(i%8)&1 == 1; got != want {
				t.Fatalf("%s(%q): byte %d is marked: %v, want %v", name, text, i, got, want)
			}
		}
		next := len(text) + 8
		for i := next; i >= 0; i-- {
			if i >= len(text) || isStop(text[i]) {
				next = i
			}
			if got := Next(bitmap, i); got != next {
				t.Fatalf("%s(%q): the stop after %d is at %d, want %d", name, text, i, got, next)
			}
		}
	}
}

func TestEveryByte(t *testing.T) {
	for c := range 256 {
		for at := range 130 {
			text := bytes.Repeat([]byte{'x'}, 130)
			text[at] = byte(c)
			check(t, text)
		}
	}
}

func TestEveryLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		text := make([]byte, n, n+50) // what stands behind it must not matter
		for i := range text[:cap(text)] {
			text[:cap(text)][i] = "\"\\\x1f\x00 ~\x7f\x80\xff!#[]abcdefghijklmnopqrst"[r.IntN(33)]
		}
		check(t, text)
		check(t, text[n/3:])
	}
}

func FuzzMark(f *testing.F) {
	f.Add([]byte("{\"a\":\"b\\n\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

// sink keeps results from being thrown away.
var sink int

func BenchmarkMark(b *testing.B) {
	text := bytes.Repeat([]byte(`{"level":"info","message":"a request of \"this\" kind took 17 ms"}`+"\n"), 1000)
	bitmap := make([]byte, Bytes(len(text)))
	for name, mark := range map[string]func(bitmap, text []byte) bool{"Mark": Mark, "markWords": markWords} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				mark(bitmap, text)
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	text := bytes.Repeat([]byte(`{"level":"info","message":"a request of \"this\" kind took 17 ms"}`+"\n"), 1000)
	bitmap := make([]byte, Bytes(len(text)))
	Mark(bitmap, text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for i := 0; i < len(text); i++ {
			i = Next(bitmap, i)
			sink += i
		}
	}
}
