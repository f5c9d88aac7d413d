package firehose_test

import (
	"testing"
	"time"

	"sluice/firehose"
)

const streamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/s"

// fakeStreams has one stream, whose records are those of a log for whatever key.
type fakeStreams struct {
	log  *fakeLog
	ends []uint64
}

func (f *fakeStreams) Ends(arn string) ([]uint64, bool) { return f.ends, arn == streamARN }

func (f *fakeStreams) Follow(string, []uint64) (firehose.Source, error) { return f.log, nil }

// A log may have got more shards since a delivery stream was made to read a stream:
// of those it has done nothing.
func TestReadingFromMoreShards(t *testing.T) {
	log := newFakeLog(1)
	w := newWorld(t, config{log: log, streams: &fakeStreams{log, []uint64{7}}})
	w.must("CreateDeliveryStream", `{"DeliveryStreamName":"lake","DeliveryStreamType":"KinesisStreamAsSource",`+kinesisOf(streamARN)+
		`"ExtendedS3DestinationConfiguration":{`+roleAndBucket+`}}`)
	w.stop()
	for shards := range 3 {
		log := newFakeLog(shards + 1)
		w := newWorld(t, config{log: log, defs: w.defs, shards: shards + 1, streams: &fakeStreams{log, []uint64{7}}})
		w.advance(time.Minute)
		visits := 0
		w.room.Reading(func(arn string, position func(uint32) uint64) {
			visits++
			for shard := range uint32(shards + 1) {
				want := uint64(0)
				if shard == 0 {
					want = 7
				}
				if got := position(shard); got != want || arn != streamARN {
					t.Errorf("%s, %d shards: position %d of shard %d, want %d", arn, shards+1, got, shard, want)
				}
			}
		})
		if visits != 1 {
			t.Errorf("%d visits", visits)
		}
		w.stop()
	}
}
