package firehose

import (
	"fmt"

	"sluice/internal/awsapi"
)

// A delivery stream whose source is a Kinesis stream of this process delivers from
// the log as any other: its lanes have the records' positions, and its Plan and Commit
// frames, in one log. It begins behind what the stream held when it was created, as
// AWS's do, and goes on with whichever stream has the name.

// Streams are the Kinesis streams of this process.
type Streams interface {
	// Ends are the positions behind everything that the stream of an ARN holds now,
	// one for each shard of the log; false if there is no such stream.
	Ends(arn string) (positions []uint64, ok bool)
	// Follow reads the stream that an ARN names, as long as there is one, from
	// positions on. The keys that the Source is given mean nothing to it.
	Follow(arn string, from []uint64) (Source, error)
}

// attach has a source be the stream of this process that it names, if there is one.
func (r *Room) attach(c *sourceConfig, o Origin) bool {
	if c.Kinesis == nil || r.links.Streams == nil {
		return false
	}
	arn, err := awsapi.ParseARN(c.Kinesis.KinesisStreamARN)
	if err != nil || arn.Account != o.Account || arn.Region != o.Region {
		return false
	}
	var ok bool
	c.From, ok = r.links.Streams.Ends(c.Kinesis.KinesisStreamARN)
	return ok
}

// follow joins a stream to its source in this process.
func (r *Room) follow(s *stream, c *sourceConfig) (err error) {
	if r.links.Streams == nil {
		return fmt.Errorf("read %s: there are no Kinesis streams here", c.Kinesis.KinesisStreamARN)
	}
	s.from = c.From
	s.follows, err = r.links.Streams.Follow(c.Kinesis.KinesisStreamARN, c.From)
	return err
}

// Reading tells of each delivery stream that reads a Kinesis stream of this process
// which one, and for a shard of the log the first position that it has not done.
func (r *Room) Reading(visit func(arn string, position func(shard uint32) uint64)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.streams {
		if s.follows == nil {
			continue
		}
		visit(s.settings().kept.Source.Kinesis.KinesisStreamARN, func(shard uint32) uint64 {
			position := r.links.States[shard].at(s.Route).position
			if int(shard) < len(s.from) { // the log may have got more since
				position = max(position, s.from[shard])
			}
			return position
		})
	}
}
