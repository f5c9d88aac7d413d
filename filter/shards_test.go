package filter_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// A version that ended before there was a shard is not in force in it.
func TestEndedVersionStaysEndedInAShardThatCameLater(t *testing.T) {
	defs := &definitions{}
	ended, deleted := version(1, 10, 100, "ERROR", 0, 5), version(2, 10, 300, "ERROR", 0, 6)
	ended.From, deleted.From = []uint64{1}, []uint64{1}
	defs.set(ended, deleted, version(3, 10, 200, "ERROR", 5))
	b := startShard(t, 1, defs, wal.Config{})
	b.put(10, "ERROR")
	if keys := b.await(1); keys[0] != 200 || len(b.delivered()[100])+len(b.delivered()[300]) > 0 {
		t.Error(keys, b.delivered())
	}
}

// A segment that is smaller than what the dispatcher gathers for one frame.
func TestMatchesOfManyBatchesFitIntoSmallSegments(t *testing.T) {
	defs := &definitions{}
	for i := range uint64(8) {
		defs.set(append(defs.FilterVersions(), version(i+1, 10, 100+i, "ERROR", 0))...)
	}
	fs := vfs.NewMem()
	b := startOn(t, fs, 0, &definitions{}, wal.Config{SegmentBytes: 1 << 20})
	const batches = 12
	for range batches {
		b.put(10, "ERROR "+strings.Repeat("e", 150<<10), strings.Repeat("i", 350<<10))
	}
	b.stop()
	b = startOn(t, fs.CrashClone(vfs.CrashOptions{}), 0, defs, wal.Config{SegmentBytes: 1 << 20})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.d.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	for key, got := range b.delivered() {
		if len(got) != batches {
			t.Errorf("key %d: %d events", key, len(got))
		}
	}
	if tally := b.d.Tally(8); tally.Matched != batches {
		t.Errorf("%+v", tally)
	}
}

func startShard(t *testing.T, shard uint32, defs *definitions, cfg wal.Config) *bench {
	return startOn(t, vfs.NewMem(), shard, defs, cfg)
}
