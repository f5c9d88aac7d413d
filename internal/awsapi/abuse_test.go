package awsapi

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAbuse is a short day among hostile clients: see abuse.
func TestAbuse(t *testing.T) { abuse(t, 500, 300, 96<<20) }

// abuse sends requests that are wrong in every way that comes to mind, from
// seeded random choices, while conns connections say nothing, and wants: every
// answer an answer, no crash, memory below growth bytes more than before, no
// goroutine left (the package's tests end with that check), and good requests
// served meanwhile and afterwards.
func abuse(t *testing.T, conns, requests int, growth uint64) {
	if raceEnabled {
		t.Skip("the race detector multiplies memory")
	}
	addr := serve(t, Config{Budget: NewBudget(32 << 20), BodyTimeout: 2 * time.Second}, ListenConfig{},
		append(toys(), (&metricToys{}).operations()...)...)
	good := func(when string) {
		t.Helper()
		if code, text := sendRaw(t, addr, hostile{target: "Logs_20140328.DescribeLogGroups", body: []byte("{}")}.raw()); code != 200 {
			t.Errorf("%s: a good request got %d %s", when, code, text)
		}
	}
	good("before")
	before := resident()
	var silent []net.Conn
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	good("among silent connections")
	bombs := bombs(t)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			for range requests / 4 {
				attack(t, addr, random, bombs)
			}
		})
	}
	wg.Wait()
	good("afterwards")
	for _, c := range silent {
		c.Close()
	}
	if after := resident(); after > before+growth {
		t.Errorf("%d MiB resident, %d before", after>>20, before>>20)
	} else {
		t.Logf("%d MiB resident, %d before", after>>20, before>>20)
	}
}

// hostile is a request to be written by hand.
type hostile struct {
	path, target, contentType, encoding, length string
	body                                        []byte
}

func (h hostile) raw() []byte {
	var b bytes.Buffer
	if h.path == "" {
		h.path = "/"
	}
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n", h.path)
	for _, header := range [...][2]string{{"X-Amz-Target", h.target}, {"Content-Type", h.contentType}, {"Content-Encoding", h.encoding}} {
		if header[1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
		}
	}
	if h.length == "" {
		h.length = fmt.Sprint(len(h.body))
	}
	fmt.Fprintf(&b, "Content-Length: %s\r\n\r\n", h.length)
	b.Write(h.body)
	return b.Bytes()
}

// bombs are bodies that cost more than they weigh.
func bombs(t *testing.T) []hostile {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const logs, metrics = "Logs_20140328.CreateLogGroup", "GraniteServiceVersion20100801.PutMetricData"
	const cbor = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
	return []hostile{
		{target: logs, encoding: "gzip", body: zipped.Bytes()},
		{target: logs, encoding: "gzip", body: zipped.Bytes()[:zipped.Len()/2]},
		{target: logs, encoding: "gzip", body: []byte("\x1f\x8b")},
		{target: logs, encoding: "zstd", body: []byte("\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
		{target: logs, body: []byte(strings.Repeat(`{"tags":`, 100_000))},
		{target: logs, body: []byte(strings.Repeat("[", 1_000_000))},
		{target: logs, body: []byte("{\"logGroupName\":\"\xff\xfe\"}")},
		{target: logs, length: "9223372036854775807"},
		{target: logs, length: "-1"},
		{target: metrics, body: []byte(`{"MetricData":[` + strings.Repeat(`{},`, 300_000) + `{}]}`)},
		{contentType: contentTypeForm, body: []byte("Action=PutMetricData&Version=2010-08-01" + strings.Repeat("&a", 1_000_000))},
		{contentType: contentTypeForm, body: []byte("Action=PutMetricData&Version=2010-08-01" + strings.Repeat("&MetricData.member.1.Value=1", 100_000))},
		{path: cbor, contentType: contentTypeCBOR, body: bytes.Repeat([]byte{0x9f}, 1_000_000)},
		{path: cbor, contentType: contentTypeCBOR, body: []byte("\xa1\x6aMetricData\x9b\xff\xff\xff\xff\xff\xff\xff\xff")},
		{path: "/../../etc/passwd"},
		{path: "/" + strings.Repeat("a", 60_000)},
	}
}

// attack sends one bomb: whole, cut off, with flipped bytes, half-closed, or left
// without reading the answer.
func attack(t *testing.T, addr string, random *rand.Rand, bombs []hostile) {
	raw := bytes.Clone(bombs[random.IntN(len(bombs))].raw())
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	switch random.IntN(5) {
	case 0:
		raw = raw[:random.IntN(len(raw))]
	case 1:
		for range 1 + random.IntN(8) {
			raw[random.IntN(len(raw))] ^= byte(1 + random.IntN(255))
		}
	case 2:
		c.Write(raw)
		return // a client that leaves
	}
	if _, err := c.Write(raw); err != nil {
		return // refused while it was sending
	}
	c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if os.IsTimeout(err) {
		t.Errorf("no answer to %.80q", raw)
	}
	if len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.")) {
		t.Errorf("%.80q is no answer to %.80q", answer, raw)
	}
	if bytes.HasPrefix(answer, []byte("HTTP/1.1 500")) {
		t.Errorf("an internal failure by %.200q: %.300q", raw, answer)
	}
}

func sendRaw(t *testing.T, addr string, raw []byte) (status int, text string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(raw); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
	return status, http.StatusText(status)
}

// resident is the process's memory after a collection, 0 where nobody tells.
func resident() uint64 {
	for range 3 { // pools let go of what they hold in two
		runtime.GC()
	}
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	fmt.Sscan(string(text), &size, &pages)
	return pages * uint64(os.Getpagesize())
}
