//go:build integration

package app_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/bench/corpus"
	"sluice/exporttask/exporttasktest"
	"sluice/internal/catalog"
	"sluice/internal/objput"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// TestExportCost exports JSON and text of 200 streams into an S3 store: message
// bytes by CPU-second of the server, beside the sum of the stages over the same
// files in the same run, and its memory. The speeds are for people, since they
// are those of the machine; a task that costs twice its stages is a fault on any.
// SLUICETEST_EXPORT_MB says how much is stored, SLUICETEST_EXPORT_PROFILE which
// folder takes a CPU profile of each export. Whoever asks for an amount gets the
// middle of three rounds of both: machines change while one is measured.
func TestExportCost(t *testing.T) {
	rounds := 1
	if os.Getenv("SLUICETEST_EXPORT_MB") != "" {
		rounds = 3
	}
	for _, c := range []struct {
		name string
		kind corpus.Kind
		aim  float64 // MB by CPU-second, on the machine that limits are stated for
	}{{"json", corpus.App, 220}, {"text", corpus.Access, 190}} {
		t.Run(c.name, func(t *testing.T) {
			e := newExported(t)
			e.fill(costMB(t), c.kind)
			e.end(syscall.SIGTERM) // what storing took of memory is no matter of the export
			var rates, shares []float64
			for i := range rounds {
				rate, share := e.cost(t, fmt.Sprintf("cost%d", i))
				rates, shares = append(rates, rate), append(shares, share)
			}
			slices.Sort(rates)
			slices.Sort(shares)
			t.Logf("the middle of %d: about %.0f MB a CPU-second on the reference, aim %.0f; %.2f of its stages, aim 0.85",
				rounds, rates[rounds/2], c.aim, shares[rounds/2])
			if shares[rounds/2] < 0.5 {
				t.Error("the task costs more than twice its stages")
			}
		})
	}
}

// cost starts the server, exports everything under a prefix, and ends it. It returns
// MB of messages a CPU-second, scaled to the machine that limits are stated for, and
// what the stages are of the task.
func (e *exported) cost(t *testing.T, prefix string) (scaled, share float64) {
	t.Helper()
	e.start()
	waitIdle(t, e.pid) // it compacts

	speed, used, began := validSpeed(), cpuSeconds(t, e.pid), time.Now()
	profiled := e.profile(t)
	id := strings.TrimSpace(e.sluice("create", "/export", "exports/"+prefix))
	e.sluice("wait", id)
	spent, took := cpuSeconds(t, e.pid)-used, time.Since(began)
	profiled()
	speed = (speed + validSpeed()) / 2
	done, peak := e.task(id).SluiceProgress, e.peak()
	e.check(filepath.Join(prefix, id))
	e.end(syscall.SIGTERM)

	messages := done.Bytes - done.Events*int64(len("2026-02-01T10:00:00.123Z \n"))
	rate := float64(messages) / 1e6 / spent
	whole := 1000 / rate
	t.Logf("%d events, %d MB of messages in %d objects in %v, %d MiB at most", done.Events, messages/1e6, done.Objects, took.Round(time.Millisecond), peak)
	t.Logf("%.0f MB a CPU-second on a machine at %.2f of the reference: about %.0f there", rate, speed, rate/speed)
	sum, steps := 0.0, ""
	for _, s := range e.stages(t, done.Bytes/done.Objects) {
		steps += fmt.Sprintf(" %s %.2f", s.Name, s.NanosPerByte)
		sum += s.NanosPerByte
	}
	t.Logf("task %.2f ns/B, stages %.2f (%s): %.2f of its stages", whole, sum, strings.TrimSpace(steps), sum/whole)
	if peak > 256 {
		t.Errorf("peak memory %d MiB", peak)
	}
	return rate / speed, sum / whole
}

// costMB is less than what other tests of exports store: there are two kinds.
func costMB(t *testing.T) int64 {
	if os.Getenv("SLUICETEST_EXPORT_MB") == "" {
		return 100
	}
	return exportMB(t)
}

// stages measures the steps of an export over the files of the server, which has
// ended, for a sample of what is stored.
func (e *exported) stages(t *testing.T, objectBytes int64) []exporttasktest.Stage {
	t.Helper()
	definitions, err := catalog.OpenFile(filepath.Join(e.data, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer definitions.Close()
	group, ok := definitions.Group(catalog.Scope{Account: "000000000000", Region: "us-east-1"}, "/export")
	if !ok {
		t.Fatal("no log group")
	}
	stored := openStore(t, store.Config{Dir: filepath.Join(e.data, "wal"), Files: filepath.Join(e.data, "store")})
	defer stored.Close()
	objects, err := objput.OpenS3(t.Context(), objput.S3Config{Endpoint: e.gateway, FS: vfs.OS})
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	return exporttasktest.Stages(t, exporttasktest.Load{
		Store: stored, Group: group.UID, Sample: 256 << 20, Spool: true,
		Objects: objects, Bucket: "exports", ObjectBytes: objectBytes,
	})
}

// profile takes a CPU profile of the server from now on, where one is wanted,
// until the returned function is called.
func (e *exported) profile(t *testing.T) (end func()) {
	dir := os.Getenv("SLUICETEST_EXPORT_PROFILE")
	if dir == "" {
		return func() {}
	}
	seconds := max(5, costMB(t)/80)
	answer := make(chan []byte, 1)
	go func() {
		defer close(answer)
		resp, err := http.Get(e.admin + "/debug/pprof/profile?seconds=" + strconv.FormatInt(seconds, 10))
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		answer <- text
	}()
	return func() {
		if text := <-answer; len(text) > 0 {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(t.Name())+".prof"), text, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
}
