package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const sample = `{
 "paths": [{"name":"bulk/gzip/all","mbPerCpuSecond":83,"stagesMBPerCpuSecond":109}, {"name":"otlp/gzip/all","mbPerCpuSecond":90,"stagesMBPerCpuSecond":120}],
 "growth": [{"name":"groups","of":"log groups","points":[{"at":1,"name":"a","mbPerCpuSecond":20},{"at":10000,"name":"a","mbPerCpuSecond":18}]},
            {"name":"batch","of":"bytes","points":[{"at":1,"mbPerCpuSecond":20}]}],
 "latencies": [{"name":"bulk/gzip/all","ack":{"p50":4,"p99":9,"p999":12},"disk":{"p50":1,"p99":3,"p999":8}}],
 "rivals": [{"workload":"W1","task":"a term","contestants":[{"name":"sluice filter","cpuSecondsPerGB":0.3},{"name":"grep -F","cpuSecondsPerGB":0.2}]},
            {"workload":"W4","task":"alone","contestants":[{"name":"sluice serve","cpuSecondsPerGB":9}]}]
}`

// TestPictures wants one for each thing that has something to compare, the same
// each time.
func TestPictures(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "result.json")
	if err := os.WriteFile(file, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"growth-groups", "latency", "paths", "rivals-w1"}
	var first [][]byte
	for round := range 2 {
		if err := drawAll([]string{file}, dir, true); err != nil {
			t.Fatal(err)
		}
		svgs, err := filepath.Glob(filepath.Join(dir, "*.svg"))
		if err != nil || len(svgs) != len(wanted) {
			t.Fatalf("%q: %v", svgs, err)
		}
		for i, name := range wanted {
			svg, err := os.ReadFile(filepath.Join(dir, name+".svg"))
			if err != nil || !bytes.Contains(svg, []byte("<svg")) {
				t.Fatalf("%s: %v", name, err)
			}
			png, err := os.ReadFile(filepath.Join(dir, name+".png"))
			if err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
				t.Fatalf("%s: %v", name, err)
			}
			if round == 0 {
				first = append(first, svg)
			} else if !bytes.Equal(svg, first[i]) {
				t.Errorf("%s differs from one time to the next", name)
			}
		}
	}
}

func TestWhatIsNoResult(t *testing.T) {
	if err := drawAll([]string{filepath.Join(t.TempDir(), "none.json")}, t.TempDir(), false); err == nil {
		t.Error("a file that is not there was drawn")
	}
	file := filepath.Join(t.TempDir(), "text.json")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := drawAll([]string{file}, t.TempDir(), false); err == nil {
		t.Error("a text was drawn")
	}
}
