package app

import "sluice/internal/objput"

// S3Options are how a store that speaks S3 is talked to.
type S3Options struct {
	// Region is where the buckets are. Default what the AWS configuration names,
	// and us-east-1 with an endpoint.
	Region string `yaml:"region"`
	// Checksums is on, off or auto: a CRC-32C of every body and part for the store
	// to verify; auto is on on AWS and off with an endpoint, as not every store
	// knows the headers. Default auto.
	Checksums string `yaml:"checksums"`
	// PathStyle is on, off or auto: the bucket in the path instead of the host
	// name; auto is on with an endpoint. Default auto.
	PathStyle string `yaml:"path_style"`
	// SSE is the server-side encryption of objects: AES256, aws:kms or
	// aws:kms:dsse. Default the bucket's own.
	SSE string `yaml:"sse"`
	// SSEKMSKeyID is the key of aws:kms. Default the account's key for S3.
	SSEKMSKeyID string `yaml:"sse_kms_key_id"`
}

// config is what objput is told.
func (o S3Options) config() objput.S3Config {
	auto := func(text string) objput.Switch {
		if text == "auto" {
			return objput.Auto
		}
		return objput.Switch(text)
	}
	return objput.S3Config{Region: o.Region, Checksums: auto(o.Checksums), PathStyle: auto(o.PathStyle), SSE: o.SSE, SSEKMSKeyID: o.SSEKMSKeyID}
}

// Log sizes the log.
type Log struct {
	// Shards is the number of logs side by side, 1 to 64. Default 1. It cannot
	// be lowered later.
	Shards int `yaml:"shards"`
	// SegmentBytes is the size of one segment file. Default 64 MiB.
	SegmentBytes int64 `yaml:"segment_bytes"`
	// TailBytes is the memory for recent blocks of one shard. Default 8 MiB.
	TailBytes int64 `yaml:"tail_bytes"`
}

// Storage bounds what is kept on disk.
type Storage struct {
	// MaxBytes is the disk budget of everything below wal and store; 0 is none.
	MaxBytes int64 `yaml:"max_bytes"`
	// Policy says what happens when the budget is used up: block refuses what
	// clients send until there is room, drop-oldest removes the oldest files and
	// counts what was in them. Default block.
	Policy string `yaml:"policy"`
	// MinFreeBytes of the file system are left free, whatever the budget. Default
	// 128 MiB.
	MinFreeBytes int64 `yaml:"min_free_bytes"`
	// CompactBytesPerSecond bounds how fast old segments of the log are compacted;
	// 0 is no bound.
	CompactBytesPerSecond int64 `yaml:"compact_bytes_per_second"`
	// CacheBytes is the memory for decoded blocks of compacted files. Default
	// 32 MiB.
	CacheBytes int64 `yaml:"cache_bytes"`
}
