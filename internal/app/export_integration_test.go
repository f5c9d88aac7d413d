//go:build integration

package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/ingest/putlogevents"
	"sluice/internal/objput/objputtest"
)

// The export test: 200 streams whose batches overlap in time are exported into
// an S3 store twice, once undisturbed and once by a process that is killed 20
// times, with a cancel and a resume between. Both must be the same bytes, and
// hold every event once, each stream in order. SLUICETEST_EXPORT_MB says how much is
// stored.

const (
	exportStreams = 200
	exportKills   = 20
	exportBatch   = 200 // events
)

func exportMB(t *testing.T) int64 {
	n, err := strconv.ParseInt(os.Getenv("SLUICETEST_EXPORT_MB"), 10, 64)
	if err != nil && os.Getenv("SLUICETEST_EXPORT_MB") != "" {
		t.Fatal(err)
	}
	if n == 0 {
		return 300
	}
	return n
}

// exported is a sluice that exports into a gateway.
type exported struct {
	*server
	gateway string // its address
	bucket  string // its folder
	events  []int  // stored, by stream
}

func exportStream(n int) string { return fmt.Sprintf("app/%03d", n) }

func newExported(t *testing.T) *exported {
	t.Helper()
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, "exports")
	objputtest.SetCredentials(t, gateway.AccessKey, gateway.SecretKey)
	os.Unsetenv("AWS_PROFILE") // the AWS CLI takes an empty one for a name
	dir := t.TempDir()
	e := &exported{
		server:  &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")},
		gateway: gateway.URL, bucket: filepath.Join(gateway.Folder, "exports"), events: make([]int, exportStreams),
	}
	var names []string
	for n := range exportStreams {
		names = append(names, exportStream(n))
	}
	config := fmt.Sprintf("log_level: error\ns3: %s\npipelines:\n  log_groups: [{logGroupName: /export, logStreamNames: [%s]}]\n", gateway.URL, strings.Join(names, ", "))
	if err := os.WriteFile(e.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	e.start()
	t.Cleanup(func() {
		if e.url.Load() != nil {
			e.end(syscall.SIGKILL)
		}
	})
	return e
}

// fill stores batches, one stream after the other, until there are enough bytes.
// Each covers 25 seconds and begins ten after the one before of its stream.
func (e *exported) fill(mb int64, kind corpus.Kind) {
	e.t.Helper()
	begin := time.Now().Add(-12 * time.Hour).UnixMilli() // what lies ahead is not exported
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			lines := corpus.New(kind, uint64(worker), time.Now())
			var line []byte
			for stored, round := int64(0), int64(0); stored < mb<<20/4; round++ {
				for n := worker; n < exportStreams; n += 4 {
					events := make([]putlogevents.Event, exportBatch)
					for i := range events {
						line, _ = lines.AppendEvent(line[:0])
						text := fmt.Appendf(nil, "%s#%d %s", exportStream(n), e.events[n], line)
						e.events[n]++
						stored += int64(len(text))
						events[i] = putlogevents.Event{Timestamp: begin + round*10_000 + int64(i)*25_000/exportBatch, Message: text}
					}
					e.post(putlogevents.AppendRequest(nil, "/export", exportStream(n), events...))
				}
			}
		})
	}
	wg.Wait()
}

func (e *exported) post(body []byte) {
	r, err := http.NewRequest(http.MethodPost, *e.url.Load(), bytes.NewReader(body))
	if err != nil {
		e.t.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Error(err)
		return
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		e.t.Errorf("put: %v %s", err, text)
	}
}

// sluice runs the command line against the process.
func (e *exported) sluice(args ...string) string {
	e.t.Helper()
	return run(e.t, e.binary, append(append([]string{"export"}, args...), "--endpoint-url", *e.url.Load())...)
}

type exportedTask struct {
	TaskID         string
	Status         struct{ Code, Message string }
	SluiceProgress struct{ Objects, Events, Bytes int64 }
}

func (e *exported) task(id string) (t exportedTask) {
	e.t.Helper()
	if err := json.Unmarshal([]byte(e.sluice("status", id, "-o", "json")), &t); err != nil {
		e.t.Fatal(err)
	}
	return t
}

func TestExportSurvivesKills(t *testing.T) {
	e := newExported(t)
	began := time.Now()
	e.fill(exportMB(t), corpus.App)
	t.Logf("stored in %v", time.Since(began).Round(time.Millisecond))
	create := func(prefix string) string {
		objects := strconv.FormatInt(max(1, exportMB(t)/500), 10) // of MB: several a stream
		return strings.TrimSpace(e.sluice("create", "/export", "exports/"+prefix, "--object-mb", objects))
	}
	e.end(syscall.SIGTERM) // what storing took of memory is no matter of the export
	e.start()
	waitIdle(t, e.pid) // it compacts
	began = time.Now()
	used := cpuSeconds(t, e.pid)
	calm := create("calm")
	e.sluice("wait", calm)
	took, spent := time.Since(began), cpuSeconds(t, e.pid)-used
	want := e.task(calm)
	t.Logf("undisturbed: %d events, %d MB in %d objects in %v: %.0f MB a CPU-second, on a machine at %.2f of the reference",
		want.SluiceProgress.Events, want.SluiceProgress.Bytes/1e6, want.SluiceProgress.Objects, took.Round(time.Millisecond),
		float64(want.SluiceProgress.Bytes)/1e6/spent, validSpeed())

	if peak := e.peak(); peak > 256 {
		t.Errorf("peak memory %d MiB", peak)
	} else {
		t.Logf("peak memory %d MiB", peak)
	}

	stormy := create("stormy")
	e.storm(stormy, took/exportKills)
	e.sluice("wait", stormy)
	if got := e.task(stormy); got.SluiceProgress != want.SluiceProgress {
		t.Errorf("%+v, want %+v", got.SluiceProgress, want.SluiceProgress)
	}
	sums := e.sums(filepath.Join("calm", calm))
	if got := e.sums(filepath.Join("stormy", stormy)); !maps.Equal(got, sums) || len(sums) != int(want.SluiceProgress.Objects) {
		t.Errorf("%d objects, want %d, or others", len(got), len(sums))
	}
	e.check(filepath.Join("calm", calm))
	out, err := exec.Command(e.binary, "verify", "exports", "--s3", e.gateway, "--deep").CombinedOutput()
	if err != nil {
		t.Errorf("verify: %v", err)
	}
	t.Logf("verify: %.2000s", out)
}

// peak is the greatest resident size of the process in MiB; 0 where /proc does
// not tell.
func (e *exported) peak() (mib int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.pid))
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	fmt.Sscan(line, &mib)
	return mib >> 10
}

// storm kills the process again and again while a task runs, after a time in
// which it can do some of the work, and cancels and resumes it once.
func (e *exported) storm(id string, some time.Duration) {
	e.t.Helper()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	ran := 0
	for k := range exportKills {
		time.Sleep(time.Duration(r.Int64N(int64(some)))) // the point is random, nothing waits for it
		e.end(syscall.SIGKILL)
		e.start()
		now := e.task(id)
		if now.Status.Code == "RUNNING" || now.Status.Code == "PENDING" {
			ran++
		}
		if k == exportKills/2 && ran == k+1 {
			e.sluice("cancel", id)
			waitFor(e.t, "cancel", func() bool { return e.task(id).Status.Code == "CANCELLED" })
			e.sluice("resume", id)
		}
	}
	e.t.Logf("%d of %d kills while the task ran", ran, exportKills)
	if ran < exportKills/2 {
		e.t.Error("too few: the test shows little")
	}
}

// sums hashes the objects below a prefix.
func (e *exported) sums(prefix string) map[string][sha256.Size]byte {
	e.t.Helper()
	sums := map[string][sha256.Size]byte{}
	root := filepath.Join(e.bucket, prefix)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		sums[name] = sha256.Sum256(body)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return sums
}

// check reads every object: each event once, each stream in the order of time.
func (e *exported) check(prefix string) {
	e.t.Helper()
	total := 0
	for n, count := range e.events {
		total += count
		seen := make([]bool, count)
		names, err := filepath.Glob(filepath.Join(e.bucket, prefix, strings.ReplaceAll(exportStream(n), "/", "-"), "*.gz"))
		if err != nil || len(names) == 0 {
			e.t.Fatalf("no objects of %s: %v", exportStream(n), err)
		}
		last := ""
		for _, name := range names { // sorted
			last = e.checkObject(name, exportStream(n), last, seen)
		}
		for i, ok := range seen {
			if !ok {
				e.t.Fatalf("%s#%d is missing", exportStream(n), i)
			}
		}
	}
	e.t.Logf("%d events, each once, in order", total)
}

func (e *exported) checkObject(name, stream, last string, seen []bool) string {
	e.t.Helper()
	f, err := os.Open(name)
	if err != nil {
		e.t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		e.t.Fatal(name, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 2<<20)
	for lines.Scan() {
		at, message, _ := strings.Cut(lines.Text(), " ")
		id, _, _ := strings.Cut(message, " ")
		n, err := strconv.Atoi(strings.TrimPrefix(id, stream+"#"))
		switch {
		case err != nil || n >= len(seen):
			e.t.Fatalf("%s: %q", name, lines.Text())
		case seen[n]:
			e.t.Fatalf("%s: %s twice", name, id)
		case at < last:
			e.t.Fatalf("%s: %s after %s", name, at, last)
		}
		seen[n], last = true, at
	}
	if err := lines.Err(); err != nil {
		e.t.Fatal(name, err)
	}
	return last
}

const boto3Export = `
import sys, time, boto3
logs = boto3.client("logs", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
now = int(time.time() * 1000)
task = logs.create_export_task(taskName="by boto3", logGroupName="/export", fromTime=0, to=now, destination="exports", destinationPrefix="boto3", logStreamNamePrefix="app/01")["taskId"]
while True:
    t, = logs.describe_export_tasks(taskId=task)["exportTasks"]
    if t["status"]["code"] not in ("PENDING", "RUNNING"):
        break
    time.sleep(0.05)
assert t["status"]["code"] == "COMPLETED", t
assert t["executionInfo"]["completionTime"] >= t["executionInfo"]["creationTime"], t
try:
    logs.cancel_export_task(taskId=task)
    raise SystemExit("a finished task was cancelled")
except logs.exceptions.InvalidOperationException as e:
    assert e.response["Error"]["Message"] == "The specified export task has already finished", e
try:
    logs.create_export_task(logGroupName="/export", fromTime=0, to=now, destination="none")
    raise SystemExit("a bucket that is not there was taken")
except logs.exceptions.InvalidParameterException:
    pass
print(task)
`

// TestExportByUnmodifiedClients has the AWS CLI and boto3 export, as they are.
func TestExportByUnmodifiedClients(t *testing.T) {
	e := newExported(t)
	e.fill(1, corpus.App)
	t.Run("aws", func(t *testing.T) {
		if _, err := exec.LookPath("aws"); err != nil {
			t.Skip("no aws CLI")
		}
		aws := func(args ...string) string {
			return strings.TrimSpace(run(t, "aws", append([]string{"logs", "--endpoint-url", *e.url.Load(), "--output", "text"}, args...)...))
		}
		id := aws("create-export-task", "--task-name", "by aws", "--log-group-name", "/export", "--from", "0", "--to", fmt.Sprint(time.Now().UnixMilli()),
			"--destination", "exports", "--destination-prefix", "cli", "--query", "taskId")
		var state string
		waitFor(t, "export", func() bool {
			state = aws("describe-export-tasks", "--task-id", id, "--query", "exportTasks[0].status.code")
			return state != "PENDING" && state != "RUNNING"
		})
		if state != "COMPLETED" {
			t.Fatal(state)
		}
		(&exported{server: &server{t: t}, bucket: e.bucket, events: e.events}).check(filepath.Join("cli", id))
	})
	t.Run("boto3", func(t *testing.T) {
		if exec.Command("python3", "-c", "import boto3").Run() != nil {
			t.Skip("no boto3")
		}
		id := strings.TrimSpace(run(t, "python3", "-c", boto3Export, *e.url.Load()))
		if sums := e.sums(filepath.Join("boto3", id)); len(sums) != 10 {
			t.Errorf("%d objects, want those of ten streams", len(sums))
		}
	})
}
