package compact_test

import (
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sluice/bench/corpus"
	"sluice/internal/compact"
)

// TestSizes holds the columns to what they may take, beside the same lines as
// one zstd stream.
func TestSizes(t *testing.T) {
	for _, kind := range corpus.Kinds() {
		batches := corpusBatches(t, kind, 1, 4<<20, 256<<10)
		stats := write(t, newDisk(t), compact.Options{NGrams: true}, numberedFrom(1, batches), nil)
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		must(t, err)
		stream := float64(len(encoder.EncodeAll(textOf(batches), nil)))
		must(t, encoder.Close())
		part := func(name string) float64 { return float64(stats.Columns[slices.Index(compact.ColumnNames(), name)]) }
		raw, all := float64(stats.TextBytes), 0.0
		for _, n := range compact.ColumnNames() {
			all += part(n)
		}
		if all+float64(stats.IndexBytes) != float64(stats.FileBytes) {
			t.Errorf("%s: columns of %.0f bytes and index of %d in a file of %d", kind, all, stats.IndexBytes, stats.FileBytes)
		}
		if text := part("text"); text > 1.02*stream {
			t.Errorf("%s: text takes %.0f bytes, one stream of it %.0f", kind, text, stream)
		}
		if grams := part("grams"); grams > 0.03*raw {
			t.Errorf("%s: filters take %.2f %% of the text", kind, 100*grams/raw)
		}
		if rest := all - part("text") - part("grams") + float64(stats.IndexBytes); rest > 0.01*raw {
			t.Errorf("%s: all but text and filters takes %.2f %% of the text", kind, 100*rest/raw)
		}
	}
}
