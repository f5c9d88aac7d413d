package main

import (
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
	Measure benchPathsCommand `cmd:"" default:"withargs" help:"Measure whole paths beside their stages."`
	Torture tortureCommand    `cmd:"" help:"Break everything around a server, and count what became of each event."`
}

func (*benchCommand) Help() string {
	return `Examples:

    sluice bench
    sluice bench putlogevents/gzip/all --megabytes 2000
    sluice bench torture --duration 10m`
}

type benchPathsCommand struct {
	Paths         []string `arg:"" optional:"" help:"Paths to measure, as ingest/format/keep. Default: the six that the documents speak of."`
	Corpus        string   `default:"app" help:"Messages: app, cloudtrail, json, vpc, access or trace."`
	Megabytes     int64    `default:"256" help:"Message bytes to send on each path."`
	BodyBytes     int      `default:"1000000" help:"Size of a request, as PutLogEvents counts it."`
	Connections   int      `default:"1" help:"Requests under way at once."`
	Rate          float64  `help:"Requests a second of an open loop; 0 sends the next when the last is answered."`
	Compaction    bool     `help:"Count the compaction of the log, too: it runs behind the path, on idle cores."`
	MetricFilters string   `placeholder:"KIND:N" help:"Put N metric filters besides: terms:N, json:N or mixed:N. For putlogevents-unsigned."`
	Dir           string   `help:"Where data folders are made, and removed. Default: the system's folder for temporary files."`
	Binary        string   `help:"The sluice that serves. Default: this one."`
	Output        string   `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
}

func (*benchPathsCommand) Help() string {
	return `Measures what this machine does with log events from the request to the object, beside what
its stages cost alone in the same run. Servers run in processes of their own; their CPU time
is what counts. Every event is counted in the objects at the end.

A path is how events come in (putlogevents, signed; putlogevents-unsigned; bulk, NDJSON with a
bearer token), what objects are made of them (gzip, zstd, parquet) and what the filter keeps
(all; errors, some 3 in 100).

Examples:

    sluice bench
    sluice bench putlogevents/gzip/all --megabytes 2000 --connections 4
    sluice bench bulk/zstd/all --rate 50 -o json | jq '.paths[].ack'

Exit codes: 0 measured, and every event was there; 1 not; 2 wrong command line.`
}

func (c *benchPathsCommand) Run(p *process) error {
	kind, ok := corpus.ParseKind(c.Corpus)
	if !ok {
		return usage(fmt.Errorf("--corpus %q is none of %s", c.Corpus, corpora()))
	}
	dir := c.Dir
	if dir == "" {
		dir = os.TempDir()
	}
	binary := c.Binary
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return err
		}
	}
	ctx, stop := interruptible()
	defer stop()
	result, err := bench.Run(ctx, bench.Options{
		Binary: binary, Dir: dir, Paths: c.Paths, Corpus: kind, Bytes: c.Megabytes * 1e6, BodyBytes: c.BodyBytes,
		Connections: c.Connections, PerSecond: c.Rate, Compaction: c.Compaction, MetricFilters: c.MetricFilters,
		Progress: func(text string) { fmt.Fprintln(p.stderr, "sluice bench:", text) },
	})
	if result == nil {
		return usage(err)
	}
	if c.Output == "json" {
		text, jsonErr := json.MarshalIndent(result, "", "  ")
		if jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
		fmt.Fprintf(p.stdout, "%s\n", text)
		return err
	}
	return errors.Join(err, result.WriteTable(p.stdout))
}

func corpora() string {
	var names []string
	for _, k := range corpus.Kinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}
