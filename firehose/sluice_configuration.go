package firehose

import (
	"time"

	"sluice/internal/awsapi"
)

// sluiceConfiguration is what a delivery stream can be told beyond AWS's members:
// a member of ExtendedS3DestinationConfiguration and ExtendedS3DestinationUpdate
// that clients who build their own JSON can send, and that pipelines of the
// configuration file can hold. DescribeDeliveryStream shows it.
type sluiceConfiguration struct {
	// Timestamp says which instant the timestamps of Prefix and of object names
	// are: "arrival" (default; that of the object's oldest record, as AWS does) or
	// "event" (each event's own: every object holds events of one period, that of
	// the finest field in Prefix). A record that was put directly has the time of
	// its arrival.
	Timestamp string `json:",omitzero"`
	// LatenessInSeconds is how long, by event time, a period stays open for
	// events that arrive after it ended, so that stragglers do not become objects
	// of a few lines. Default 300, at most 86,400.
	LatenessInSeconds *int `json:",omitzero"`
	// TargetObjectSizeInMBs has objects cut so that they come out at about this
	// size after the codec, in place of SizeInMBs; the ratio is learnt. An object
	// is made in memory: 1 to 256, default off.
	TargetObjectSizeInMBs *int `json:",omitzero"`
	// Format is that of objects: "raw" (default; as AWS delivers), "ndjson" (each
	// event one JSON object with its times, its source and its id, in the codec
	// CompressionFormat names) or "parquet".
	Format string `json:",omitzero"`
	// ParquetCompression is that of pages: "ZSTD" (default), "SNAPPY", "GZIP" or
	// "UNCOMPRESSED".
	ParquetCompression string `json:",omitzero"`
	// PromotedFields are members of JSON messages that get columns of their own
	// in Parquet. What is left, or of another type, is in the column _rest.
	PromotedFields []promotedField `json:",omitzero"`
	// BloomFilterColumns are columns that get a bloom filter: ids that are looked
	// for one by one.
	BloomFilterColumns []string `json:",omitzero"`
	// Layout is put behind Prefix: "hive" (year=/month=/day=/hour=) or
	// "cloudtrail" (yyyy/MM/dd).
	Layout string `json:",omitzero"`
}

const (
	timestampArrival = "arrival"
	timestampEvent   = "event"

	defaultLatenessSeconds = 300
	maxLatenessSeconds     = 86_400
	maxTargetMBs           = 256
)

func (x *sluiceConfiguration) lateness() time.Duration {
	if x.LatenessInSeconds == nil {
		return defaultLatenessSeconds * time.Second
	}
	return time.Duration(*x.LatenessInSeconds) * time.Second
}

func (x *sluiceConfiguration) model(v *awsapi.Validation, at string) {
	if x == nil {
		return
	}
	if x.Timestamp != "" {
		v.Enum(at+".timestamp", x.Timestamp, timestampArrival, timestampEvent)
	}
	if n := x.LatenessInSeconds; n != nil {
		v.Range(at+".latenessInSeconds", int64(*n), 0, maxLatenessSeconds)
	}
	if n := x.TargetObjectSizeInMBs; n != nil {
		v.Range(at+".targetObjectSizeInMBs", int64(*n), 1, maxTargetMBs)
	}
	x.modelRows(v, at)
}
