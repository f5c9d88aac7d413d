package firehose

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// manifest is the document of one cut: which objects hold which positions. Its
// bytes follow from the plan and the objects alone, so every attempt at a cut
// writes the same.
type manifest struct {
	Version        int              `json:"version"`
	DeliveryStream string           `json:"deliveryStream"` // ARN
	ConfigVersion  uint32           `json:"configVersion"`
	Route          uint64           `json:"route"`
	Shard          uint32           `json:"shard"`
	Cut            uint64           `json:"cut"`
	Start          uint64           `json:"start"` // positions [start, end)
	End            uint64           `json:"end"`
	OldestArrival  int64            `json:"oldestArrival"`       // ms
	Discarded      int64            `json:"discarded,omitempty"` // since the previous cut, by a delete
	Records        int64            `json:"records"`
	Bytes          int64            `json:"bytes"` // of records and messages
	Objects        []manifestObject `json:"objects"`
	// Previous is the sha256 of the manifest of the cut before, zeros for the
	// first one of a delivery stream.
	Previous string `json:"previous"`
}

type manifestObject struct {
	Key     string `json:"key"`
	Size    int64  `json:"size"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"` // before the codec
	Hash    string `json:"xxh64"` // of those bytes
}

func manifestKey(chain string, shard uint32, cut uint64) string {
	return fmt.Sprintf("_sluice/commit/%s/%d/%020d.json", chain, shard, cut)
}

func newManifest(route uint64, shard uint32, c cursor, records, bytes int64, objects []manifestObject) ([]byte, error) {
	p := c.plan
	return json.Marshal(manifest{
		Version: 1, DeliveryStream: p.arn, ConfigVersion: p.version, Route: route, Shard: shard,
		Cut: p.cut, Start: p.first, End: p.end, OldestArrival: p.oldest, Discarded: c.skipped,
		Records: records, Bytes: bytes, Objects: objects, Previous: hex.EncodeToString(c.manifest[:]),
	})
}
