// Package kafkabroker runs a real Apache Kafka broker for integration tests: one
// node that is broker and controller, in a JVM of its own on the loopback
// interface.
//
// What enters: the jars of kafka.Kafka in the folder that SLUICETEST_KAFKA names (or
// where .ci/run keeps them), and a java command; without them Start skips the test
// and says so. What leaves: an address that clients connect to, and the means to
// treat the broker badly: Kill is the end that a power failure of the process
// makes, Pause a machine that stopped answering and keeps its connections.
//
// The log lies in a folder of the test and survives Kill and Restart, at the same
// address; nothing survives the test. A test process that dies takes its broker
// along. A Broker belongs to one goroutine.
package kafkabroker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/clock"
)

// Broker is a running broker, or one that was killed.
type Broker struct {
	t              testing.TB
	java, jars     string
	dir            string
	listen, quorum string // HOST:PORT for clients, and for the controller
	clock          clock.Machine
	command        *exec.Cmd
	hold           io.Closer // what the broker lives as long as
	process        *os.Process
	settings       map[string]string
}

const (
	startTimeout = time.Minute
	poll         = 50 * time.Millisecond
)

// Start starts an empty broker, and ends it with the test. Settings are those of
// server.properties, over the ones that make a broker small and quick.
func Start(t testing.TB, settings map[string]string) *Broker {
	t.Helper()
	b := &Broker{t: t, dir: t.TempDir()}
	b.java, b.jars = require(t)
	b.listen, b.quorum = freeAddress(t), freeAddress(t)
	b.settings = map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "controller.quorum.voters": "1@" + b.quorum,
		"listeners":                 "PLAINTEXT://" + b.listen + ",CONTROLLER://" + b.quorum,
		"advertised.listeners":      "PLAINTEXT://" + b.listen,
		"controller.listener.names": "CONTROLLER",
		"log.dirs":                  filepath.Join(b.dir, "log"),
		"auto.create.topics.enable": "false",

		"offsets.topic.num.partitions": "1", "offsets.topic.replication.factor": "1",
		"transaction.state.log.num.partitions": "1", "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1",
		"share.coordinator.state.topic.replication.factor": "1",
		// A broker that was killed is let in again.
		"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "200", "initial.broker.registration.timeout.ms": "60000",
		// Members that died are noticed, and groups begin, within a test's patience.
		"group.min.session.timeout.ms": "500", "group.initial.rebalance.delay.ms": "0",
	}
	maps.Copy(b.settings, settings)
	b.format()
	t.Cleanup(b.Kill)
	b.Restart()
	return b
}

// require finds the broker's programs, or skips the test.
func require(t testing.TB) (java, jars string) {
	t.Helper()
	if jars = os.Getenv("SLUICETEST_KAFKA"); jars == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip("no Kafka broker is here: set SLUICETEST_KAFKA to a folder with its jars:", err)
		}
		jars = filepath.Join(cache, "sluice-ci/bench/clients/kafka")
	}
	if found, _ := filepath.Glob(filepath.Join(jars, "kafka_*.jar")); len(found) == 0 {
		t.Skipf("no Kafka broker is here: mvn -f bench/clients/kafka dependency:copy-dependencies -DoutputDirectory=DIR, and set SLUICETEST_KAFKA=DIR (not in %s)", jars)
	}
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no java is here to run a Kafka broker:", err)
	}
	return java, jars
}

// freeAddress is one that nobody listens on; somebody might until the broker does.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Address is where clients find the broker.
func (b *Broker) Address() string { return b.listen }

// arguments is the command line of a class in the jars.
func (b *Broker) arguments(class string, arguments ...string) []string {
	return append([]string{
		"-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(b.jars, "*"), class,
	}, arguments...)
}

func (b *Broker) propertiesFile() string { return filepath.Join(b.dir, "server.properties") }
func (b *Broker) outputFile() string     { return filepath.Join(b.dir, "output") }

// format writes the configuration, and the empty log that a broker demands.
func (b *Broker) format() {
	b.t.Helper()
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.settings)) {
		fmt.Fprintf(&lines, "%s=%s\n", name, b.settings[name])
	}
	if err := os.WriteFile(b.propertiesFile(), []byte(lines.String()), 0o644); err != nil {
		b.t.Fatal(err)
	}
	const anyID = "c2x1aWNlLXRlc3Qta2Fma2E"
	out, err := exec.CommandContext(b.t.Context(), b.java, b.arguments("kafka.tools.StorageTool", "format", "-t", anyID, "-c", b.propertiesFile())...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("format a broker's log: %v\n%s", err, out)
	}
}

// Restart starts the broker that was killed, with the log it left, and returns
// when it answers.
func (b *Broker) Restart() {
	b.t.Helper()
	// The shell kills the broker when its standard input ends: with Kill, or with
	// the process of the test, however that ends.
	b.command = exec.Command("sh", append([]string{"-c", `out=$1; shift; "$@" >>"$out" 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait`,
		"sh", b.outputFile(), b.java}, b.arguments("kafka.Kafka", b.propertiesFile())...)...)
	hold, err := b.command.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := b.command.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.command.Start(); err != nil {
		b.t.Fatal("start broker:", err)
	}
	b.hold = hold
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.t.Fatal("start broker:", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		b.t.Fatal("start broker:", err)
	}
	if b.process, err = os.FindProcess(pid); err != nil {
		b.t.Fatal("start broker:", err)
	}
	b.untilReady()
}

// untilReady waits for an answer that names the broker as its own controller.
func (b *Broker) untilReady() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), startTimeout)
	defer cancel()
	for {
		res, err := b.metadata(ctx)
		if err == nil && len(res.Brokers) > 0 {
			return
		}
		if b.clock.Sleep(ctx, poll) != nil {
			output, _ := os.ReadFile(b.outputFile())
			b.t.Fatalf("the broker does not answer: %v\n%s", err, output[max(0, len(output)-4000):])
		}
	}
}

func (b *Broker) client() (client *kafka.Client, end func()) {
	transport := &kafka.Transport{DialTimeout: time.Second, MetadataTTL: poll}
	return &kafka.Client{Addr: kafka.TCP(b.listen), Timeout: 5 * time.Second, Transport: transport}, transport.CloseIdleConnections
}

func (b *Broker) metadata(ctx context.Context) (*kafka.MetadataResponse, error) {
	client, end := b.client()
	defer end()
	return client.Metadata(ctx, &kafka.MetadataRequest{})
}

// CreateTopic makes a topic, and returns when its partitions have a leader.
func (b *Broker) CreateTopic(topic string, partitions int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), startTimeout)
	defer cancel()
	client, end := b.client()
	defer end()
	for {
		res, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}}})
		if err == nil {
			err = res.Errors[topic]
		}
		if err == nil || errors.Is(err, kafka.TopicAlreadyExists) { // by a request that was answered too late
			break
		}
		if b.clock.Sleep(ctx, poll) != nil {
			b.t.Fatalf("create topic %s: %v", topic, err)
		}
	}
	for {
		res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(res.Topics) == 1 && res.Topics[0].Error == nil && len(res.Topics[0].Partitions) == partitions {
			return
		}
		if b.clock.Sleep(ctx, poll) != nil {
			b.t.Fatalf("topic %s has no leader: %v, %+v", topic, err, res)
		}
	}
}

// Kill ends the broker at once, as kill -9 does. Without one it does nothing.
func (b *Broker) Kill() {
	if b.hold == nil {
		return
	}
	b.hold.Close()
	b.hold = nil
	b.command.Wait() // its status is that of a killed process
}

// Pause stops the broker in its tracks; connections to it stay, and are silent.
// A request that it took before may still be answered, none that is sent after
// Pause returned: the signal alone leaves threads that run a moment to go on.
func (b *Broker) Pause() {
	b.t.Helper()
	b.signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(b.t.Context(), startTimeout)
	defer cancel()
	for !b.stopped() {
		if b.clock.Sleep(ctx, time.Millisecond) != nil {
			b.t.Fatal("the broker's process goes on after it was told to stop")
		}
	}
}

// stopped tells whether none of the broker's threads runs.
func (b *Broker) stopped() bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", b.process.Pid))
	if err != nil || len(tasks) == 0 {
		b.t.Fatalf("list the broker's threads: %d, %v", len(tasks), err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task)
		// The state follows the name, which is in brackets and may hold any others.
		if name := bytes.LastIndexByte(stat, ')'); err != nil || !bytes.HasPrefix(stat[name+1:], []byte(" T")) {
			return false // it runs, or ended while it was looked at
		}
	}
	return true
}

// Resume goes on after Pause.
func (b *Broker) Resume() { b.signal(syscall.SIGCONT) }

func (b *Broker) signal(s os.Signal) {
	b.t.Helper()
	if err := b.process.Signal(s); err != nil {
		b.t.Fatalf("signal broker: %v", err)
	}
}
