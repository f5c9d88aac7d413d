//go:build integration

package kafkabroker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go"
)

// TestTheLogSurvivesAKill reads after a kill what was acknowledged before it.
func TestTheLogSurvivesAKill(t *testing.T) {
	b := Start(t, nil)
	b.CreateTopic("t", 1)
	client, end := b.client()
	defer end()
	const n = 20
	for i := range n {
		res, err := client.Produce(t.Context(), &kafka.ProduceRequest{
			Topic: "t", RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(fmt.Append(nil, i))}),
		})
		if err = errors.Join(err, res.Error); err != nil {
			t.Fatal(err)
		}
	}
	b.Kill()
	if _, err := b.metadata(t.Context()); err == nil {
		t.Error("a killed broker answers")
	}
	b.Restart()
	client, end = b.client() // the connections of before are gone
	defer end()
	b.Pause()
	b.Resume()
	res, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"t": {kafka.LastOffsetOf(0)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Topics["t"][0].LastOffset; got != n {
		t.Errorf("%d records are left of %d that were acknowledged", got, n)
	}
}
