package embedded

import (
	"context"

	"sluice/internal/event"
)

// Follower reads one stream of records for somebody who keeps a position of his own,
// as a delivery stream does: whichever stream has the name that it follows. The keys
// that its methods are given are its owner's, and are not looked at.
type Follower struct {
	streams *Streams
	stream  func() (uint64, bool)
	wake    uint64
	from    []uint64
}

// Follow makes a Follower. stream is the uid of what it follows now, if there is such
// a stream; wake is the key that Published is told of when that has more; from are
// the positions at which it begins, one a shard.
func (s *Streams) Follow(stream func() (uint64, bool), wake uint64, from []uint64) *Follower {
	return &Follower{s, stream, wake, from}
}

// begin is the least position that is the Follower's.
func (f *Follower) begin(shard uint32, from uint64) uint64 {
	if int(shard) < len(f.from) {
		return max(from, f.from[shard])
	}
	return from
}

// Span is Streams.Span of the stream.
func (f *Follower) Span(_ uint64, shard uint32, from uint64, maxBytes int64) event.Span {
	nothing := event.Span{Range: event.Range{Shard: shard, Start: from, End: from}}
	stream, ok := f.stream()
	if !ok {
		return nothing
	}
	span := f.streams.Span(stream, shard, f.begin(shard, from), maxBytes)
	if span.Range.Empty() {
		return nothing
	}
	span.Range.Start = from
	return span
}

// Parcels is Streams.Parcels of the stream.
func (f *Follower) Parcels(ctx context.Context, _ uint64, r event.Range, visit func(event.Parcel) error) error {
	stream, ok := f.stream()
	if !ok {
		return nil
	}
	r.Start = f.begin(r.Shard, r.Start)
	return f.streams.Parcels(ctx, stream, r, visit)
}

// Notify is Streams.Notify of the stream.
func (f *Follower) Notify(uint64) (more <-chan struct{}, stop func()) {
	return f.streams.Notify(f.wake)
}

// Ends are the first positions that nothing durable has, one a shard.
func (s *Streams) Ends() []uint64 {
	ends := make([]uint64, len(s.shards))
	for i := range ends {
		ends[i] = s.End(uint32(i))
	}
	return ends
}
