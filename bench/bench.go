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
	"strconv"
	"time"

	"sluice/bench/corpus"
)

// Options say what to measure.
type Options struct {
	// Binary is the sluice that serves.
	Binary string
	// Dir is where data folders are made; it must exist.
	Dir string
	// Paths to measure; see PathNames. Default: DefaultPaths, without those that need
	// a program that is not here.
	Paths []string
	// Rounds of all stages and paths, of which the middle counts. Default 1.
	Rounds int
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
	MetricFilters string
	// Gateway is the binary of versitygw, which paths into S3 end at. Default: the
	// one in PATH, or that the integration tests have built.
	Gateway string
	// Broker is the binary of bench/broker, which paths out of Kafka begin at.
	// Default: sluice-bench-broker beside Binary, or in PATH.
	Broker string
	// Kafka is HOST:PORT of a cluster to use in place of Broker.
	Kafka string
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
	Stages     []Stage `json:"stages,omitempty"`
	Paths      []Path  `json:"paths,omitempty"`
	// Growth, Latencies and Rivals are what the other commands measure.
	Growth    []Curve    `json:"growth,omitempty"`
	Latencies []HalfLoad `json:"latencies,omitempty"`
	Rivals    []Contest  `json:"rivals,omitempty"`
	// LeftOut names what was not measured, and why.
	LeftOut []string `json:"leftOut,omitempty"`
}

// Stage is one step alone, over the same bodies as the paths.
type Stage struct {
	Name string `json:"name"`
	// NanosPerByte is CPU time per byte of messages; of a stage of objects (S3), per
	// byte of objects.
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
	SendSeconds     float64 `json:"sendSeconds"`    // until the last acknowledgement
	WallSeconds     float64 `json:"wallSeconds"`    // until the last object
	PeakRSSBytes    int64   `json:"peakRssBytes"`
	WrittenPerByte  float64 `json:"writtenPerByte"` // bytes to the disk per byte of messages
	AllocsPerEvent  float64 `json:"allocsPerEvent"` // of the server
	// Ack is how long the durable acknowledgement took. With an open loop it counts
	// from when the request should have been sent. Kafka's producers are acknowledged
	// by their broker: there it is zero.
	Ack Latency `json:"ack"`
	// Late is how long after a request was due its sending began: where that is much,
	// this machine has no time left for the load.
	Late Latency `json:"late,omitzero"`

	// OfStages is MBPerCPUSecond beside that of the sum of its stages. Of several
	// rounds it is the middle, and all else is of the one with the middle CPU time.
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

func (o *Options) setDefaults() error {
	if o.Bytes == 0 {
		o.Bytes = 256e6
	}
	if o.Rounds == 0 {
		o.Rounds = 1
	}
	if o.BodyBytes == 0 {
		o.BodyBytes = 1e6
	}
	if o.Connections == 0 {
		o.Connections = 1
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if _, err := parseMetricFilters(o.MetricFilters); err != nil {
		return err
	}
	if o.Rounds < 1 || o.Rounds > 100 {
		return fmt.Errorf("%d rounds: 1 to 100 are possible", o.Rounds)
	}
	if o.BodyBytes < 1000 || o.BodyBytes > maxBody {
		return fmt.Errorf("bodies of %d bytes: 1,000 to %d are possible", o.BodyBytes, maxBody)
	}
	if o.Connections < 1 || o.Connections > 1000 || o.PerSecond < 0 || o.Bytes < int64(o.BodyBytes) {
		return errors.New("1 to 1000 connections, a rate that is not negative and at least one body are possible")
	}
	o.findTools()
	return nil
}

// maxBody is the greatest request, as PutLogEvents counts it.
const maxBody = 1 << 20

// choose sets the paths: those that were asked for must be possible, of the
// default ones those that are not are left out by name.
func (o *Options) choose() (leftOut []string, err error) {
	for _, name := range o.Paths {
		w, err := parseWay(name)
		if err == nil {
			err = o.lacks(w)
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", name, err)
		}
	}
	if len(o.Paths) > 0 {
		return nil, nil
	}
	for _, name := range DefaultPaths {
		w, err := parseWay(name)
		if err == nil {
			err = o.lacks(w)
		}
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		o.Paths = append(o.Paths, name)
	}
	return leftOut, nil
}

// Run measures the stages, then the paths, as many rounds as are wanted.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	leftOut, err := o.choose()
	if err != nil {
		return nil, err
	}
	r := newResult(o)
	r.LeftOut = leftOut
	return r, o.within(func(dir string) error {
		o.Progress("making request bodies")
		l := newLoad(o)
		var rounds []round
		for i := range o.Rounds {
			done, err := measureRound(ctx, o, filepath.Join(dir, strconv.Itoa(i)), l)
			rounds = append(rounds, done)
			r.Stages, r.Paths = middle(rounds)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func newResult(o Options) *Result {
	return &Result{Time: time.Now().UTC().Truncate(time.Second), Machine: machine(), Corpus: o.Corpus.String(), Compaction: o.Compaction}
}

// within gives f a folder of its own that is gone afterwards.
func (o *Options) within(f func(dir string) error) error {
	dir, err := os.MkdirTemp(o.Dir, "sluice-bench-")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}
