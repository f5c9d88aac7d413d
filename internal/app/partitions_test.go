package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// partitioned is pipelines with one object for each value of k, and errors
// logged to a group.
func partitioned(errorGroup string) app.Pipelines {
	p := pipelines(64, 60)
	p.LogGroups = append(p.LogGroups, app.LogGroup{LogGroupName: "/errors"})
	s3 := p.DeliveryStreams[0]["ExtendedS3DestinationConfiguration"].(map[string]any)
	s3["DynamicPartitioningConfiguration"] = map[string]any{"Enabled": true}
	s3["Prefix"], s3["ErrorOutputPrefix"] = "k=!{partitionKeyFromQuery:k}/", "errors/!{firehose:error-output-type}/"
	s3["CloudWatchLoggingOptions"] = map[string]any{"Enabled": true, "LogGroupName": errorGroup}
	processing := s3["ProcessingConfiguration"].(map[string]any)
	processing["Processors"] = append(processing["Processors"].([]any), map[string]any{"Type": "MetadataExtraction", "Parameters": []any{
		map[string]any{"ParameterName": "MetadataExtractionQuery", "ParameterValue": "{k:.k}"},
		map[string]any{"ParameterName": "JsonParsingEngine", "ParameterValue": "JQ-1.6"},
	}})
	return p
}

// Partitions of the real log: some delivered ahead of others, a power failure
// between, counters exact at rest, errors in the log group unless that feeds the
// stream itself.
func TestPartitionsAcrossAPowerFailure(t *testing.T) {
	for _, errorGroup := range []string{"/errors", group} {
		fsys, defs := vfs.NewMem(), catalog.NewMemory()
		clock := time.Now().UTC()
		start := func() *process {
			return begin(t, fsys, defs, func(c *app.Config) {
				c.Pipelines, c.TestClock = partitioned(errorGroup), clock.Format(time.RFC3339)
			})
		}
		sent := 0
		send := func(p *process, k string) {
			t.Helper()
			sent++
			if !p.put("s0", fmt.Sprintf(`{"level":"ERROR","k":%q,"n":%d}`, k, sent)) {
				t.Fatal("not stored")
			}
			p.until("it is filtered", func() bool { return p.metric("sluice_delivery_accepted_events_total") == float64(sent) })
		}
		p := start()
		send(p, "a")
		p.advance(t.Context(), 30*time.Second)
		send(p, "b")
		send(p, "a")
		p.advance(t.Context(), 30*time.Second)
		clock = clock.Add(time.Minute)
		p.until("a is delivered, b waits", func() bool { return p.metric("sluice_delivery_in_flight_events") == 1 })
		if got := p.metric("sluice_delivery_open_partitions"); got != 1 {
			t.Errorf("%v partitions", got)
		}
		p.identities()
		fsys = fsys.CrashClone(vfs.CrashOptions{})
		p.stop()

		p = start()
		p.until("recovered", func() bool { return p.metric("sluice_delivery_in_flight_events") == 1 })
		p.identities()
		send(p, "a")
		sent++
		p.put("s0", "ERROR is not JSON")
		p.until("it is filtered", func() bool { return p.metric("sluice_delivery_accepted_events_total") == float64(sent) })
		p.advance(t.Context(), 2*time.Minute)
		p.await()
		p.identities()
		if got := p.metric("sluice_delivery_quarantined_events_total"); got != 1 {
			t.Errorf("%v quarantined", got)
		}
		names, lines := map[string]int{}, p.delivered()
		for _, line := range lines {
			names[line]++
		}
		if len(lines) != 4 || len(names) != 4 {
			t.Errorf("%q", lines)
		}
		_, logged := p.call("Logs_20140328.FilterLogEvents", map[string]any{"logGroupName": errorGroup, "logStreamNamePrefix": "DestinationDelivery"})
		if want := errorGroup == "/errors"; strings.Contains(logged, "ProcessingFailed") != want {
			t.Errorf("%s: %s", errorGroup, logged)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}
