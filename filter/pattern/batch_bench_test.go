package pattern

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// batchOf returns a batch of about 1 MiB of generated lines.
func batchOf(line func(r *rand.Rand, i int) string) (Batch, int) {
	r := rand.New(rand.NewPCG(1, 2))
	var messages [][]byte
	size := 0
	for i := 0; size < 1<<20; i++ {
		m := line(r, i)
		messages = append(messages, []byte(m))
		size += len(m)
	}
	return newBatch(messages), size
}

// rareLine is appLine with ERROR in 1 % of the events, and escapes in none.
func rareLine(r *rand.Rand, i int) string {
	level := pick(r, "INFO", "WARN", "DEBUG")
	if i%100 == 0 {
		level = "ERROR"
	}
	return fmt.Sprintf(`{"timestamp":"2026-01-05T08:%02d:%02d.%06dZ","seq":%d,"level":%q,"service":%q,"region":"eu-west-1",`+
		`"host":"ip-10-%d-%d","method":%q,"path":%q,"status":%d,"latency_ms":%.2f,"bytes":%d,"trace_id":"%016x%016x",`+
		`"span_id":"%016x","message":%q,"user":{"id":"u-%d","ip":"10.%d.%d.%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"},"tags":["prod","az-%c"]}`,
		i/60%60, i%60, r.IntN(1e6), i, level, pick(r, "mailer", "search-api", "payments"),
		r.IntN(99), r.IntN(255), pick(r, "GET", "GET", "POST", "PUT"), pick(r, "/v1/payments/authorize", "/healthz", "/v1/orders/{id}"),
		200+100*r.IntN(4)+r.IntN(5), r.Float64()*2000, r.IntN(60000), r.Uint64(), r.Uint64(), r.Uint64(),
		pick(r, "request completed", "retry scheduled after transient upstream response", "worker picked up job"),
		r.IntN(500000), r.IntN(255), r.IntN(255), r.IntN(255), 'a'+byte(r.IntN(3)))
}

// escapedLine is rareLine whose text field is full of escapes.
func escapedLine(r *rand.Rand, i int) string {
	m := rareLine(r, i)
	return m[:len(m)-1] + `,"stack":"at \"main\"\n\tat C:\\app\\run.go:12\n\tat main"}`
}

// reportCPU runs fn under b and reports MB of messages per second of process
// CPU time: on a shared machine the wall clock measures the neighbours.
func reportCPU(b *testing.B, size int, fn func()) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		fn()
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
}

var batchBenches = []struct {
	name, pattern string
	line          func(*rand.Rand, int) string
}{
	{"terms/rare", `OutOfMemory`, rareLine},
	{"terms/three-3%", `POST "\"status\":40" -payments`, rareLine},
	{"terms/exclude", `-ERROR`, rareLine},
	{"terms/any-of-8", `?panic ?fatal ?OutOfMemory ?refused ?deadline ?segfault ?corrupt ?rollback`, rareLine},
	{"json/and", `{ $.status >= 500 && $.method = "POST" }`, appLine},
	{"json/numbers", `{ $.status >= 500 && $.latency_ms > 1000 }`, appLine},
	{"json/rare", `{ $.level = "ERROR" }`, rareLine},
	{"json/rare-escapes", `{ $.level = "ERROR" }`, escapedLine},
	{"space/flow", `[version, account, eni, source, destination, srcport, destport="22", protocol, packets, bytes, start, end, action="REJECT", status]`, flowLine},
	{"space/flow-numeric", `[version, account, eni, source, destination, srcport, destport, protocol, packets, bytes > 300000, start, end, action=REJECT, status]`, flowLine},
	{"regex/three-words", `%timeout|refused|OutOfMemory%`, rareLine},
	{"regex/table", `%HTTP/1\.1. 50[0-9]%`, accessLine},
	{"regex/no-literal", `%[^a-z]50[0-9][^0-9]%`, accessLine},
}

func BenchmarkBatch(b *testing.B) {
	for _, bench := range batchBenches {
		p := MustCompile(bench.pattern)
		batch, size := batchOf(bench.line)
		dst := p.MatchBatch(batch, nil)
		hits := len(dst)
		b.Run(bench.name, func(b *testing.B) {
			reportCPU(b, size, func() { dst = p.MatchBatch(batch, dst[:0]) })
			b.ReportMetric(100*float64(hits)/float64(len(batch.Ends)), "%hit")
		})
	}
}
