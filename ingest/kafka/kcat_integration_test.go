//go:build integration

package kafka_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestKcat reads what an independent client wrote, by each codec it knows.
func TestKcat(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("kcat is not installed:", err)
	}
	cluster := brokers(t)
	w, p := newWorld(t, cluster), newProducer(t, cluster)
	var want int64
	for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		var lines strings.Builder
		for n := range 200 {
			m := fmt.Sprintf("%s/%06d", codec, 1000*i+n)
			p.sent[m] = 2
			want++
			fmt.Fprintln(&lines, m)
		}
		command := exec.CommandContext(t.Context(), kcat, "-P", "-b", cluster.ListenAddrs()[0], "-t", topic, "-p", "2", "-z", codec)
		command.Stdin = strings.NewReader(lines.String())
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("kcat -z %s: %v: %s", codec, err, out)
		}
	}
	s := w.source(nil).run()
	allStored(t, want, s)
	s.stop()
	p.ledger(w)
}
