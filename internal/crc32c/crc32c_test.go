package crc32c

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// Sums are those of hash/crc32, of texts of every size, from anywhere in memory,
// in one piece and in two.
func TestSumsAreThoseOfTheStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 9000)
	for i := range text {
		text[i] = byte(rnd.Uint32())
	}
	check := func(b []byte, at int) {
		t.Helper()
		want := crc32.Checksum(b, table)
		if got := Sum(b); got != want {
			t.Fatalf("%d bytes: %08x, want %08x", len(b), got, want)
		}
		if got := Update(Sum(b[:at]), b[at:]); got != want {
			t.Fatalf("%d bytes behind %d: %08x, want %08x", len(b)-at, at, got, want)
		}
		var d Digest
		for _, part := range [][]byte{b[:at], b[at:]} {
			if n, err := d.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if uint32(d) != want {
			t.Fatalf("%d bytes written: %08x, want %08x", len(b), d, want)
		}
	}
	for n := range 4200 {
		from := rnd.IntN(64)
		check(text[from:from+n], rnd.IntN(n+1))
	}
	for range 500 {
		b := text[rnd.IntN(len(text)):]
		b = b[:rnd.IntN(len(b)+1)]
		check(b, rnd.IntN(len(b)+1))
	}
	check(bytes.Repeat([]byte{0}, 5000), 1)
	check(bytes.Repeat([]byte{0xff}, 5000), 4999)
}

// Whatever bit is wrong, it shows.
func TestEveryBitCounts(t *testing.T) {
	text := bytes.Repeat([]byte("sluice "), 200)
	want := Sum(text)
	for i := range len(text) * 8 {
		text[i/8] ^= 1 << (i % 8)
		if Sum(text) == want {
			t.Fatalf("bit %d does not count", i)
		}
		text[i/8] ^= 1 << (i % 8)
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add(uint32(0), []byte("123456789"))
	f.Add(uint32(0xe3069283), bytes.Repeat([]byte("0123456789abcdef"), 64))
	f.Fuzz(func(t *testing.T, crc uint32, b []byte) {
		if got, want := Update(crc, b), crc32.Update(crc, table, b); got != want {
			t.Errorf("%d bytes behind %08x: %08x, want %08x", len(b), crc, got, want)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{256, 512, 768, 1024, 4 << 10, 64 << 10, 1 << 20} {
		text := make([]byte, size)
		for name, update := range map[string]func(uint32, []byte) uint32{
			"kernel":     Update,
			"hash-crc32": func(crc uint32, b []byte) uint32 { return crc32.Update(crc, table, b) },
		} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					update(0, text)
				}
			})
		}
	}
}
