package firehose

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// manifest is the document of one cut: which objects hold which positions. Its
// bytes follow from the plan and the objects alone, so every attempt at a cut
// writes the same.
//
// In version 1 the objects hold everything in [start, end), and the next cut
// starts at the end; where there are several, each holds everything in a range of
// its own, or what failed there. In version 2 an object holds what its partition has in
// [its start, end); everything of the delivery stream below position is in this
// cut's objects or in those of earlier ones, and the next cut starts there. So an
// object never starts below the end of the cut before that had one of its
// partition.
type manifest struct {
	Version        int              `json:"version"`
	DeliveryStream string           `json:"deliveryStream"` // ARN
	ConfigVersion  uint32           `json:"configVersion"`
	Route          uint64           `json:"route,omitempty"` // of a shard of the log
	Shard          uint32           `json:"shard"`
	Cut            uint64           `json:"cut"`
	Start          uint64           `json:"start"` // positions [start, end)
	End            uint64           `json:"end"`
	Position       uint64           `json:"position,omitempty"`  // version 2
	OldestArrival  int64            `json:"oldestArrival"`       // ms
	Discarded      int64            `json:"discarded,omitempty"` // since the previous cut, by a delete
	Records        int64            `json:"records"`             // source records and events that are done
	Bytes          int64            `json:"bytes"`               // of records and messages
	Quarantined    int64            `json:"quarantined,omitempty"`
	Dropped        int64            `json:"dropped,omitempty"`
	Objects        []manifestObject `json:"objects"`
	carried
	// Previous is the sha256 of the manifest of the cut before, zeros for the
	// first one of a delivery stream.
	Previous string `json:"previous"`
}

type manifestObject struct {
	Key     string `json:"key"`
	Size    int64  `json:"size"`
	Records int64  `json:"records"` // in the object
	Bytes   int64  `json:"bytes"`   // before the codec
	Hash    string `json:"xxh64"`   // of those bytes

	// Start and End are given where they are not the manifest's.
	Start uint64 `json:"start,omitempty"`
	End   uint64 `json:"end,omitempty"`

	// In version 2, and of what failed:

	// Bucket is given where it is not the manifest's own.
	Bucket string `json:"bucket,omitempty"`
	// Partition names the partition, in hexadecimal.
	Partition string `json:"partition,omitempty"`
	// Kind is data, error or backup.
	Kind string `json:"kind,omitempty"`
	// Period is the start of the period by event time, Values the partition keys.
	Period string            `json:"period,omitempty"`
	Values map[string]string `json:"values,omitempty"`
}

func manifestKey(chain, lane string, cut uint64) string {
	return fmt.Sprintf("_sluice/commit/%s/%s/%020d.json", chain, lane, cut)
}

func (l *lane) newManifest(ctx context.Context, c cursor, r result) ([]byte, error) {
	p := c.plan
	_, _, oldest := p.sums()
	carry, err := l.feed.carry(ctx)
	if err != nil {
		return nil, err
	}
	m := manifest{
		Version: 1, DeliveryStream: p.arn, ConfigVersion: p.version, Shard: l.shard, carried: carry,
		Cut: p.cut, Start: p.first, End: p.end, OldestArrival: oldest, Discarded: c.skipped,
		Records: r.records, Bytes: r.bytes, Quarantined: r.quarantined, Dropped: r.dropped,
		Objects: r.objects, Previous: hex.EncodeToString(c.manifest[:]),
	}
	if carry.Lane == "" {
		m.Route = l.stream.Route // which other processes do not know
	}
	if !p.whole {
		m.Version, m.Position = 2, p.position
	}
	return json.Marshal(m)
}

// describe says which part of a plan an object holds.
func (o *manifestObject) describe(a *attempt, p *part) {
	if !a.plan.whole || len(a.plan.parts) > 1 {
		o.Start = p.first
	}
	if a.plan.whole && len(a.plan.parts) > 1 {
		o.End = a.plan.endOf(p)
	}
	if p.name == "" {
		return
	}
	o.Partition = hex.EncodeToString([]byte(p.name))
	switch p.class() {
	case classError:
		o.Kind = "error"
	case classBackup:
		o.Kind = "backup"
	default:
		o.Kind, o.Values = "data", a.told.partitionValues(p.name)
		if a.told.byEventTime() {
			o.Period = time.UnixMilli(timeOf(p.name)).In(a.told.zone).Format(time.RFC3339)
		}
	}
	if b := a.told.shape(p.class()).bucket; b != a.told.config.bucket() {
		o.Bucket = b
	}
}

// carried is what a manifest of a lane outside tells the lane's next owner, who
// may be another process: there is no other place that outlives one.
type carried struct {
	// Lane names the partition or shard of the source, whose ARN Source is.
	Lane   string `json:"lane,omitempty"`
	Source string `json:"source,omitempty"`
	// Place is what the source needs to find the position afterwards.
	Place string `json:"place,omitempty"`
	// Keys are the greatest keys of each sender below the position afterwards.
	Keys []carriedKey `json:"keys,omitempty"`
	// Ahead are the partitions that are done beyond that position, and up to
	// where; AheadBy is the settings that give their names, in hexadecimal, a
	// meaning.
	Ahead   map[string]uint64 `json:"ahead,omitempty"`
	AheadBy *aheadBy          `json:"aheadBy,omitempty"`
	// Lost are positions in [start, end) that the source lost before they were
	// read.
	Lost []lost `json:"lost,omitempty"`
}

type aheadBy struct {
	Version uint32          `json:"version"`
	Config  json.RawMessage `json:"config"`
}

// lost is positions [from, to).
type lost struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}
