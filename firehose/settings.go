package firehose

import (
	"fmt"
	"strconv"
	"time"

	"sluice/firehose/prefix"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/event"
	"sluice/internal/format"
)

// settings are one version of what a delivery stream is told to do. They are
// never changed; an update makes new ones.
type settings struct {
	defined  catalog.DeliveryStream
	config   *destination
	kept     kept
	codec    *format.Codec
	prefixes prefix.Pair
	zone     *time.Location // of prefix and suffix
}

// kept is a delivery stream's configuration as the catalog holds it: the
// destination with its defaults, and what AWS keeps beside it.
type kept struct {
	destination
	// Unversioned counts changes to anything but the destination: the catalog
	// numbers them too, while a client's VersionId is that of the destination.
	Unversioned int               `json:",omitzero"`
	Encryption  *streamEncryption `json:",omitzero"`
}

func newSettings(d catalog.DeliveryStream) (*settings, error) {
	c := &settings{defined: d}
	if err := awsapi.Unmarshal(d.Config, &c.kept); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c.config = &c.kept.destination
	var err error
	if c.codec, err = format.CodecNamed(c.config.CompressionFormat); err != nil {
		return nil, err
	}
	if c.prefixes, err = c.config.prefixes(); err != nil {
		return nil, fmt.Errorf("read prefixes: %w", err)
	}
	if c.zone, err = prefix.LoadZone(c.config.CustomTimeZone); err != nil {
		return nil, err
	}
	return c, nil
}

// version is the one that clients see and that stands in keys.
func (c *settings) version() int { return c.defined.Version - c.kept.Unversioned }

func (c *settings) versionID() string { return strconv.Itoa(c.version()) }

// plan is the next cut of a lane.
func (c *settings) plan(s *stream, shard uint32, cur cursor, span event.Span) *plan {
	p := &plan{
		form: c.config.form(), version: uint32(c.version()), cut: cur.cuts + 1,
		first: cur.position, end: span.Range.End, count: span.Count, bytes: span.Bytes, oldest: span.Oldest,
		codec: c.codec.Name, bucket: c.config.bucket(), arn: s.arn, chain: s.chain,
	}
	p.key = c.key(s.Name, time.UnixMilli(p.oldest), objectUUID(s.Route, shard, "", p.first))
	return p
}
