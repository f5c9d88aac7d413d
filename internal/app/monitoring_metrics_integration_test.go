//go:build integration

package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The kill test of metrics: events come in while the server is killed at random
// points. Each event that is durable in the end, which the server's own log
// tells, is in the metrics exactly once.

const (
	metricKillEvents = 60_000
	metricKillBatch  = 100
	metricKills      = 8
)

const metricKillConfig = `
log_level: error
log: {segment_bytes: 1048576}
pipelines:
  log_groups: [{logGroupName: /kill, logStreamNames: [s0, s1, s2, s3]}]
`

// ask calls an operation of AWS JSON and fails if that fails.
func ask(t *testing.T, url, service, target, in string, out any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %d %s", target, err, resp.StatusCode, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s: %v: %s", target, err, answer)
		}
	}
}

func TestKillCountsEachEventOnceInMetrics(t *testing.T) {
	dir := t.TempDir()
	s := &server{t: t, binary: buildBinary(t), config: filepath.Join(dir, "sluice.yaml"), data: filepath.Join(dir, "data")}
	if err := os.WriteFile(s.config, []byte(metricKillConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	for name, filter := range map[string][2]string{
		"all": {`{ $.n = * }`, `"metricValue":"$.n"`}, "errors": {`{ $.level = ERROR }`, `"metricValue":"1","defaultValue":0`},
		"levels": {`{ $.n = * }`, `"metricValue":"1","dimensions":{"level":"$.level"}`},
	} {
		ask(t, *s.url.Load(), "logs", "Logs_20140328.PutMetricFilter", fmt.Sprintf(
			`{"logGroupName":"/kill","filterName":%q,"filterPattern":%q,"metricTransformations":[{"metricName":%q,"metricNamespace":"kill",%s}]}`,
			name, filter[0], name, filter[1]), nil)
	}
	began := time.Now()
	var next, sent, acked atomic.Int64
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			for first := next.Add(metricKillBatch) - metricKillBatch; first < metricKillEvents; first = next.Add(metricKillBatch) - metricKillBatch {
				if sendNumbers(s, client, c, first) {
					acked.Add(metricKillBatch)
				}
				sent.Add(metricKillBatch)
			}
		})
	}
	for k := range metricKills {
		target := int64(metricKillEvents)*int64(k+1)/(metricKills+2) + rand.Int64N(2000)
		waitFor(t, "load", func() bool { return sent.Load() >= target })
		s.end(syscall.SIGKILL)
		s.start()
	}
	wg.Wait()
	url := *s.url.Load()
	waitFor(t, "filters", func() bool { return s.metric(t, "sluice_filter_lag_frames") <= 1 })
	count, sum, errors := durableNumbers(t, url)
	if count < float64(acked.Load()) || count > metricKillEvents || acked.Load() == 0 {
		t.Errorf("%v events are durable, %d were acknowledged, %d sent", count, acked.Load(), sent.Load())
	}
	f := func(metric, statistic, dimensions string, want float64) {
		t.Helper()
		var got float64
		waitFor(t, metric, func() bool {
			got = total(t, url, metric, statistic, dimensions, began)
			return got >= want
		})
		if got != want {
			t.Errorf("%s of %s%s is %v, the ledger has %v", statistic, metric, dimensions, got, want)
		}
	}
	f("all", "SampleCount", "", count)
	f("all", "Sum", "", sum)
	f("errors", "Sum", "", errors)
	f("errors", "SampleCount", "", count)
	f("levels", "Sum", `,"Dimensions":[{"Name":"level","Value":"ERROR"}]`, errors)
	f("levels", "Sum", `,"Dimensions":[{"Name":"level","Value":"INFO"}]`, count-errors)
	t.Logf("%v events durable, %d acknowledged, %d sent; %d kills", count, acked.Load(), sent.Load(), metricKills)
	s.end(syscall.SIGTERM)
}

// sendNumbers makes one attempt; true if it was acknowledged.
func sendNumbers(s *server, client *http.Client, stream int, first int64) bool {
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"logGroupName":"/kill","logStreamName":"s%d","logEvents":[`, stream)
	now := time.Now().UnixMilli()
	for i := first; i < first+metricKillBatch; i++ {
		level := "INFO"
		if i%3 == 0 {
			level = "ERROR"
		}
		if i > first {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"timestamp":%d,"message":"{\"n\":%d,\"level\":\"%s\"}"}`, now, i, level)
	}
	body.WriteString(`]}`)
	url := s.url.Load()
	for ; url == nil; url = s.url.Load() {
		time.Sleep(time.Millisecond) // the server is being started again
	}
	req, _ := http.NewRequest(http.MethodPost, *url, &body)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(answer), "nextSequenceToken")
}

// durableNumbers reads all events that are stored.
func durableNumbers(t *testing.T, url string) (count, sum, errors float64) {
	t.Helper()
	token := ""
	for {
		var page struct {
			Events    []struct{ Message string }
			NextToken string
		}
		ask(t, url, "logs", "Logs_20140328.FilterLogEvents", `{"logGroupName":"/kill","limit":10000`+token+`}`, &page)
		for _, e := range page.Events {
			var number struct {
				N     float64
				Level string
			}
			if err := json.Unmarshal([]byte(e.Message), &number); err != nil {
				t.Fatal(err)
			}
			count++
			sum += number.N
			if number.Level == "ERROR" {
				errors++
			}
		}
		if page.NextToken == "" {
			return count, sum, errors
		}
		token = fmt.Sprintf(`,"nextToken":%q`, page.NextToken)
	}
}

// total adds up a statistic by the minute since began.
func total(t *testing.T, url, metric, statistic, dimensions string, began time.Time) (all float64) {
	t.Helper()
	var out struct{ Datapoints []map[string]any }
	ask(t, url, "monitoring", "GraniteServiceVersion20100801.GetMetricStatistics", fmt.Sprintf(
		`{"Namespace":"kill","MetricName":%q,"Period":60,"StartTime":%d,"EndTime":%d,"Statistics":[%q]%s}`,
		metric, began.Unix()-120, time.Now().Unix()+60, statistic, dimensions), &out)
	for _, p := range out.Datapoints {
		value, _ := p[statistic].(float64)
		all += value
	}
	return all
}
