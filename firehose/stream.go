package firehose

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/format"
)

// stream is one delivery stream from its creation to its deletion. All but
// deleting, cancel and done is never changed.
type stream struct {
	catalog.DeliveryStream
	config *destination
	codec  *format.Codec
	arn    string
	chain  string // folder of its manifests
	lanes  []*lane

	cancel   context.CancelFunc // of its lanes; guarded by Room.mu
	done     sync.WaitGroup     // one for each lane's goroutine
	deleting bool               // guarded by Room.mu
}

func (r *Room) newStream(d catalog.DeliveryStream) (*stream, error) {
	s := &stream{DeliveryStream: d, config: new(destination), chain: d.Name}
	if err := awsapi.Unmarshal(d.Config, s.config); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var err error
	if s.codec, err = format.CodecNamed(s.config.CompressionFormat); err != nil {
		return nil, err
	}
	s.arn = awsapi.Caller{Account: d.Account, Region: d.Region}.DeliveryStreamARN(d.Name)
	if d.Scope != r.cfg.Home {
		s.chain = d.Name + "@" + d.Account + "." + d.Region
	}
	for shard := range uint32(len(r.links.States)) {
		s.lanes = append(s.lanes, newLane(r, s, shard))
	}
	return s, nil
}

func (s *stream) key() streamName { return streamName{s.Scope, s.Name} }

// plan is the next cut of a lane.
func (s *stream) plan(shard uint32, cur cursor, span event.Span) *plan {
	p := &plan{
		form: s.config.form(), version: uint32(s.Version), cut: cur.cuts + 1,
		first: cur.position, end: span.Range.End, count: span.Count, bytes: span.Bytes, oldest: span.Oldest,
		codec: s.codec.Name, bucket: s.config.bucket(), arn: s.arn, chain: s.chain,
	}
	extension := s.codec.Extension
	if s.config.FileExtension != "" {
		extension = s.config.FileExtension
	}
	p.key = objectKey(s.config.Prefix, s.Name, s.Version, time.UnixMilli(p.oldest),
		objectUUID(s.Route, shard, "", p.first), extension)
	return p
}

// status of the API; now in ms.
func (s *stream) apiStatus(now int64, creatingFor time.Duration) string {
	switch {
	case s.deleting:
		return statusDeleting
	case now < s.Created+creatingFor.Milliseconds():
		return statusCreating
	}
	return statusActive
}

const (
	statusCreating = "CREATING"
	statusActive   = "ACTIVE"
	statusDeleting = "DELETING"
)

func (s *stream) versionID() string { return strconv.Itoa(s.Version) }
