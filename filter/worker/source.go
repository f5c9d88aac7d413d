package worker

import (
	"context"

	"sluice/internal/event"
)

// Source is where batches come from: the partitions of a topic.
type Source struct {
	worker *Worker
	name   string
	stream uint64
}

// Name is the source's name.
func (s *Source) Name() string { return s.name }

// Stream is the stream of all records that are made of the source's batches.
func (s *Source) Stream() uint64 { return s.stream }

// Visit matches the batches of parcels that were read from one partition, whose
// positions are partition and offset. nil says that the destinations have all that
// was selected. Records that are no batches belong to nobody: they are counted.
func (s *Source) Visit(ctx context.Context, parcels []event.Parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	r := s.worker.begin()
	defer s.worker.end(r)
	for _, p := range parcels {
		r.foreign += int64(len(p.Records))
		for _, d := range p.Deliveries {
			r.match(s.worker, d.Batch, p.Position)
		}
	}
	return s.hand(ctx, r, parcels[0].Position.Shard)
}

// Append matches one batch whose header says Origin{partition, offset after its
// last record}, and returns that when the destinations have what was selected.
func (s *Source) Append(ctx context.Context, b event.Batch) (event.Position, error) {
	origin := b.Header().Origin
	at := event.Position{Shard: origin.Shard, Number: origin.Number - 1}
	r := s.worker.begin()
	defer s.worker.end(r)
	r.match(s.worker, b, at)
	return origin, s.hand(ctx, r, origin.Shard)
}

// hand gives a round to the destinations and counts it when all have taken it.
func (s *Source) hand(ctx context.Context, r *round, partition uint32) error {
	err := r.produce(ctx, s, partition)
	if err == nil {
		r.count(s.worker)
	}
	return err
}
