package envelope

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// escapeSlowly is what escapePlain means.
func escapeSlowly(s []byte, ignored uint64) (to []byte, taken int) {
	for i, c := range s {
		switch {
		case pairs[c] != 0:
			to = append(to, '\\', escapes[c])
		case escapes[c] == 0 || escapes[c] == utf && ignored != 0:
			to = append(to, c)
		default:
			return to, i
		}
	}
	return to, len(s)
}

// checkEscape has a text escaped in every way, and looks for writes behind the room
// that is said to be enough.
func checkEscape(t *testing.T, s []byte) {
	t.Helper()
	const canary = 0xa5
	for _, ignored := range []uint64{0, highs} {
		want, wantTaken := escapeSlowly(s, ignored)
		for name, escape := range map[string]func(to, s []byte) (n, taken int){
			"plain": func(to, s []byte) (n, taken int) { return escapePlain(to, s, false, ignored) },
			"dense": func(to, s []byte) (n, taken int) { return escapeGo(to, s, true, ignored) },
			"words": func(to, s []byte) (n, taken int) { return escapeGo(to, s, false, ignored) },
		} {
			room := 2*len(s) + blockTo
			to := bytes.Repeat([]byte{canary}, room+64)
			n, taken := escape(to[:room:room], s)
			if taken != wantTaken || !bytes.Equal(to[:n], want) {
				t.Fatalf("%s, ignored %x: %d bytes of %q become %q; want %d, %q", name, ignored, taken, s, to[:n], wantTaken, want)
			}
			if !bytes.Equal(to[room:], bytes.Repeat([]byte{canary}, 64)) {
				t.Fatalf("%s: %q is written behind the room for it", name, s)
			}
		}
	}
}

func TestEscapeEveryByte(t *testing.T) {
	for c := range 256 {
		for _, n := range []int{1, 15, 16, 17, 33} {
			for at := range n {
				s := bytes.Repeat([]byte{'x'}, n)
				s[at] = byte(c)
				checkEscape(t, s)
			}
		}
	}
}

func TestEscapeEveryLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, alphabet := range []string{`ab"\`, `"\`, "abcdefghijklmnopqrstuvw\"", "abcdefghijkl\\\n\té", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\x01\xff"} {
		for n := range 300 {
			s := make([]byte, n, n+50) // what stands behind it must not matter
			for i := range s[:cap(s)] {
				s[:cap(s)][i] = alphabet[r.IntN(len(alphabet))]
			}
			checkEscape(t, s)
			checkEscape(t, s[n/3:])
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte(`{"level":"info","message":"a \"quoted\" one"}`))
	f.Add([]byte("plain text with a tab\tand\x01 what takes six bytes, \xff"))
	f.Fuzz(checkEscape)
}

// BenchmarkEscape compares the ways, over quotes at a distance.
func BenchmarkEscape(b *testing.B) {
	for _, distance := range []int{4, 12, 30, 1000} {
		r := rand.New(rand.NewPCG(1, uint64(distance)))
		s := bytes.Repeat([]byte{'x'}, 64<<10)
		for i := range s {
			if r.IntN(distance) == 0 {
				s[i] = '"'
			}
		}
		to := make([]byte, 2*len(s)+blockTo)
		for _, way := range []struct {
			name   string
			escape func()
		}{
			{"plain", func() { escapePlain(to, s, false, 0) }},
			{"dense", func() { escapeGo(to, s, true, 0) }},
			{"words", func() { escapeGo(to, s, false, 0) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", way.name, distance), func(b *testing.B) {
				b.SetBytes(int64(len(s)))
				for b.Loop() {
					way.escape()
				}
			})
		}
	}
}
