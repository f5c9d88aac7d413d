package pattern

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// corpus is deterministic messages of one shape.
func corpus(line func(r *rand.Rand, i int) string) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var out [][]byte
	for i := range 2000 {
		out = append(out, []byte(line(r, i)))
	}
	return out
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func appLine(r *rand.Rand, i int) string {
	return fmt.Sprintf(`{"timestamp":"2026-01-05T08:%02d:%02d.%06dZ","seq":%d,"level":%q,"service":%q,"region":"eu-west-1",`+
		`"host":"ip-10-%d-%d","method":%q,"path":%q,"status":%d,"latency_ms":%.2f,"bytes":%d,"trace_id":"%016x%016x",`+
		`"span_id":"%016x","message":%q,"user":{"id":"u-%d","ip":"10.%d.%d.%d","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"},"tags":["prod","az-%c"]}`,
		i/60%60, i%60, r.IntN(1e6), i, pick(r, "INFO", "INFO", "WARN", "ERROR", "DEBUG"), pick(r, "mailer", "search-api", "payments"),
		r.IntN(99), r.IntN(255), pick(r, "GET", "GET", "POST", "PUT"), pick(r, "/v1/payments/authorize", "/healthz", "/v1/orders/{id}"),
		200+100*r.IntN(4)+r.IntN(5), r.Float64()*2000, r.IntN(60000), r.Uint64(), r.Uint64(), r.Uint64(),
		pick(r, "request completed", "retry scheduled after transient upstream response", "worker picked up job"),
		r.IntN(500000), r.IntN(255), r.IntN(255), r.IntN(255), 'a'+byte(r.IntN(3)))
}

func flowLine(r *rand.Rand, i int) string {
	return fmt.Sprintf("2 1000%08d eni-%016x %d.%d.%d.%d 10.%d.%d.%d %d %d %d %d %d 1767600000 17676000%02d %s OK",
		r.IntN(1e8), r.Uint64(), r.IntN(223)+1, r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255),
		r.IntN(65535), []int{22, 443, 3389, r.IntN(65535)}[r.IntN(4)], []int{6, 17}[r.IntN(2)], r.IntN(300), r.IntN(400000), i%60,
		pick(r, "ACCEPT", "ACCEPT", "REJECT"))
}

func accessLine(r *rand.Rand, i int) string {
	return fmt.Sprintf(`%d.%d.%d.%d - - [05/Jan/2026:08:%02d:%02d +0000] "%s /assets/%08x.css?v=%d HTTP/1.1" %d %d "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"`,
		r.IntN(223)+1, r.IntN(255), r.IntN(255), r.IntN(255), i/60%60, i%60, pick(r, "GET", "POST"), r.Uint32(), r.IntN(90),
		200+100*r.IntN(4), r.IntN(90000))
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var matchBenches = []struct {
	name, pattern string
	line          func(*rand.Rand, int) string
}{
	{"json/and", `{ $.status >= 500 && $.method = "POST" }`, appLine},
	{"json/nested", `{ $.user.id = "u-1*" || $.latency_ms > 1999.5 }`, appLine},
	{"json/wildcard", `{ $.tags[*] != "az-a" && $.user.* = "*Linux*" }`, appLine},
	{"space/flow", `[version, account, eni, source, destination, srcport, destport="22", protocol, packets, bytes, start, end, action="REJECT", status]`, flowLine},
	{"space/flow-numeric", `[version, account, eni, source, destination, srcport, destport, protocol, packets, bytes > 300000, start, end, action=REJECT, status]`, flowLine},
	{"space/ellipsis", `[..., status=5*, size, referer, agent]`, accessLine},
	{"terms/one", `"POST /assets/dead"`, accessLine},
	{"terms/three", `POST 500 -Firefox`, accessLine},
	{"regex", `%HTTP/1\.1. 50[0-9]%`, accessLine},
}

// BenchmarkStdValid is the measure for the JSON rows on a busy machine: the same
// messages through encoding/json's validator.
func BenchmarkStdValid(b *testing.B) {
	messages := corpus(appLine)
	size := 0
	for _, m := range messages {
		size += len(m)
	}
	b.SetBytes(int64(size))
	start := cpuTime()
	for b.Loop() {
		for _, m := range messages {
			if !json.Valid(m) {
				b.Fatal("not JSON")
			}
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpuTime()-start).Seconds(), "MB/cpu-s")
}

func BenchmarkMatch(b *testing.B) {
	for _, bench := range matchBenches {
		p := MustCompile(bench.pattern)
		messages := corpus(bench.line)
		size := 0
		for _, m := range messages {
			size += len(m)
		}
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			start := cpuTime()
			hits := 0
			for b.Loop() {
				hits = 0
				for _, m := range messages {
					if p.Match(m) {
						hits++
					}
				}
			}
			cpu := (cpuTime() - start).Seconds()
			b.ReportMetric(float64(size)*float64(b.N)/1e6/cpu, "MB/cpu-s")
			b.ReportMetric(float64(hits)/float64(len(messages)), "hits/msg")
		})
	}
}
