package firehose_test

import (
	"encoding/json"
	"testing"
	"time"

	"sluice/internal/event"
)

// Clients that cannot send SluiceConfiguration say it in tags.
func TestSettingsInTags(t *testing.T) {
	w := newWorld(t, config{})
	create := func(tags string) string {
		return `{"DeliveryStreamName":"lake","Tags":[` + tags + `],"ExtendedS3DestinationConfiguration":{` + roleAndBucket + `,` +
			`"Prefix":"!{timestamp:yyyy}/","ErrorOutputPrefix":"e/!{firehose:error-output-type}/",` + extract + `,` + hints(1, 60) + `}}`
	}
	const known = "sluice:timestamp, sluice:lateness-in-seconds, sluice:target-object-size-in-mbs, sluice:format, sluice:layout, sluice:parquet-compression, sluice:bloom-filter-columns, sluice:promoted-fields"
	w.refused("CreateDeliveryStream", create(`{"Key":"sluice:tmestamp","Value":"event"}`),
		`InvalidArgumentException: The tag sluice:tmestamp with the value "event" is not one that this version knows: there are `+known)
	w.refused("CreateDeliveryStream", create(`{"Key":"sluice:lateness-in-seconds","Value":"soon"}`),
		`InvalidArgumentException: The tag sluice:lateness-in-seconds with the value "soon" is not one that this version knows: there are `+known)
	if _, err := w.call("CreateDeliveryStream", create(`{"Key":"sluice:timestamp","Value":"now"}`)); err == nil {
		t.Error("a timestamp of now")
	}
	w.must("CreateDeliveryStream", create(`{"Key":"team","Value":"a"},{"Key":"sluice:timestamp","Value":"event"},{"Key":"sluice:lateness-in-seconds","Value":"7"}`))
	var d struct {
		DeliveryStreamDescription struct {
			Destinations []struct {
				ExtendedS3DestinationDescription struct {
					SluiceConfiguration struct {
						Timestamp         string
						LatenessInSeconds int
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(w.must("DescribeDeliveryStream", `{"DeliveryStreamName":"lake"}`)), &d); err != nil {
		t.Fatal(err)
	}
	if got := d.DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription.SluiceConfiguration; got.Timestamp != "event" || got.LatenessInSeconds != 7 {
		t.Errorf("%+v", got)
	}
	stream, _ := w.defs.DeliveryStream(home, "lake")
	if err := w.log.match(stream.Route, 0, w.clock.Now().UnixMilli(), event.Delivery{Batch: timed(t, start.AddDate(-3, 0, 0), "old")}); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	w.wantUnder(map[string][]string{"2023/": {"old\n"}})
}
