package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// A filter that is changed often keeps its counters and does not grow.
func TestChangedFilterKeepsItsCountersAndForgetsItsVersions(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	p := begin(t, fsys, defs, func(c *app.Config) { c.Pipelines.SubscriptionFilters = nil })
	const changes = 20
	for i := range changes {
		code, text := p.call("Logs_20140328.PutSubscriptionFilter", map[string]any{
			"logGroupName": group, "filterName": "errors", "filterPattern": fmt.Sprintf("ERROR -never%d", i),
			"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "roleArn": "arn:aws:iam::000000000000:role/r",
		})
		if code != http.StatusOK {
			t.Fatal(code, text)
		}
		if !p.put("s0", "ERROR counted", "fine") {
			t.Fatal("put was refused")
		}
		p.until("it is filtered", func() bool { return p.metric("sluice_filter_lag_frames") == 0 })
	}
	p.await()
	check := func() {
		t.Helper()
		p.identities()
		if read, matched := p.metric("sluice_filter_read_events_total"), p.metric("sluice_filter_matched_events_total"); read != 2*changes || matched != changes {
			t.Errorf("%v read, %v matched; want %d and %d", read, matched, 2*changes, changes)
		}
	}
	check()
	if got := p.app.FilterVersions(); got > 2 {
		t.Errorf("%d versions are kept", got)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, func(c *app.Config) { c.Pipelines.SubscriptionFilters = nil })
	p.await()
	check()
}

// The configuration owns what it declares: a change of it is applied at the next
// start, an unchanged one makes no new version, and the API may only look.
func TestPipelinesBelongToTheConfiguration(t *testing.T) {
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	describe := func(p *process) string {
		t.Helper()
		code, text := p.call("Firehose_20150804.DescribeDeliveryStream", map[string]any{"DeliveryStreamName": "lake"})
		if code != http.StatusOK {
			t.Fatal(code, text)
		}
		return text
	}
	p := begin(t, fsys, defs, nil)
	for _, c := range []struct {
		target string
		in     map[string]any
	}{
		{"Logs_20140328.DeleteLogGroup", map[string]any{"logGroupName": group}},
		{"Logs_20140328.PutRetentionPolicy", map[string]any{"logGroupName": group, "retentionInDays": 1}},
		{"Logs_20140328.DeleteSubscriptionFilter", map[string]any{"logGroupName": group, "filterName": "errors"}},
		{"Firehose_20150804.DeleteDeliveryStream", map[string]any{"DeliveryStreamName": "lake"}},
	} {
		if code, text := p.call(c.target, c.in); code != http.StatusBadRequest || !strings.Contains(text, "declared in the configuration") {
			t.Errorf("%s: %d %s", c.target, code, text)
		}
	}
	for _, c := range []struct {
		target string
		in     map[string]any
	}{
		{"Logs_20140328.CreateLogGroup", map[string]any{"logGroupName": "/other"}},
		{"Logs_20140328.PutSubscriptionFilter", map[string]any{"logGroupName": group, "filterName": "another", "filterPattern": "",
			"destinationArn": "arn:aws:firehose:us-east-1:000000000000:deliverystream/lake", "roleArn": "arn:aws:iam::000000000000:role/r"}},
		{"Logs_20140328.DeleteLogGroup", map[string]any{"logGroupName": "/other"}},
	} {
		if code, text := p.call(c.target, c.in); code != http.StatusOK {
			t.Errorf("%s: %d %s", c.target, code, text)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, nil)
	if got := describe(p); !strings.Contains(got, `"VersionId":"1"`) || !strings.Contains(got, `"SizeInMBs":1,`) {
		t.Error("after a restart:", got)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, func(c *app.Config) { c.Pipelines = pipelines(7, 60) })
	if got := describe(p); !strings.Contains(got, `"VersionId":"2"`) || !strings.Contains(got, `"SizeInMBs":7`) {
		t.Error("after a change:", got)
	}
}
