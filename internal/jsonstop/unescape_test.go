package jsonstop

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

var plainEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'n': '\n', 't': '\t', 'r': '\r'}

// unescapeSlowly is Unescape byte by byte, to where that must stop.
func unescapeSlowly(text []byte) (written []byte, read int) {
	for read < len(text) {
		c := text[read]
		switch {
		case c == '"' || c < ' ':
			return written, read
		case c != '\\':
			written, read = append(written, c), read+1
			continue
		}
		if read+1 == len(text) || plainEscapes[text[read+1]] == 0 {
			return written, read
		}
		written, read = append(written, plainEscapes[text[read+1]]), read+2
	}
	return written, read
}

// checkUnescape unescapes a text into room of its size and some more, and into less.
func checkUnescape(t *testing.T, text []byte) {
	t.Helper()
	_, stop := unescapeSlowly(text)
	for _, room := range []int{len(text) + 32, len(text) / 2} {
		dst := make([]byte, room, room+1)
		dst[:room+1][room] = 0xa5
		n, read := Unescape(dst, text)
		if dst[:room+1][room] != 0xa5 {
			t.Fatalf("%q is written beyond %d bytes", text, room)
		}
		want, to := unescapeSlowly(text[:read])
		if to != read || !bytes.Equal(dst[:n], want) {
			t.Fatalf("%q, %d bytes of it, becomes %q, want %q", text, read, dst[:n], want)
		}
		if Unescapes() && read < stop && len(text)-read >= 32 && room-n >= 32 {
			t.Fatalf("%q is read to %d, want %d", text, read, stop)
		}
	}
}

func TestUnescape(t *testing.T) {
	long := strings.Repeat("a long text ", 5)
	for c := range 256 {
		for at := range 70 {
			text := []byte(long + long)
			text[at] = byte(c)
			checkUnescape(t, text)
			text[at+1] = '\\'
			checkUnescape(t, text)
			text[at], text[at+1] = '\\', byte(c)
			checkUnescape(t, text)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	pieces := []string{`\"`, `\"`, `\\`, `\n`, `\t`, `\r`, `\/`, `nt`, `a`, `text`, "é", `\\\\`}
	for range 3000 {
		var text []byte
		for len(text) < 20+r.IntN(200) {
			text = append(text, pieces[r.IntN(len(pieces))]...)
		}
		checkUnescape(t, append(text, []string{`"`, `\u0041`, `\b`, `\`, "\n", ""}[r.IntN(6)]...))
		checkUnescape(t, append(text, "\\b"+long...))
		checkUnescape(t, append(text, "\""+long...))
	}
}

func FuzzUnescape(f *testing.F) {
	f.Add([]byte(`{\"level\":\"info\",\"text\":\"C:\\\\new\",\"more\":\"\n\tat\"}","timestamp":1}`))
	f.Fuzz(checkUnescape)
}

func BenchmarkUnescape(b *testing.B) {
	for name, line := range map[string]string{
		"json":  `{\"level\":\"info\",\"message\":\"a request of this kind took 17 ms\",\"status\":200}`,
		"trace": `Exception: something is wrong\n\tat com.example.Handler.serve(Handler.java:17)\n`,
		"plain": `10.0.0.1 - - [05/Jan/2026:08:00:00 +0000] GET /v1/orders HTTP/1.1 200 2326`,
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(strings.Repeat(line, 100))
			dst := make([]byte, len(text)+32)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				n, _ := Unescape(dst, text)
				sink += n
			}
		})
	}
}
