package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"sluice/bench/kafkaserver"
	"sluice/bench/torture"
)

type tortureCommand struct {
	Duration time.Duration `default:"1m" help:"How long faults happen; delivering and reading come after it."`
	Seed     uint64        `default:"1" help:"Which faults come in which order."`
	Writers  int           `default:"4" help:"Clients that send at once."`
	Rate     int           `default:"2000" help:"Events a second of all writers."`
	S3       string        `name:"s3" placeholder:"URL" help:"A store that speaks S3, over http, with an empty bucket \"lake\"; credentials are those of the environment. Default: a folder, which has no bad days."`
	Broker   string        `placeholder:"FILE" help:"The Kafka broker that one delivery stream gets its events by way of. Default: sluice-bench-broker, beside sluice or in PATH, as make bench-broker builds it."`
	Dir      string        `help:"An empty folder for everything, which stays. Default: a new one that goes unless there are findings."`
	Binary   string        `help:"The sluice that serves. Default: this one."`
	Output   string        `short:"o" enum:"text,json" default:"text" help:"Form of the output: text or json."`
}

func (*tortureCommand) Help() string {
	return `Puts a server in a process of its own under load and has happen to it what happens to servers:
it is killed, stopped and started again, its disk takes no more, its clock jumps, and the store
and Kafka refuse, reset, stall or do what they were asked and answer with an error. Then everything
is delivered, every object read and each event counted: one that was acknowledged must be there
once in each delivery stream, lines, Parquet and, where there is a broker, lines by way of Kafka,
and any other at most once.

The broker keeps its topic in memory: some 50 MB for each million events.

Examples:

    sluice bench torture
    sluice bench torture --duration 8h --seed 7 --rate 10000
    AWS_ACCESS_KEY_ID=admin AWS_SECRET_ACCESS_KEY=password123 \
        sluice bench torture --s3 http://127.0.0.1:9000 -o json

Exit codes: 0 nothing lost or doubled; 1 findings, or it failed; 2 wrong command line.`
}

func (c *tortureCommand) Run(p *process) (err error) {
	binary, dir := c.Binary, c.Dir
	if binary == "" {
		if binary, err = os.Executable(); err != nil {
			return err
		}
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sluice-torture-"); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				fmt.Fprintln(p.stderr, "sluice bench torture: everything is in", dir)
				return
			}
			err = os.RemoveAll(dir)
		}()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if c.Broker == "" {
		c.Broker = kafkaserver.Find(binary)
	}
	ctx, stop := interruptible()
	defer stop()
	report, err := torture.Run(ctx, torture.Options{
		Binary: binary, Dir: dir, Duration: c.Duration, Seed: c.Seed, Writers: c.Writers, Rate: c.Rate, S3: c.S3, Broker: c.Broker,
		Progress: func(text string) { fmt.Fprintln(p.stderr, "sluice bench torture:", text) },
	})
	if report == nil {
		return err
	}
	if c.Output == "text" {
		return errors.Join(err, report.WriteTable(p.stdout))
	}
	text, jsonErr := json.MarshalIndent(report, "", "  ")
	fmt.Fprintf(p.stdout, "%s\n", text)
	return errors.Join(err, jsonErr)
}
