package firehose

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sluice/internal/catalog"
	"sluice/internal/event"
)

func settingsFor(t testing.TB, members string) *settings {
	t.Helper()
	c, err := newSettings(catalog.DeliveryStream{Version: 1, Config: json.RawMessage(
		`{"BucketARN":"arn:aws:s3:::b","CompressionFormat":"GZIP","BufferingHints":{"SizeInMBs":64,"IntervalInSeconds":60}` + members + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const byQueryOfK = `,"DynamicPartitioningConfiguration":{"Enabled":true},"Prefix":"!{partitionKeyFromQuery:k}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/",` +
	`"ProcessingConfiguration":{"Enabled":true,"Processors":[{"Type":"Decompression"},{"Type":"CloudWatchLogProcessing","Parameters":[{"ParameterName":"DataMessageExtraction","ParameterValue":"true"}]},` +
	`{"Type":"MetadataExtraction","Parameters":[{"ParameterName":"MetadataExtractionQuery","ParameterValue":"{k:.k}"},{"ParameterName":"JsonParsingEngine","ParameterValue":"JQ-1.6"}]}]}`

// Accounting allocates for partitions, never for events.
func TestAccountingAllocatesNothingPerEvent(t *testing.T) {
	const partitions = 10
	f := func(members string) {
		t.Helper()
		b := event.GetBuilder(1 << 20)
		defer b.Release()
		for i := range 2000 {
			if err := b.Append(1_767_000_000_000+int64(i%partitions)*3_600_000, fmt.Appendf(nil, `{"n":%d,"k":"customer-%d"}`, i, i%partitions)); err != nil {
				t.Fatal(err)
			}
		}
		batch, err := b.Seal(event.Header{GroupUID: 1}, event.Source{LogGroup: "g"})
		if err != nil {
			t.Fatal(err)
		}
		g := newLedger(settingsFor(t, members), cursor{}, (*local)(nil).since)
		p := event.Parcel{Arrived: 1, Deliveries: []event.Delivery{{Batch: batch}}}
		got := testing.AllocsPerRun(20, func() {
			p.Position.Number++
			g.parcel(&p)
		})
		if len(g.accounts) != partitions || got > 2*partitions {
			t.Errorf("%s: %v allocations for 2,000 events in %d partitions", members, got, len(g.accounts))
		}
	}
	f(byQueryOfK)
	f(`,"SluiceConfiguration":{"Timestamp":"event"}`)
}

// When a partition of a period is due: by interval while the period lasts, after
// the lateness once it ends, and stragglers of long ago after the longer of both.
func TestPartDue(t *testing.T) {
	c := settingsFor(t, `,"SluiceConfiguration":{"Timestamp":"event","LatenessInSeconds":300}`)
	hour := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	name := string(appendPeriod([]byte{byte(classData)}, hour.UnixMilli()))
	f := func(arrived, want string) {
		t.Helper()
		at, err := time.Parse("15:04:05", arrived)
		if err != nil {
			t.Fatal(err)
		}
		at = hour.Truncate(24 * time.Hour).Add(at.Sub(at.Truncate(24 * time.Hour)))
		got := time.UnixMilli(c.partDue(name, &account{oldest: at.UnixMilli(), since: at.UnixMilli()})).UTC().Format("15:04:05")
		if got != want {
			t.Errorf("arrived %s: due %s, want %s", arrived, got, want)
		}
	}
	f("09:00:00", "09:01:00")
	f("09:58:59", "09:59:59")
	f("09:59:00", "10:05:00") // due as the hour ends: stragglers may come
	f("10:00:10", "10:05:00")
	f("10:04:30", "10:05:30")
	f("10:05:00", "10:10:00") // closed: what comes now waits for more of its kind
	f("15:00:00", "15:05:00")
}
