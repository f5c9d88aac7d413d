package dfa

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
)

// accessLines returns about size bytes of access-log lines.
func accessLines(size int) [][]byte {
	rng := rand.New(rand.NewPCG(7, 7))
	methods := []string{"GET", "POST", "PUT", "DELETE"}
	var lines [][]byte
	for n := 0; n < size; {
		line := fmt.Appendf(nil, `%d.%d.%d.%d - - [05/Jan/2026:08:00:%02d +0000] "%s /assets/%08x.css?v=%d HTTP/1.1" %d %d "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) took=%dms"`,
			rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(60), methods[rng.IntN(4)], rng.Uint32(), rng.IntN(90), 200+rng.IntN(400), rng.IntN(100000), rng.IntN(3000))
		lines = append(lines, line)
		n += len(line)
	}
	return lines
}

func BenchmarkMatch(b *testing.B) {
	lines := accessLines(1 << 20)
	size := int64(len(bytes.Join(lines, nil)))
	run := func(name, expr string, match func([]byte) bool) {
		b.Run(name+"/"+expr, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, line := range lines {
					match(line)
				}
			}
		})
	}
	for _, expr := range []string{`error|timeout|refused`, `took=1[89]\d\dms`, `\d{4}ms`, `DELETE.*" 50[0-9]`, `[^\x00-\x7f]`} {
		table, cache := compileAll(b, expr)
		run("table", expr, table.Match)
		run("lazy", expr, cache.Match)
		run("std", expr, regexp.MustCompile(expr).Match)
	}
}
