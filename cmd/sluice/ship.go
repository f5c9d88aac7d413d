package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"sluice/cmd/sluice/internal/ship"
)

type shipCommand struct {
	Files []string `arg:"" name:"file" help:"Files to send, one event a line; - is standard input."`

	Group       string        `required:"" placeholder:"NAME" help:"Log group."`
	Stream      string        `placeholder:"NAME" help:"Log stream (ship); with more than one connection NAME-1, NAME-2 and so on. With --follow a template of {hostname}, {file} and {path} ({hostname}{path})."`
	NoCreate    bool          `help:"Expect the log group and the log streams to be there."`
	CreateGroup bool          `default:"true" negatable:"" help:"With --follow: make the log group if it is missing; log streams are made anyway."`
	EndpointURL string        `name:"endpoint-url" placeholder:"URL" help:"Where to send. Default: the SDK's own configuration (AWS_ENDPOINT_URL), else ${endpoint}, and never AWS unless named."`
	Connections int           `default:"1" placeholder:"N" help:"Requests under way at a time, 1 to 64, each with a log stream of its own (${default})."`
	BatchBytes  int           `default:"1048576" placeholder:"N" help:"Greatest batch, 26 bytes counted for each event; at most ${default}."`
	BatchEvents int           `default:"10000" placeholder:"N" help:"Most events in a batch; at most ${default}."`
	Linger      time.Duration `default:"1s" help:"How long a line waits for its batch to fill (${default})."`
	NDJSONStamp string        `name:"ndjson-timestamp" placeholder:"MEMBER" help:"Take timestamps from this member of JSON lines: RFC 3339, or a number since 1970."`
	StampRegex  string        `name:"timestamp-regex" placeholder:"REGEX" help:"Take timestamps from what this matches, or from its first group."`
	StampFormat string        `name:"timestamp-format" placeholder:"FORMAT" help:"How they are written: strftime's conversions (%Y-%m-%d %H:%M:%S.%f), rfc3339, unix or unix_ms (rfc3339)."`
	StampZone   string        `name:"timestamp-zone" placeholder:"ZONE" help:"Time zone of timestamps that name none, as Europe/Berlin (UTC)."`
	Output      string        `short:"o" enum:"text,json" default:"text" help:"Form of the result: text or json."`

	followFlags `embed:""`
}

func (*shipCommand) Help() string {
	return `Each line becomes one event, with the time at which it was read, or its own with
--ndjson-timestamp (a line without one takes the time of the line before). Empty lines are
left out; a line above 1,048,550 bytes becomes several events. Batches keep AWS's rules:
at most 1 MiB, 10,000 events and 24 hours, in chronological order.

Memory does not depend on the size of the input: about 45 MB with one connection and 75 MB
with four. With one connection the log stream has the order of the input; with more, each of
the log streams has.

Requests are repeated as the AWS SDK does by itself (three attempts; AWS_MAX_ATTEMPTS), and
not beyond. A request that was stored although its answer got lost is stored twice then:
PutLogEvents knows no idempotency. After a failure the result says how many events were
acknowledged.

A loopback endpoint needs no credentials and no region; an access key of twelve digits
chooses the account.

Examples:

    sluice ship --group /shop/web access.log
    tail -F app.ndjson | sluice ship --group /shop/app --ndjson-timestamp ts -
    sluice ship --group /load --stream host --connections 8 --batch-bytes 262144 big.log
    sluice ship --group g --endpoint-url https://logs.eu-west-1.amazonaws.com -o json a.log

With --follow the files are followed for ever, as an agent does: through rotation by rename
and by copytruncate, truncation, outages and restarts. Positions are kept in --state and move
only when the service acknowledged; an agent that was killed sends the batches that were under
way again with the same invocation id, which sluice stores once (AWS may store them twice).
While the service is away reading waits and nothing is dropped, whatever the error. SIGTERM
flushes within --grace; a second signal ends the process at once, and neither loses anything.

    sluice ship --follow --group /app '/var/log/app/*.log'
    sluice ship --follow --group /app --multiline-start '^\d{4}-' --timestamp-regex '^\S+ \S+' \
        --timestamp-format '%Y-%m-%d %H:%M:%S,%f' --state /var/lib/sluice-ship app.log
    sluice ship --follow --once --group /batch --quarantine refused.ndjson 'out/*.log'

Exit codes: 0 all events stored, or with --follow stopped by a signal, 1 failed, 2 wrong
command line or a state folder in use, 3 some events were rejected by the service because of
their timestamps (with --follow only with --once).`
}

// Validate is called by the parser.
func (c *shipCommand) Validate() error {
	f := func(name string, n, least, most int) error {
		if n < least || n > most {
			return fmt.Errorf("--%s is %d: give %d to %d", name, n, least, most)
		}
		return nil
	}
	var follow error
	switch {
	case c.Follow:
		follow = c.validateFollow()
	case c.Once:
		follow = errors.New("--once goes with --follow")
	default:
		_, follow = c.stampRule().Compile()
	}
	return errors.Join(
		follow,
		f("connections", c.Connections, 1, 64),
		f("batch-bytes", c.BatchBytes, 1, ship.MaxBatchBytes),
		f("batch-events", c.BatchEvents, 1, ship.MaxBatchEvents),
	)
}

func (c *shipCommand) stampRule() ship.StampRule {
	return ship.StampRule{Member: c.NDJSONStamp, Regex: c.StampRegex, Format: c.StampFormat, Zone: c.StampZone}
}

func (c *shipCommand) Run(p *process) error {
	if c.Follow {
		return c.follow(p)
	}
	if c.Stream == "" {
		c.Stream = "ship"
	}
	ctx, stop := interruptible()
	defer stop()
	inputs, total, err := c.inputs(p)
	if err != nil {
		return usage(err)
	}
	client, endpoint, err := ship.NewClient(ctx, c.EndpointURL, c.Connections)
	if err != nil {
		return usage(err)
	}
	began := time.Now()
	report, err := c.ship(ctx, p, client, inputs, total)
	result := shipResult{
		LogGroupName:   c.Group,
		LogStreamNames: c.streams(),
		Endpoint:       endpoint,
		Report:         report,
		Seconds:        time.Since(began).Seconds(),
	}
	return errors.Join(result.print(p.stdout, c.Output), c.verdict(err, endpoint, report))
}

func (c *shipCommand) ship(ctx context.Context, p *process, client *cloudwatchlogs.Client, inputs []ship.Input, total int64) (ship.Report, error) {
	if !c.NoCreate {
		if err := ship.Create(ctx, client, c.Group, c.streams()); err != nil {
			return ship.Report{}, err
		}
	}
	shipper := ship.New(c.config(), client)
	done := showProgress(p.stderr, shipper.Progress, total)
	defer done()
	return shipper.Run(ctx, inputs)
}

func (c *shipCommand) config() ship.Config {
	cfg := ship.Config{
		LogGroupName:   c.Group,
		LogStreamNames: c.streams(),
		Limits:         ship.Limits{Bytes: c.BatchBytes, Events: c.BatchEvents},
		Now:            func() int64 { return time.Now().UnixMilli() },
		Linger:         c.Linger,
	}
	cfg.Stamp, _ = c.stampRule().Compile() // Validate did, without an error
	return cfg
}

func (c *shipCommand) streams() []string {
	if c.Connections == 1 {
		return []string{c.Stream}
	}
	names := make([]string, c.Connections)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", c.Stream, i+1)
	}
	return names
}

// inputs also tells how many bytes there are to read, 0 when that is unknown. A
// file that is missing is found before the first event is sent.
func (c *shipCommand) inputs(p *process) (inputs []ship.Input, total int64, err error) {
	known := true
	for _, name := range c.Files {
		if name == "-" {
			known = false
			inputs = append(inputs, ship.Input{Name: "standard input", Open: func() (io.ReadCloser, error) { return io.NopCloser(p.stdin), nil }})
			continue
		}
		about, err := os.Stat(name)
		if err != nil {
			return nil, 0, err
		}
		if about.IsDir() {
			return nil, 0, fmt.Errorf("%s is a folder: give its files", name)
		}
		known = known && about.Mode().IsRegular()
		total += about.Size()
		inputs = append(inputs, ship.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	if !known {
		total = 0
	}
	return inputs, total, nil
}

// verdict turns the end of a run into an exit code.
func (c *shipCommand) verdict(err error, endpoint string, report ship.Report) error {
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case err != nil:
		return ship.Plain(err, endpoint)
	case report.Rejected.Total() > 0:
		return &exitError{exitRefused, fmt.Errorf("%d of %d events were rejected because of their timestamps", report.Rejected.Total(), report.Events)}
	}
	return nil
}

// shipResult is what ship prints at its end.
type shipResult struct {
	LogGroupName   string   `json:"logGroupName"`
	LogStreamNames []string `json:"logStreamNames"`
	Endpoint       string   `json:"endpoint"`
	ship.Report
	Seconds float64 `json:"seconds"`
}

func (r *shipResult) print(w io.Writer, form string) error {
	if form == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(label string, n int64, always bool) {
		if n != 0 || always {
			fmt.Fprintf(table, "%s\t%d\t\n", label, n)
		}
	}
	row("events", r.Events, true)
	row("bytes", r.Bytes, true)
	row("requests", r.Requests, true)
	row("rejected", r.Rejected.Total(), true)
	row("too old", r.Rejected.TooOld, false)
	row("expired", r.Rejected.Expired, false)
	row("too new", r.Rejected.TooNew, false)
	row("empty lines", r.Lines.Empty, false)
	row("split lines", r.Lines.Split, false)
	row("repaired UTF-8", r.Lines.Repaired, false)
	row("without a time", r.Lines.Undated, false)
	fmt.Fprintf(table, "seconds\t%.2f\t\n", r.Seconds)
	return table.Flush()
}
