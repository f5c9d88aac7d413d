//go:build integration

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/kafkabroker"
)

// Processes that share the work, each of its own and a broker in another one. As in
// the kill test, clients never repeat a request, so an acknowledged matching event
// must be in exactly one object, an unacknowledged one in at most one, and no other
// event in any.

const (
	fleetPartitions = 12
	fleetStreams    = 10 * fleetPartitions
)

// fleet is processes with one configuration and one bucket.
type fleet struct {
	t              *testing.T
	dir, config    string
	log            *os.File
	prefix, broker string
}

const fleetPipelines = `
log_level: warn
s3: "folder:%[1]s"
log: {segment_bytes: 8388608}
pipelines:
  log_groups: [{logGroupName: /kill, logStreamNames: [%[2]s]}]
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::lake"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: %[3]d, IntervalInSeconds: %[5]d}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
    - {logGroupName: /kill, filterName: errors, filterPattern: "%[4]s", destinationArn: "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake"}
`

// newFleet writes the configuration of processes that meet at a broker; without one
// there is one process that does all.
func newFleet(t *testing.T, broker, prefix, pattern string, sizeMB, seconds int) *fleet {
	t.Helper()
	dir := t.TempDir()
	f := &fleet{t: t, dir: dir, config: filepath.Join(dir, "sluice.yaml"), prefix: prefix, broker: broker}
	var streams []string
	for i := range fleetStreams {
		streams = append(streams, fmt.Sprintf("s%d", i))
	}
	text := fmt.Sprintf(fleetPipelines, filepath.Join(dir, "s3"), strings.Join(streams, ","), sizeMB, pattern, seconds)
	if broker != "" {
		text += fmt.Sprintf("scale_out: {brokers: [\"%s\"], prefix: %s, session_seconds: 2}\n", broker, prefix)
		createTopics(t, broker, prefix+".events", prefix+".lake")
	}
	err := os.WriteFile(f.config, []byte(text), 0o600)
	if err == nil {
		f.log, err = os.Create(filepath.Join(dir, "log"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.log.Close()
		if text, err := os.ReadFile(f.log.Name()); err == nil && t.Failed() {
			t.Logf("the processes said, at the end:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return f
}

// createTopics makes topics, and waits until they have leaders.
func createTopics(t *testing.T, broker string, names ...string) {
	t.Helper()
	transport := &kafka.Transport{MetadataTTL: 50 * time.Millisecond}
	defer transport.CloseIdleConnections()
	client := kafka.Client{Addr: kafka.TCP(broker), Transport: transport, Timeout: 10 * time.Second}
	req := &kafka.CreateTopicsRequest{}
	for _, name := range names {
		req.Topics = append(req.Topics, kafka.TopicConfig{Topic: name, NumPartitions: fleetPartitions, ReplicationFactor: 1})
	}
	res, err := client.CreateTopics(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range res.Errors {
		if err != nil {
			t.Fatalf("create topic %s: %v", name, err)
		}
	}
	waitFor(t, "the topics have leaders", func() bool {
		res, err := client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: names})
		return err == nil && !slices.ContainsFunc(res.Topics, func(t kafka.Topic) bool { return t.Error != nil || len(t.Partitions) < fleetPartitions })
	})
}

// member is one process of the fleet.
type member struct {
	*server
	f     *fleet
	roles string
}

// join starts a process; "" is all roles.
func (f *fleet) join(name, roles string) *member {
	f.t.Helper()
	m := &member{f: f, roles: roles, server: &server{t: f.t, binary: buildBinary(f.t), config: f.config, data: filepath.Join(f.dir, name)}}
	m.boot()
	f.t.Cleanup(func() { m.end(syscall.SIGKILL) })
	return m
}

func (m *member) boot() {
	m.t.Helper()
	cmd := exec.Command(m.binary, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-json", "-", "--config", m.config, "--data-dir", m.data)
	cmd.Env, cmd.Stderr = append(os.Environ(), "SLUICE_ROLES=["+m.roles+"]"), m.f.log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	var ready struct{ Listen, Admin string }
	if err := json.NewDecoder(stdout).Decode(&ready); err != nil {
		cmd.Wait()
		m.t.Fatal("no ready line:", err)
	}
	m.running = &running{cmd: cmd, pid: cmd.Process.Pid, url: "http://" + ready.Listen, admin: "http://" + ready.Admin}
	m.url.Store(&m.running.url)
}

// end ends the process; one that has ended stays so.
func (m *member) end(sig syscall.Signal) {
	m.t.Helper()
	if m.running == nil {
		return
	}
	m.url.Store(nil)
	err := m.running.end(sig)
	var exit *exec.ExitError
	if sig == syscall.SIGTERM && err != nil || err != nil && !errors.As(err, &exit) {
		m.t.Errorf("end of a process with the roles %s: %v", m.roles, err)
	}
	m.running = nil
}

// send sends batches of events from some connections, and counts them.
func (f *fleet) send(in *member, l *ledger, first, batches int64) (sent *atomic.Int64, wait func()) {
	var next atomic.Int64
	var clients sync.WaitGroup
	sent = &atomic.Int64{}
	for range 3 {
		clients.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for n := next.Add(1) - 1; n < batches; n = next.Add(1) - 1 {
				sendBatch(in.server, client, int(n%fleetStreams), (first+n)*killBatch, l)
				sent.Add(1)
			}
		})
	}
	return sent, clients.Wait
}

func (f *fleet) bucket() string { return filepath.Join(f.dir, "s3", "lake") }

// ids lists the events in the bucket.
func (f *fleet) ids() (ids map[string]int) {
	f.t.Helper()
	ids = map[string]int{}
	err := filepath.WalkDir(f.bucket(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.Name() == "_sluice":
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".gz"):
			return nil
		}
		return eachLine(path, func(line string) { ids[strings.SplitN(line, " ", 2)[0]]++ })
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return ids
}

// settle waits until the bucket has everything that was acknowledged, and what the
// processes have in flight besides.
func (f *fleet) settle(in *member, l *ledger) {
	f.t.Helper()
	waitFor(f.t, "everything is forwarded", func() bool { return in.metric(f.t, "sluice_forwarder_in_flight_events") == 0 })
	waitFor(f.t, "everything is delivered", func() bool {
		ids := f.ids()
		l.mu.Lock()
		defer l.mu.Unlock()
		for id, acked := range l.acked {
			if acked && strings.HasPrefix(id, "ERROR") && ids[id] == 0 {
				time.Sleep(100 * time.Millisecond) // reading all objects takes longer than what waitFor waits
				return false
			}
		}
		return true
	})
}

// verify proves the bucket with the command of that name.
func (f *fleet) verify() {
	f.t.Helper()
	out, err := exec.Command(buildBinary(f.t), "verify", "lake", "--deep", "--s3", "folder:"+filepath.Join(f.dir, "s3"), "-o", "json").Output()
	var report struct{ Complete bool }
	if json.Unmarshal(out, &report) != nil || !report.Complete {
		f.t.Errorf("sluice verify: %v: %.2000s", err, out)
	}
}

// TestScaleOutShares wants two processes of each kind to take half of the work each.
func TestScaleOutShares(t *testing.T) {
	f := newFleet(t, startBroker(t), "shares", "ERROR", 1, 1)
	in := f.join("in", "ingest")
	one, two := f.join("one", "filter,firehose"), f.join("two", "filter,firehose")
	waitFor(t, "both have their partitions", func() bool {
		for _, m := range []*member{one, two} {
			if m.metric(t, "sluice_delivery_source_parts") != fleetPartitions/2 || m.metric(t, "sluice_worker_partitions") != fleetPartitions/2 {
				return false
			}
		}
		return true
	})
	l := &ledger{acked: map[string]bool{}}
	_, wait := f.send(in, l, 0, 2*fleetStreams)
	wait()
	f.settle(in, l)
	for _, metric := range []string{"sluice_worker_read_bytes_total", "sluice_delivery_delivered_bytes_total"} {
		a, b := one.metric(t, metric), two.metric(t, metric)
		t.Logf("%s: %.0f and %.0f", metric, a, b)
		// Partitions are shared evenly, above. Which of them a log stream goes to is
		// chance, and with so few streams that alone can make a fifth of a difference.
		if a < b/2 || b < a/2 {
			t.Errorf("%s: %v and %v", metric, a, b)
		}
	}
	for _, m := range []*member{in, one, two} {
		m.end(syscall.SIGTERM)
	}
	l.check(t, f.bucket())
	f.verify()
}

// TestScaleOutChaos ends and pauses processes of every role while a load goes on.
func TestScaleOutChaos(t *testing.T) {
	const batches, steps = 1000, 14
	f := newFleet(t, startBroker(t), "chaos", "ERROR", 1, 1)
	in := f.join("in", "ingest")
	others := []*member{f.join("w1", "filter"), f.join("w2", "filter"), f.join("f1", "firehose"), f.join("f2", "firehose")}
	l := &ledger{acked: map[string]bool{}}
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	done := 0
	for step := range steps {
		upTo := batches * (step + 1) / steps
		sent, wait := f.send(in, l, int64(done), int64(upTo-done))
		half := int64(upTo-done) / 2
		waitFor(t, "load", func() bool { return sent.Load() >= half })
		time.Sleep(time.Duration(r.Int64N(int64(200 * time.Millisecond)))) // the point is random, nothing waits for it
		victim := others[r.IntN(len(others))]
		switch step % 4 {
		case 0: // killed, and there again
			victim.end(syscall.SIGKILL)
			victim.boot()
		case 1: // paused for longer than its session, and a zombie then
			if err := victim.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2500 * time.Millisecond)
			if err := victim.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		case 2:
			in.end([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[r.IntN(2)])
			in.boot()
		case 3: // stopped, and another one in its place later
			victim.end(syscall.SIGTERM)
			victim.data += "'" // a new machine
			victim.boot()
		}
		wait()
		done = upTo
	}
	f.settle(in, l)
	for _, m := range append(others, in) {
		m.end(syscall.SIGTERM)
	}
	l.check(t, f.bucket())
	f.verify()
}

// TestScaleOutChain compares what one process delivers by itself with what it
// delivers through a real broker, which is killed under load.
func TestScaleOutChain(t *testing.T) {
	const batches = fleetStreams
	broker := kafkabroker.Start(t, nil)
	deliver := func(address string, disturb func()) []string {
		f := newFleet(t, address, "chain", "ERROR", 1, 1)
		m := f.join("all", "")
		l := &ledger{acked: map[string]bool{}}
		sent, wait := f.send(m, l, 0, batches)
		waitFor(t, "load", func() bool { return sent.Load() >= batches/3 })
		disturb()
		wait()
		waitFor(t, "everything is delivered", func() bool { return len(f.ids()) >= batches*killBatch/3 })
		m.end(syscall.SIGTERM)
		l.check(t, f.bucket())
		f.verify()
		var ids []string
		for id, n := range f.ids() {
			ids = append(ids, slices.Repeat([]string{id}, n)...)
		}
		slices.Sort(ids)
		return ids
	}
	alone := deliver("", func() {})
	through := deliver(broker.Address(), func() {
		broker.Kill()
		broker.Restart()
	})
	if !slices.Equal(alone, through) {
		t.Errorf("%d events by one process alone, %d through a broker, and not the same ones", len(alone), len(through))
	}
}

// TestScaleOutCosts compares the processor time of two processes that share the work
// with that of one. They work in turns, so that what else the machine does meets
// both, and nobody asks them anything meanwhile. The first round fills caches and
// pools and does not count; what the processes took since they were started is
// told beside. SLUICETEST_SCALEOUT_MB says how much it is for each.
func TestScaleOutCosts(t *testing.T) {
	const rounds = 6
	t.Setenv("SLUICE_SCALE_OUT_SESSION_SECONDS", "30") // as it is by default: heartbeats cost, too
	megabytes := fromEnvironment(t, "SLUICETEST_SCALEOUT_MB", 240)
	broker := startBroker(t)
	one, two := newTeam(t, broker, "one", 1), newTeam(t, broker, "two", 2)
	for range rounds {
		one.work(megabytes / rounds)
		two.work(megabytes / rounds)
	}
	for _, w := range []*team{one, two} {
		t.Logf("%s: CPU-seconds per GB in each round: %.2f; with all since the start %.2f", w.prefix, w.costs, w.life()/w.worked*1e9)
	}
	a, b := mean(one.costs[1:]), mean(two.costs[1:])
	t.Logf("CPU-seconds per GB of messages, matched, compressed and delivered: %.2f by one process, %.2f by two, ratio %.2f; with all since the start %.2f",
		a, b, b/a, two.life()/two.worked/(one.life()/one.worked))
	if b > 1.25*a { // 1.1 on a machine that does nothing else
		t.Errorf("two processes take %.2f times the processor time of one", b/a)
	}
	one.leave()
	two.leave()
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

// team is processes that share what one process takes in.
type team struct {
	*fleet
	in      *member
	members []*member
	costs   []float64 // CPU-seconds per GB
	worked  float64   // bytes of messages
	events  int64     // sent to it
	told    manifests
}

func newTeam(t *testing.T, broker, prefix string, processes int) *team {
	t.Helper()
	w := &team{fleet: newFleet(t, broker, prefix, "", 16, 1), told: manifests{seen: map[string]bool{}}}
	w.in = w.join("in", "ingest")
	for i := range processes {
		w.members = append(w.members, w.join(fmt.Sprint("m", i), "filter,firehose"))
	}
	waitFor(t, "all have their partitions", func() bool {
		time.Sleep(250 * time.Millisecond) // looks cost the members, too
		return !slices.ContainsFunc(w.members, func(m *member) bool {
			parts := float64(fleetPartitions / processes)
			return m.metric(t, "sluice_delivery_source_parts") != parts || m.metric(t, "sluice_worker_partitions") != parts
		})
	})
	return w
}

// life is the CPU-seconds that the members took since they were started.
func (w *team) life() (seconds float64) {
	for _, m := range w.members {
		seconds += cpuOfProcess(w.t, m.pid).Seconds()
	}
	return seconds
}

// work has the team deliver some megabytes, and notes what that costs.
func (w *team) work(megabytes int) {
	w.t.Helper()
	spent := w.life()
	bytes, events := w.fill(w.in, megabytes)
	w.events += events
	waitFor(w.t, "everything is delivered", func() bool {
		time.Sleep(100 * time.Millisecond) // looks are not free either
		return w.told.records(w.t, w.bucket()) >= w.events
	})
	w.worked += bytes
	w.costs = append(w.costs, (w.life()-spent)/bytes*1e9)
}

// manifests are those of a bucket that were read: to ask the processes what they
// delivered would be work that counts.
type manifests struct {
	seen  map[string]bool
	total int64
}

// records is how many records the manifests tell of.
func (m *manifests) records(t *testing.T, bucket string) int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(bucket, "_sluice", "commit", "*", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if m.seen[file] {
			continue
		}
		var told struct{ Records int64 }
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &told)
		}
		if err != nil {
			t.Fatal(file, err)
		}
		m.seen[file], m.total = true, m.total+told.Records
	}
	return m.total
}

// leave ends the processes.
func (w *team) leave() {
	for _, m := range append(w.members, w.in) {
		m.end(syscall.SIGTERM)
	}
}

// fill has events of about a KiB forwarded, and returns the bytes of their messages
// and how many they are.
func (f *fleet) fill(in *member, megabytes int) (bytesOfMessages float64, events int64) {
	f.t.Helper()
	const size, count = 1000, 1000
	r := rand.New(rand.NewPCG(1, 2))
	var words [256]string
	for i := range words {
		words[i] = fmt.Sprintf("%x", r.Uint64())[:3+r.IntN(8)]
	}
	message := func() string {
		var b strings.Builder
		for b.Len() < size {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(' ')
		}
		return b.String()[:size]
	}
	batches := megabytes * 1_000_000 / (size * count)
	for n := range batches {
		var body bytes.Buffer
		fmt.Fprintf(&body, `{"logGroupName":"/kill","logStreamName":"s%d","logEvents":[`, n%fleetStreams)
		for i := range count {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"timestamp":%d,"message":"%s"}`, time.Now().UnixMilli(), message())
		}
		body.WriteString(`]}`)
		if !post(in.running.url, body.String()) {
			f.t.Fatal("not stored")
		}
	}
	return float64(batches * size * count), int64(batches * count)
}
