package app_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/faultproxy"
	"sluice/internal/vfs"
)

// TestKinesisSourceSurvivesCrashes takes what a region's subscription filter puts
// into its Kinesis stream into a central app, from whose log events are delivered,
// while both crash and the link is cut. What the region acknowledged must be in the
// central bucket once.
func TestKinesisSourceSurvivesCrashes(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	address := freeAddress(t) // the region's
	link, err := faultproxy.ListenTCP(address)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()

	regional := func(c *app.Config) {
		c.Listen, c.Pipelines = address, app.Pipelines{LogGroups: []app.LogGroup{{LogGroupName: group, LogStreamNames: []string{"s0", "s1"}}}}
	}
	central := func(c *app.Config) {
		c.Sources.Kinesis = []app.KinesisLogs{{
			Name: "eu", ARN: "arn:aws:kinesis:us-east-1:000000000000:stream/" + matchesStream, Endpoint: "http://" + link.Addr(),
		}}
	}
	region := begin(t, vfs.NewMem(), catalog.NewMemory(), regional)
	region.subscribe(2)
	center := begin(t, vfs.NewMem(), catalog.NewMemory(), central)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	acked := map[string]bool{}
	for i := range 120 {
		message := fmt.Sprintf("%s event %04d", wanted, i)
		acked[message] = region.put(fmt.Sprintf("s%d", i%2), message)
		switch {
		case i%40 == 25:
			region = region.crash(rng, regional)
		case i%40 == 35:
			center = center.crash(rng, central)
		case i%50 == 20:
			link.Cut()
			link.Heal()
		}
	}
	missing := func() int { return center.missing(acked) }
	center.until("everything is copied and delivered", func() bool { return missing() == 0 || t.Failed() })
	center.await()
	center = center.crash(rng, central) // once more: all of it is passed over
	region.put("s0", wanted+" the last one")
	acked[wanted+" the last one"] = true
	center.until("the last one is delivered", func() bool { return missing() == 0 || t.Failed() })
	center.identities()
	if n := center.metric("sluice_kinesis_source_quarantined_records_total"); n != 0 {
		t.Errorf("%v records were put aside", n)
	}
}
