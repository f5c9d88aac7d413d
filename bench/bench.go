// Package bench measures the whole: request bodies go to a server in a process
// of its own, through log, filter and codec into objects, and come out counted.
// `sluice bench` prints what it finds; tests of the product do not need it.
//
// What enters: Options. What leaves: a Result, with the machine, the stages that
// were measured alone, and each path beside the sum of its stages. Everything of
// one Result was measured in one run, on the same bodies, as CPU time: of the
// server's process alone for paths, of this process for stages. Wall time is told
// beside it, for on a machine that others use it says little.
//
// A path counts only if its events are complete: the lines of all objects are
// counted, and one more or less than what was acknowledged is an error.
//
// Files lie in Options.Dir and are gone when Run returns.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"sluice/bench/corpus"
)

// Options say what to measure.
type Options struct {
	// Binary is the sluice that serves.
	Binary string
	// Dir is where data folders are made; it must exist.
	Dir string
	// Paths to measure, of the form ingest/format/keep; see PathNames. Default:
	// DefaultPaths.
	Paths []string
	// Corpus makes the messages.
	Corpus corpus.Kind
	// Bytes of messages to send on each path. Default 256 MB.
	Bytes int64
	// BodyBytes is about the size of a request. Default 1 MB.
	BodyBytes int
	// Connections send at once. Default 1.
	Connections int
	// PerSecond is the rate of requests of an open loop; 0 sends the next request
	// when the one before it is answered.
	PerSecond float64
	// Compaction leaves the compaction of the log on, whose CPU time then counts.
	// It is a stage of its own otherwise: it runs later, when cores are idle.
	Compaction bool
	// MetricFilters are put on the log group besides: terms:N, json:N or mixed:N.
	// Only paths of unsigned requests can have them.
	MetricFilters string
	// Progress is told what is going on. Default: nobody.
	Progress func(text string)
}

// Result is what a run found.
type Result struct {
	Time    time.Time `json:"time"`
	Machine Machine   `json:"machine"`
	Corpus  string    `json:"corpus"`
	// Compaction tells whether paths include it.
	Compaction bool    `json:"compaction"`
	Stages     []Stage `json:"stages"`
	Paths      []Path  `json:"paths"`
}

// Machine is where it was measured.
type Machine struct {
	OS, Arch, Go, CPU string
	Cores             int
}

// Stage is one step alone, over the same bodies as the paths.
type Stage struct {
	Name string `json:"name"`
	// NanosPerByte is CPU time per byte of messages.
	NanosPerByte float64 `json:"nanosPerByte"`
}

// Path is one way from a client to objects.
type Path struct {
	Name         string `json:"name"`
	MessageBytes int64  `json:"messageBytes"`
	Requests     int    `json:"requests"`
	Events       int64  `json:"events"`    // acknowledged
	Selected     int64  `json:"selected"`  // those that the filter selects
	Delivered    int64  `json:"delivered"` // counted in the objects
	ObjectBytes  int64  `json:"objectBytes"`

	CPUSeconds      float64 `json:"cpuSeconds"` // of the server alone
	CPUSecondsPerGB float64 `json:"cpuSecondsPerGB"`
	MBPerCPUSecond  float64 `json:"mbPerCpuSecond"` // of message bytes, 1e6
	WallSeconds     float64 `json:"wallSeconds"`
	PeakRSSBytes    int64   `json:"peakRssBytes"`
	WrittenPerByte  float64 `json:"writtenPerByte"` // bytes to the disk per byte of messages
	// Ack is how long the durable acknowledgement took. With an open loop it counts
	// from when the request should have been sent.
	Ack Latency `json:"ack"`

	// OfStages is MBPerCPUSecond beside that of the sum of its stages.
	StagesMBPerCPUSecond float64 `json:"stagesMBPerCpuSecond"`
	OfStages             float64 `json:"ofStages"`
}

// Latency is in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// The parts of a path's name.
var (
	ingests = []string{"putlogevents", "putlogevents-unsigned", "bulk"}
	formats = []string{"gzip", "zstd", "parquet"}
	keeps   = []string{"all", "errors"}
)

// DefaultPaths are those that the documents speak of.
var DefaultPaths = []string{
	"putlogevents/gzip/all", "putlogevents/zstd/all", "putlogevents/parquet/all", "bulk/gzip/all",
	"putlogevents/gzip/errors", "bulk/gzip/errors",
}

// PathNames lists all paths.
func PathNames() (names []string) {
	for _, i := range ingests {
		for _, f := range formats {
			for _, k := range keeps {
				names = append(names, i+"/"+f+"/"+k)
			}
		}
	}
	return names
}

func (o *Options) setDefaults() error {
	if o.Bytes == 0 {
		o.Bytes = 256e6
	}
	if o.BodyBytes == 0 {
		o.BodyBytes = 1e6
	}
	if o.Connections == 0 {
		o.Connections = 1
	}
	if len(o.Paths) == 0 {
		o.Paths = DefaultPaths
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	filters, err := parseMetricFilters(o.MetricFilters)
	if err != nil {
		return err
	}
	names := PathNames()
	for _, p := range o.Paths {
		if !slices.Contains(names, p) {
			return fmt.Errorf("path %q: a path is %s, / and %s, / and %s", p,
				strings.Join(ingests, " or "), strings.Join(formats, " or "), strings.Join(keeps, " or "))
		}
		if len(filters) > 0 && !strings.HasPrefix(p, "putlogevents-unsigned/") {
			return fmt.Errorf("path %q: metric filters are put without a signature: measure putlogevents-unsigned", p)
		}
	}
	if o.BodyBytes < 1000 || o.BodyBytes > 1_000_000 {
		return fmt.Errorf("bodies of %d bytes: 1,000 to 1,000,000 are possible", o.BodyBytes)
	}
	if o.Connections < 1 || o.Connections > 1000 || o.PerSecond < 0 || o.Bytes < int64(o.BodyBytes) {
		return errors.New("1 to 1000 connections, a rate that is not negative and at least one body are possible")
	}
	return nil
}

// Run measures the stages, then the paths.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "sluice-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &Result{Time: time.Now().UTC().Truncate(time.Second), Machine: machine(), Corpus: o.Corpus.String(), Compaction: o.Compaction}
	o.Progress("making request bodies")
	l := newLoad(o)
	o.Progress("measuring stages")
	if r.Stages, err = measureStages(filepath.Join(dir, "stages"), l); err != nil {
		return nil, fmt.Errorf("measure stages: %w", err)
	}
	for _, name := range o.Paths {
		o.Progress("measuring " + name)
		p, err := measurePath(ctx, o, filepath.Join(dir, strings.ReplaceAll(name, "/", "-")), name, l)
		if err != nil {
			return r, fmt.Errorf("measure %s: %w", name, err)
		}
		p.compare(r.Stages, o.Compaction)
		r.Paths = append(r.Paths, *p)
	}
	return r, nil
}

func machine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Cores: runtime.NumCPU()}
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// compare sets a path beside the stages that it is made of.
func (p *Path) compare(stages []Stage, compaction bool) {
	ingest, format, keep := parts(p.Name)
	wanted := map[string]bool{"http": true, "log": true, "filter " + keep: true, format + " " + keep: true, "compaction": compaction}
	switch ingest {
	case "putlogevents":
		wanted["sha256"], wanted["decode PutLogEvents"] = true, true
	case "putlogevents-unsigned":
		wanted["decode PutLogEvents"] = true
	case "bulk":
		wanted["decode NDJSON"] = true
	}
	sum := 0.0
	for _, s := range stages {
		if wanted[s.Name] {
			sum += s.NanosPerByte
		}
	}
	p.StagesMBPerCPUSecond = 1e3 / sum
	p.OfStages = p.MBPerCPUSecond / p.StagesMBPerCPUSecond
}

func parts(name string) (ingest, format, keep string) {
	p := strings.Split(name, "/")
	return p[0], p[1], p[2]
}
