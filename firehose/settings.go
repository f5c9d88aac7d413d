package firehose

import (
	"fmt"
	"strconv"
	"time"

	"sluice/firehose/prefix"
	"sluice/firehose/process"
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

	query           *process.Query    // of MetadataExtraction; nil without
	records, events *process.Settings // what processors do to each; nil for nothing
	period          prefix.Period     // of event time; Always by arrival
	lateness        time.Duration
	backup          *settings       // of S3BackupConfiguration; nil while that is disabled
	formV1          *form           // of a plan of version 1; else it follows from config
	parquet         *format.Parquet // nil unless objects are Parquet
}

// kept is a delivery stream's configuration as the catalog holds it: the
// destination with its defaults, and what AWS keeps beside it.
type kept struct {
	destination
	// Unversioned counts changes to anything but the destination: the catalog
	// numbers them too, while a client's VersionId is that of the destination.
	Unversioned int               `json:",omitzero"`
	Encryption  *streamEncryption `json:",omitzero"`
	Source      *sourceConfig     `json:",omitzero"`
}

// with is what is kept when another destination is given.
func (k kept) with(d *destination) kept {
	k.destination = *d
	return k
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
	if c.parquet, err = c.config.newParquet(); err != nil {
		return nil, err
	}
	if err := c.process(); err != nil {
		return nil, fmt.Errorf("read processors: %w", err)
	}
	if x := c.config.SluiceConfiguration; x != nil && x.Timestamp == timestampEvent {
		c.period = c.prefixes.Prefix.Period()
		c.lateness = x.lateness()
	}
	return c, c.backUp()
}

// process compiles the processors.
func (c *settings) process() (err error) {
	if c.config.ProcessingConfiguration == nil || !c.config.ProcessingConfiguration.Enabled {
		return nil
	}
	if c.query, err = c.config.query(c.prefixes); err != nil {
		return err
	}
	records := &process.Settings{
		Decompress: c.config.form() != formMembers, Extract: c.config.form() == formMessages,
		Query: c.query,
	}
	if records.Split, records.Delimiter, err = c.config.split(); err != nil {
		return err
	}
	if c.config.objectFormat() == formatRaw {
		records.End = c.config.end() // a row has its own
	}
	events := *records
	if c.form() == formMessages && string(events.End) == "\n" {
		events.End = nil // each message has it
	}
	c.records = records
	if events.Query != nil || events.Split != process.Whole || events.End != nil {
		c.events = &events
	}
	return nil
}

// backUp reads the settings of the backup, as a delivery stream without
// processors.
func (c *settings) backUp() (err error) {
	if c.config.S3BackupMode != "Enabled" || c.config.S3BackupConfiguration == nil {
		return nil
	}
	d := *c.config.S3BackupConfiguration.withDefaults()
	b := &settings{defined: c.defined, kept: kept{destination: d, Unversioned: c.kept.Unversioned}, zone: c.zone}
	b.config = &b.kept.destination
	if b.codec, err = format.CodecNamed(d.CompressionFormat); err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	if b.prefixes, err = d.prefixes(); err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	c.backup = b
	return nil
}

func (c *settings) byEventTime() bool { return c.period != prefix.Always }

// partitioned tells whether a cut may make several objects, so that what waits
// has to be accounted by partition. Else a cut is one range of the log, known
// from the index.
func (c *settings) partitioned() bool {
	return c.config.DynamicPartitioningConfiguration.enabled() || c.byEventTime() || c.backup != nil
}

// recipe is equal for settings that tell partitions apart in the same way: the
// names of partitions mean the same to both.
func (c *settings) recipe() string {
	if !c.partitioned() {
		return ""
	}
	b, err := awsapi.AppendJSON(nil, struct {
		Processing *processing `json:",omitzero"`
		Keys       []string
		Period     prefix.Period
		Zone       string
		Backup     bool
	}{c.config.ProcessingConfiguration, c.prefixes.Prefix.QueryKeys(), c.period, c.zone.String(), c.backup != nil})
	if err != nil {
		panic("firehose: settings that were read do not encode: " + err.Error())
	}
	return string(b)
}

// version is the one that clients see and that stands in keys.
func (c *settings) version() int { return c.defined.Version - c.kept.Unversioned }

func (c *settings) versionID() string { return strconv.Itoa(c.version()) }

// plan is the next cut of a lane, of everything in spans that follow each other.
func (c *settings) plan(l *lane, cur cursor, spans []event.Span) *plan {
	end := spans[len(spans)-1].Range.End
	p := &plan{
		version: uint32(c.version()), cut: cur.cuts + 1, first: cur.position, end: end, position: end,
		arn: l.stream.arn, chain: l.stream.chain, config: c.defined.Config, whole: true,
	}
	for _, span := range spans {
		at := span.Range.Start
		p.parts = append(p.parts, part{
			first: at, count: span.Count, bytes: span.Bytes, size: span.Bytes, oldest: span.Oldest, instant: span.Oldest,
			key: c.key(l.stream.Name, time.UnixMilli(span.Oldest), l.uuid("", at)),
		})
	}
	return p
}

// partitionedPlan is the next cut of a lane, of some partitions up to an end. The
// lane's position is known to come after it.
func (c *settings) partitionedPlan(l *lane, cur cursor, end, position uint64, parts []part) *plan {
	for i := range parts {
		p := &parts[i]
		p.key = c.partKey(l.stream.Name, p, l.uuid(p.name, p.first))
	}
	return &plan{
		version: uint32(c.version()), cut: cur.cuts + 1, first: cur.position, end: end, position: position,
		arn: l.stream.arn, chain: l.stream.chain, config: c.defined.Config, parts: parts,
	}
}

// form is how events from subscription filters land in raw objects; rows are made
// of each message.
func (c *settings) form() form {
	if c.formV1 != nil {
		return *c.formV1
	}
	if c.config.objectFormat() != formatRaw {
		return formMessages
	}
	return c.config.form()
}

// settings are what a plan of version 1 says of them.
func (v *planV1) settings() (*settings, error) {
	codec, err := format.CodecNamed(v.codec)
	if err != nil {
		return nil, err
	}
	d := &destination{BucketARN: "arn:aws:s3:::" + v.bucket, CompressionFormat: v.codec}
	return &settings{config: d, codec: codec, formV1: &v.form}, nil
}
