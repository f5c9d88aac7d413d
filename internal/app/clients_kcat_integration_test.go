//go:build integration

package app_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestKafkaBrokerProcess is no test: it is the broker that TestClientKcat starts
// as a process of its own. It lives until its standard input ends.
func TestKafkaBrokerProcess(t *testing.T) {
	if os.Getenv("SLUICETEST_KAFKA_BROKER") == "" {
		t.Skip("a process that another test starts")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"), kfake.GroupMinSessionTimeout(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	fmt.Println("broker " + cluster.ListenAddrs()[0])
	io.Copy(io.Discard, os.Stdin)
}

// startBroker starts a Kafka broker in a process of its own.
func startBroker(t *testing.T) (address string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKafkaBrokerProcess$")
	cmd.Env = append(os.Environ(), "SLUICETEST_KAFKA_BROKER=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the broker: %v", err)
		}
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "broker "); ok {
			return address
		}
	}
	t.Fatal("the broker did not start")
	return ""
}

// kcat, the librdkafka client of the command line, produces to a broker; a Kafka
// source stores each record once, compressed or not, in the order of its partition.
func TestClientKcat(t *testing.T) {
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("no kcat is here: install Debian's package of that name:", err)
	}
	broker := startBroker(t)
	m := &matrix{recorder: &recorder{}, server: startConfigured(t, matrixConfig+fmt.Sprintf(`
sources:
  kafka: [{name: orders, brokers: ["%s"], topics: [orders], group_id: sluice, log_group: /kafka, session_seconds: 6}]
pipelines: {log_groups: [{logGroupName: /kafka}]}
`, broker))}
	m.logs = sdkClient(*m.server.url.Load(), nil)
	var want [3][]string
	for round, codec := range []string{"none", "gzip", "zstd", "lz4", "snappy"} {
		for partition := range want {
			lines := numberedLines(400)
			for i := range lines {
				lines[i] = fmt.Sprintf("%d/%d/%s", round, partition, lines[i])
			}
			m.run(t, strings.Join(lines, "\n")+"\n", kcat, "-P", "-b", broker, "-t", "orders", "-p", fmt.Sprint(partition), "-z", codec)
			want[partition] = append(want[partition], lines...)
		}
	}
	total := len(want) * len(want[0])
	waitFor(t, "all records are stored", func() bool {
		return m.server.metric(t, "sluice_kafka_source_stored_records_total") >= float64(total) &&
			m.server.metric(t, "sluice_kafka_source_lag_records") == 0
	})
	for partition, lines := range want {
		m.holds(t, "/kafka", fmt.Sprintf("orders-%d", partition), lines)
	}
	if n := m.server.metric(t, "sluice_ingest_stored_events_total"); n != float64(total) {
		t.Errorf("%v events are stored, want %d", n, total)
	}
	t.Logf("%d records of kcat, in five codecs and three partitions, each stored once", total)
}
