//go:build integration

package bench

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/bench/corpus"
)

// TestPathsCountEveryEvent runs one path of each format in small.
func TestPathsCountEveryEvent(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", binary, "sluice/cmd/sluice").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	r, err := Run(t.Context(), Options{
		Binary: binary, Dir: t.TempDir(), Corpus: corpus.App, Bytes: 8e6, Connections: 2,
		Paths: []string{"putlogevents/gzip/all", "putlogevents-unsigned/parquet/errors", "bulk/zstd/all"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Paths {
		if p.Delivered != p.Selected || p.Events == 0 || p.CPUSeconds <= 0 || p.Ack.P50 <= 0 || p.PeakRSSBytes == 0 {
			t.Errorf("%+v", p)
		}
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil || strings.Count(table.String(), "\n") < 20 {
		t.Errorf("%v\n%s", err, table.String())
	}
}
