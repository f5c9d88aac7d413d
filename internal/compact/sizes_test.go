package compact_test

import (
	"bytes"
	"os/exec"
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

// TestTextBesideTheTool holds the text of every corpus to 1.05 of what zstd -1
// makes of the same lines in one file, and index and ids to 3 % of them.
func TestTextBesideTheTool(t *testing.T) {
	tool, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("no zstd in PATH")
	}
	if raceEnabled {
		t.Skip("says nothing of races, and takes long")
	}
	for _, kind := range corpus.Kinds() {
		batches := numberedFrom(1, corpusBatches(t, kind, 1, 16<<20, 256<<10))
		stats := write(t, newDisk(t), compact.Options{NGrams: true}, batches, nil)
		command := exec.Command(tool, "-1", "-q", "-c")
		command.Stdin = bytes.NewReader(textOf(unnumbered(batches)))
		whole, err := command.Output()
		must(t, err)
		part := func(name string) float64 { return float64(stats.Columns[slices.Index(compact.ColumnNames(), name)]) }
		share, raw := part("text")/float64(len(whole)), float64(stats.TextBytes)
		ids := (part("places") + part("rest") + float64(stats.IndexBytes)) / raw
		t.Logf("%s: text %.3f of zstd -1, index and ids %.2f %% of the text", kind, share, 100*ids)
		if share > 1.05 {
			t.Errorf("%s: text takes %.0f bytes, %.3f of zstd -1", kind, part("text"), share)
		}
		if ids > 0.03 {
			t.Errorf("%s: index and ids take %.2f %% of the text", kind, 100*ids)
		}
	}
}
