package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"sluice/bench"
	"sluice/bench/corpus"
)

// benchCommand is what follows "sluice bench"; nothing, or paths, is to measure.
type benchCommand struct {
	Paths   benchPaths     `cmd:"" default:"withargs" help:"Whole paths from the request to the object, beside their stages (the default)."`
	Growth  benchGrowth    `cmd:"" help:"One path while requests, filters, log groups, connections or a backlog grow."`
	Latency benchLatency   `cmd:"" help:"The durable acknowledgement at half load, beside the disk."`
	Rivals  benchRivals    `cmd:"" help:"The same work done by sluice and by other programs that are here."`
	Torture tortureCommand `cmd:"" help:"Break everything around a server, and count what became of each event."`
}

func (*benchCommand) Help() string {
	return `Examples:

    sluice bench
    sluice bench putlogevents/gzip/all --megabytes 2000
    sluice bench growth groups
    sluice bench latency --connections 4
    sluice bench rivals W1 W2
    sluice bench torture --duration 10m`
}

// benchFlags are those of all the commands.
type benchFlags struct {
	Corpus      string `default:"app" help:"Messages: app, cloudtrail, json, vpc, access or trace."`
	Megabytes   int64  `default:"256" help:"Message bytes to send on each path."`
	BodyBytes   int    `default:"1000000" help:"Size of a request, as PutLogEvents counts it."`
	Connections int    `help:"Requests under way at once. Default: 1, and 8 for growth."`
	Compaction  bool   `help:"Count the compaction of the log, too: it runs behind the path, on idle cores."`
	Gateway     string `placeholder:"FILE" help:"versitygw, which paths into S3 end at. Default: in PATH, or as the integration tests build it."`
	Broker      string `placeholder:"FILE" help:"The broker that paths out of Kafka begin at. Default: sluice-bench-broker, beside sluice or in PATH."`
	Kafka       string `placeholder:"HOST:PORT" help:"A Kafka cluster in place of the broker; it gets a topic for a while."`
	Dir         string `help:"Where data folders are made, and removed. Default: the system's folder for temporary files."`
	Binary      string `help:"The sluice that serves. Default: this one."`
	Output      string `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
}

func (f *benchFlags) options(p *process) (o bench.Options, err error) {
	kind, ok := corpus.ParseKind(f.Corpus)
	if !ok {
		return o, usage(fmt.Errorf("--corpus %q is none of %s", f.Corpus, corpora()))
	}
	o = bench.Options{
		Binary: f.Binary, Dir: f.Dir, Corpus: kind, Bytes: f.Megabytes * 1e6, BodyBytes: f.BodyBytes, Connections: f.Connections,
		Compaction: f.Compaction, Gateway: f.Gateway, Broker: f.Broker, Kafka: f.Kafka,
		Progress: func(text string) { fmt.Fprintln(p.stderr, "sluice bench:", text) },
	}
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	if o.Binary == "" {
		o.Binary, err = os.Executable()
	}
	return o, err
}

// measure runs one of the commands and prints what it found, also when it ended
// early.
func (f *benchFlags) measure(p *process, run func(ctx context.Context, o bench.Options) (*bench.Result, error)) error {
	o, err := f.options(p)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	result, err := run(ctx, o)
	if result == nil {
		return usage(err)
	}
	if f.Output == "json" {
		text, jsonErr := json.MarshalIndent(result, "", "  ")
		if jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
		fmt.Fprintf(p.stdout, "%s\n", text)
		return err
	}
	return errors.Join(err, result.WriteTable(p.stdout))
}

type benchPaths struct {
	Paths []string `arg:"" optional:"" help:"Paths to measure, as ingest/format/keep[/s3]. Default: those that the documents speak of."`
	benchFlags
	Rounds        int     `default:"1" help:"Measure all stages and paths so often, in turns, and tell the middle."`
	Rate          float64 `help:"Requests a second of an open loop; 0 sends the next when the last is answered."`
	MetricFilters string  `placeholder:"KIND:N" help:"Put N metric filters besides: terms:N, json:N or mixed:N."`
}

func (*benchPaths) Help() string {
	return `Measures what this machine does with log events from the request to the object, beside what
its stages cost alone in the same run. Servers run in processes of their own; their CPU time
is what counts. Every event is counted in the objects at the end.

A path is how events come in (putlogevents, signed; putlogevents-unsigned; bulk, NDJSON with a
bearer token; otlp, OTLP in protobuf with a bearer token; kafka, records of a topic), what
objects are made of them (gzip, zstd, parquet), what the filter keeps (all; errors, some 3 in
100), and s3 if they go to a versitygw instead of a folder.

Examples:

    sluice bench --rounds 3
    sluice bench putlogevents/gzip/all --megabytes 2000 --connections 4
    sluice bench bulk/zstd/all --rate 50 -o json | jq '.paths[].ack'

Exit codes: 0 measured, and every event was there; 1 not; 2 wrong command line.`
}

func (c *benchPaths) Run(p *process) error {
	return c.measure(p, func(ctx context.Context, o bench.Options) (*bench.Result, error) {
		o.Paths, o.Rounds, o.PerSecond, o.MetricFilters = c.Paths, c.Rounds, c.Rate, c.MetricFilters
		return bench.Run(ctx, o)
	})
}

type benchGrowth struct {
	Curves []string `arg:"" optional:"" help:"Curves to measure: batch, filters, groups, groups-one-event, connections, backlog. Default: all."`
	benchFlags
	Path string `default:"putlogevents-unsigned/gzip/all" help:"The path to measure."`
	Most int    `help:"Leave out points beyond this; 0 is none."`
}

func (*benchGrowth) Help() string {
	return `Measures one path again and again while one quantity grows, everything else being equal: the
size of requests, subscription filters that select nothing, log groups that requests go to in
turns, connections, and what waits for a store that was away. The figures of a point are those
of sluice bench; those of backlog are of catching up.

Examples:

    sluice bench growth groups
    sluice bench growth batch filters -o json > growth.json

Exit codes: 0 measured, and every event was there; 1 not; 2 wrong command line.`
}

func (c *benchGrowth) Run(p *process) error {
	return c.measure(p, func(ctx context.Context, o bench.Options) (*bench.Result, error) {
		o.Paths = []string{c.Path}
		return bench.Grow(ctx, o, c.Curves, c.Most)
	})
}

type benchLatency struct {
	Paths []string `arg:"" optional:"" help:"Paths to measure, as ingest/format/keep[/s3]. Default: putlogevents/gzip/all."`
	benchFlags
	Share float64 `default:"0.5" help:"The load, as a share of what a closed loop comes to."`
	Rate  float64 `help:"The load, as requests a second instead."`
}

func (*benchLatency) Help() string {
	return `Measures how long the durable acknowledgement takes at a part of what the path can take: a
closed loop first, then an open loop at a share of its rate, whose latencies count from when a
request was due. Beside it stands what the disk takes, in the same run and at the same rate, to
write and sync as many bytes.

Examples:

    sluice bench latency
    sluice bench latency bulk/gzip/all --share 0.8 --connections 4

Exit codes: 0 measured, and every event was there; 1 not; 2 wrong command line.`
}

func (c *benchLatency) Run(p *process) error {
	return c.measure(p, func(ctx context.Context, o bench.Options) (*bench.Result, error) {
		o.Paths, o.PerSecond = c.Paths, c.Rate
		return bench.MeasureHalfLoad(ctx, o, c.Share)
	})
}

type benchRivals struct {
	Workloads []string `arg:"" optional:"" help:"Workloads: W1, W2, W3, W3-s3, W3z, W3z-s3, W4-s3, W5. Default: all."`
	benchFlags
}

func (*benchRivals) Help() string {
	return `Has sluice and other programs do the same with the same input, one after the other, and counts
the lines that come out, none missing and none twice: W1 a term, W2 a JSON condition, W3 gzip
objects, W3z zstd objects, W4 Parquet objects (-s3: in S3 behind a versitygw, else in a folder),
W5 accepting HTTP requests. What counts is the CPU time of a program's whole life. Programs
are found in PATH: grep, jq, gzip, pigz, zstd, rsyslogd, syslog-ng; those of bench/rivals, which
make bench-rivals builds, beside sluice, too. One that is not there is left out by name.

Examples:

    sluice bench rivals W1 W2 --corpus json
    sluice bench rivals -o json > rivals.json

Exit codes: 0 measured, and every line was there; 1 not; 2 wrong command line.`
}

func (c *benchRivals) Run(p *process) error {
	return c.measure(p, func(ctx context.Context, o bench.Options) (*bench.Result, error) {
		return bench.Compete(ctx, o, c.Workloads)
	})
}

func corpora() string {
	var names []string
	for _, k := range corpus.Kinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}
