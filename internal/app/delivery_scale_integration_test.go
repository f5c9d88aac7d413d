//go:build integration

package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/internal/faultproxy"
)

// residentMost is the most memory that a process had, in bytes.
func (r *running) residentMost(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.pid))
	if err != nil {
		t.Skip("resident size is read from /proc:", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM in /proc")
	return 0
}

// manyPartitions has 20,000 partitions active at once, where AWS diverts records
// from the 501st on, and delivers them as as many objects.
func manyPartitions(t *testing.T, binary string) {
	const partitions, batch = 20_000, 1000
	l := newLake(t, binary, keysStream, "keys")
	padding := l.padding(700)
	sent := 0
	for range 2 { // each partition twice
		for at := 0; at < partitions; at += batch {
			var body strings.Builder
			fmt.Fprintf(&body, `{"logGroupName":"/lake","logStreamName":"s0","logEvents":[`)
			now := l.instant().UnixMilli()
			for i := range batch {
				if i > 0 {
					body.WriteByte(',')
				}
				fmt.Fprintf(&body, `{"timestamp":%d,"message":"{\"level\":\"ERROR\",\"id\":\"s0-%d\",\"k\":\"customer-%05d\",\"text\":\"%s\"}"}`, now, sent, at+i, padding[sent%1000:sent%1000+700])
				l.note(eventID{0, sent}, fate{matches: true, acked: true})
				sent++
			}
			body.WriteString(`]}`)
			if !post(*l.url.Load(), body.String()) {
				t.Fatal("not stored")
			}
		}
	}
	l.advance(50 * time.Second) // accounted, not due
	waiting := l.residentMost(t)
	if n := l.level(t, "sluice_delivery_open_partitions", "keys"); n != partitions {
		t.Errorf("%v partitions are open", n)
	}
	before := cpuOfProcess(t, l.pid)
	l.deliverAll()
	most := l.residentMost(t)
	t.Logf("%d partitions: %d MiB resident at most while they wait, %d MiB while they are delivered, in %v of CPU",
		partitions, waiting>>20, most>>20, cpuOfProcess(t, l.pid)-before)
	if most > 512<<20 {
		t.Errorf("%d MiB, more than 512", most>>20)
	}
	if n := l.level(t, "sluice_delivery_quarantined_events_total", "keys"); n != 0 {
		t.Errorf("%v records are quarantined", n)
	}
	l.end(syscall.SIGTERM)
	l.check() // verifying 20,000 objects over the network is the work of minutes
	if n := len(l.listed()); n != partitions {
		t.Errorf("%d objects", n)
	}
}

// cpuOfProcess is the processor time that a process has taken.
func cpuOfProcess(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("CPU time is read from /proc:", err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// gigabytesOfBacklog: the store is away while gigabytes come in, and comes back.
// The log is the buffer, not memory. SLUICETEST_BACKLOG_MB says how much, 2,000
// unless set.
func gigabytesOfBacklog(t *testing.T, binary string) {
	const batch, size = 300, 3000
	megabytes := fromEnvironment(t, "SLUICETEST_BACKLOG_MB", 2000)
	l := newLake(t, binary, strings.ReplaceAll(plainStream, "SizeInMBs: 1", "SizeInMBs: 16"), "plain")
	l.proxy.Play(faultproxy.Always(everything, faultproxy.ResetBefore()))
	var next atomic.Int64
	var clients sync.WaitGroup
	rounds := int64(megabytes) * 1e6 / (batch * size)
	began := cpuOfProcess(t, l.pid)
	for sender := range 3 {
		clients.Go(func() {
			for n := 0; next.Add(1) <= rounds; n++ {
				if !l.send(sender, n*batch, batch, size) {
					t.Error("not stored")
					return
				}
				if n%100 == 0 {
					l.advance(time.Second)
				}
			}
		})
	}
	clients.Wait()
	l.advance(61 * time.Second)
	ingesting, taken := l.residentMost(t), cpuOfProcess(t, l.pid)
	if n := l.level(t, "sluice_delivery_in_flight_bytes", "plain"); n < float64(megabytes)*1e6*0.6 {
		t.Errorf("only %v bytes wait", n)
	}
	l.proxy.Play(nil)
	l.deliverAll()
	most := l.residentMost(t)
	t.Logf("%d MB while the store was away: %d MiB resident at most, %v of CPU; then delivered: %d MiB at most, %v of CPU",
		megabytes, ingesting>>20, taken-began, most>>20, cpuOfProcess(t, l.pid)-taken)
	if most > 256<<20 {
		t.Errorf("%d MiB, more than 256", most>>20)
	}

	l.end(syscall.SIGKILL) // and with all of that on disk the next one is as small
	l.boot()
	if again := l.residentMost(t); again > 256<<20 {
		t.Errorf("%d MiB after a restart", again>>20)
	}
	l.finish()
	if files, err := filepath.Glob(filepath.Join(l.data, "wal", "*")); err != nil || len(files) == 0 {
		t.Error(files, err)
	}
}
