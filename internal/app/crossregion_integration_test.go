//go:build integration

package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

	"sluice/internal/faultproxy"
)

// The replication test: three regional servers on addresses of their own and one
// central one, each a process, with a proxy on every link. Under load, links are
// cut and processes killed at random. Then everything that a region acknowledged
// must be in the central bucket once, `sluice verify` must find the bucket
// complete, and live events must have come in time while a backlog was taken.

const (
	replicaRegions = 3
	replicaFaults  = 8
	replicaToken   = "REPLICATION_TEST_TOKEN"
)

const regionConfig = `
log_level: error
region: region-%d
log: {segment_bytes: 4194304}
crossregion: {serve: {token_envs: [REPLICATION_TEST_TOKEN]}}
pipelines:
  log_groups: [{logGroupName: /shop/web, logStreamNames: [s0, s1]}, {logGroupName: /private, logStreamNames: [s]}]
`

const centralConfig = `
log_level: error
region: central
log: {segment_bytes: 4194304}
crossregion:
  sources:
%s
pipelines:
  log_groups:
%s
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: "arn:aws:s3:::lake"
        CompressionFormat: GZIP
        BufferingHints: {SizeInMBs: 1, IntervalInSeconds: 1}
        ProcessingConfiguration:
          Enabled: true
          Processors:
            - {Type: Decompression, Parameters: [{ParameterName: CompressionFormat, ParameterValue: GZIP}]}
            - {Type: CloudWatchLogProcessing, Parameters: [{ParameterName: DataMessageExtraction, ParameterValue: "true"}]}
  subscription_filters:
%s
`

// site is one process at a fixed address.
type site struct {
	t                          *testing.T
	binary, config, data, addr string
	admin                      string
	cmd                        *exec.Cmd
	up                         atomic.Bool
}

func newSite(t *testing.T, binary, host, name, config string) *site {
	t.Helper()
	free := func() string {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	dir := t.TempDir()
	s := &site{t: t, binary: binary, config: filepath.Join(dir, name+".yaml"), data: filepath.Join(dir, "data"), addr: free(), admin: free()}
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.up.Load() {
			s.kill(syscall.SIGKILL)
		}
	})
	return s
}

func (s *site) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, "serve", "--config", s.config, "--data-dir", s.data, "--listen", s.addr, "--admin", s.admin)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	waitFor(s.t, "start of "+s.addr, func() bool {
		resp, err := http.Get("http://" + s.admin + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.up.Store(true)
}

func (s *site) kill(sig syscall.Signal) {
	s.up.Store(false)
	s.cmd.Process.Signal(sig)
	s.cmd.Wait() // its state is what the signal made of it
}

// status is what /replicas says.
func (s *site) status() (all []struct {
	Connected bool
	Splits    uint64
	Shards    []struct {
		Gaps             []struct{ From, To uint64 }
		Missing          uint64
		Backlog, Lag     uint64
		DelayNanoseconds int64
	}
}) {
	resp, err := http.Get("http://" + s.admin + "/replicas")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&all) != nil {
		return nil
	}
	return all
}

// splits counts, by source, how often a lag was left behind as backlog.
func (s *site) splits() (n []uint64) {
	for _, source := range s.status() {
		n = append(n, source.Splits)
	}
	return n
}

func (s *site) complete() bool {
	all := s.status()
	for _, source := range all {
		if !source.Connected || len(source.Shards) == 0 {
			return false
		}
		for _, sh := range source.Shards {
			if len(sh.Gaps) > 0 || sh.Missing > 0 {
				return false
			}
		}
	}
	return len(all) > 0
}

// writer loads one region until stop: each request is one attempt, noted.
func (l *ledger) writer(s *site, region int, stop *atomic.Bool, events *atomic.Int64) {
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for n := 0; !stop.Load(); {
		if !s.up.Load() {
			time.Sleep(time.Millisecond) // it is being started again
			continue
		}
		stream := n % 2
		var body strings.Builder
		fmt.Fprintf(&body, `{"logGroupName":"/shop/web","logStreamName":"s%d","logEvents":[`, stream)
		var ids []string
		for i := range 50 {
			id := fmt.Sprintf("r%d.s%d.%07d", region, stream, n*50+i)
			ids = append(ids, id)
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"timestamp":%d,"message":"%s at=%d request \"%d\" took %d ms"}`, time.Now().UnixMilli(), id, time.Now().UnixMilli(), i*7919, i%977)
		}
		body.WriteString("]}")
		n++
		l.note(ids, false)
		req, _ := http.NewRequest(http.MethodPost, "http://"+s.addr, strings.NewReader(body.String()))
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
		resp, err := client.Do(req)
		if err != nil {
			continue
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(answer), "nextSequenceToken") {
			l.note(ids, true)
			events.Add(int64(len(ids)))
		}
		time.Sleep(4 * time.Millisecond) // a steady load
	}
}

func TestReplicationLosesAndDoublesNothing(t *testing.T) {
	t.Setenv(replicaToken, "a token for this test only")
	binary := buildBinary(t)
	var regions []*site
	var proxies []*faultproxy.TCP
	var sources, groups, filters strings.Builder
	for i := range replicaRegions {
		s := newSite(t, binary, fmt.Sprintf("127.0.0.%d", i+2), "region", fmt.Sprintf(regionConfig, i))
		s.start()
		p, err := faultproxy.ListenTCP(s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		regions, proxies = append(regions, s), append(proxies, p)
		fmt.Fprintf(&sources, "    - {name: region-%d, url: \"http://%s\", token_env: %s, groups: [\"/shop/*\"], central_group: \"{region}{group}\", backfill: true, rate_mb_per_s: 0.02}\n", i, p.Addr(), replicaToken)
		fmt.Fprintf(&groups, "    - {logGroupName: region-%d/shop/web}\n", i)
		fmt.Fprintf(&filters, "    - {logGroupName: region-%d/shop/web, filterName: all, filterPattern: \"\", destinationArn: \"arn:aws:firehose:central:000000000000:deliverystream/lake\"}\n", i)
	}
	central := newSite(t, binary, "127.0.0.5", "central", fmt.Sprintf(centralConfig, sources.String(), groups.String(), filters.String()))
	l := &ledger{acked: map[string]bool{}}
	var stop atomic.Bool
	var events atomic.Int64
	var writers sync.WaitGroup
	for i, s := range regions {
		writers.Go(func() { l.writer(s, i, &stop, &events) })
	}
	defer writers.Wait()
	defer stop.Store(true)
	waitFor(t, "a backlog from before the first contact", func() bool { return events.Load() > 5000 })
	central.start()

	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	for range replicaFaults {
		i := rng.IntN(replicaRegions)
		switch rng.IntN(5) {
		case 0:
			regions[i].kill(syscall.SIGKILL)
			regions[i].start()
		case 1:
			central.kill(syscall.SIGKILL)
			central.start()
		case 2:
			proxies[i].Cut()
			time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond) // the link is down
			proxies[i].Heal()
		case 3:
			limit := int64(rng.IntN(200_000))
			proxies[i].Limit(func(n int) faultproxy.Limits { return faultproxy.Limits{Down: limit * min(1, int64(5-min(n, 5)))} })
		case 4: // a slow link: of all connections from now on
			rate := 20_000 + rng.Int64N(200_000)
			proxies[i].Limit(func(int) faultproxy.Limits { return faultproxy.Limits{Rate: rate} })
			proxies[i].Cut()
			proxies[i].Heal()
		}
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond) // a random point
	}

	// All links are down for a while, then a backlog is taken beside live events.
	for _, p := range proxies {
		p.Limit(nil)
		p.Cut()
	}
	time.Sleep(4 * time.Second) // the outage: longer than live events may be late
	sent := events.Load()
	waitFor(t, "more than one chunk of each region", func() bool { return events.Load() > sent+30_000 })
	var before []uint64
	waitFor(t, "the status", func() bool { before = central.splits(); return len(before) == replicaRegions })
	for _, p := range proxies {
		p.Heal()
	}
	var delays []time.Duration
	waitFor(t, "the backlog", func() bool {
		time.Sleep(20 * time.Millisecond) // between two samples
		now := central.status()           // splits and backlogs of one instant
		backlog, left := uint64(0), len(now) == replicaRegions
		for i, source := range now {
			left = left && source.Splits > before[i]
			for _, sh := range source.Shards {
				backlog += sh.Backlog
				if sh.Backlog > 0 {
					delays = append(delays, time.Duration(sh.DelayNanoseconds))
				}
			}
		}
		return left && backlog == 0
	})
	stop.Store(true)
	writers.Wait()
	waitFor(t, "the copies to be complete", central.complete)
	waitFor(t, "delivery", func() bool {
		r := &running{admin: "http://" + central.admin}
		return central.complete() && r.inFlight(t) == 0
	})
	slices.Sort(delays)
	if len(delays) == 0 {
		t.Error("no backlog was taken: the test shows nothing of delays")
	} else if median := delays[len(delays)/2]; median > 5*time.Second {
		t.Errorf("live events were %v late while the backlog was taken (median of %d)", median, len(delays))
	} else {
		t.Logf("while the backlog was taken, live events were %v late (median of %d samples, the latest %v)", median, len(delays), delays[len(delays)-1])
	}
	central.kill(syscall.SIGTERM)
	l.checkReplicas(t, filepath.Join(central.data, "s3", "lake"))
	out, err := exec.Command(binary, "verify", "--s3", "folder:"+filepath.Join(central.data, "s3"), "lake").CombinedOutput()
	if err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	t.Logf("verify says:\n%s", out)
}

// checkReplicas compares the ledger with the bucket.
func (l *ledger) checkReplicas(t *testing.T, bucket string) {
	t.Helper()
	seen := map[string]int{}
	err := filepath.WalkDir(bucket, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == "_sluice" {
				return filepath.SkipDir
			}
			return err
		}
		return eachLine(path, func(line string) { seen[strings.SplitN(line, " ", 2)[0]]++ })
	})
	if err != nil {
		t.Fatal(err)
	}
	var acked, unacked, lost, doubled int
	for id, ok := range l.acked {
		n := seen[id]
		delete(seen, id)
		if ok {
			acked++
		} else {
			unacked++
		}
		if ok && n == 0 {
			lost++
		}
		if n > 1 {
			doubled++
		}
	}
	t.Logf("%d acknowledged, %d not; lost %d, doubled %d, unknown %d", acked, unacked, lost, doubled, len(seen))
	if lost+doubled+len(seen) > 0 || acked == 0 {
		t.Fail()
	}
}
