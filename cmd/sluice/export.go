package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

type exportCommand struct {
	Create exportCreateCommand `cmd:"" help:"Start a task."`
	List   exportListCommand   `cmd:"" help:"List tasks, newest first."`
	Status exportStatusCommand `cmd:"" help:"Show a task."`
	Wait   exportWaitCommand   `cmd:"" help:"Wait for a task to end, and show how far it is."`
	Cancel exportCancelCommand `cmd:"" help:"Cancel a task; its objects stay."`
	Resume exportResumeCommand `cmd:"" help:"Go on with a task that failed or was cancelled (sluice only)."`
}

// exportOutput are the flags of every subcommand.
type exportOutput struct {
	EndpointURL string `name:"endpoint-url" placeholder:"URL" help:"Where to ask. Default: the SDK's own configuration (AWS_ENDPOINT_URL), else ${endpoint}, and never AWS unless named."`
	Output      string `short:"o" enum:"text,json" default:"text" help:"Form of the result: text or json."`
}

// exportWaiting are the flags of those that can wait.
type exportWaiting struct {
	Timeout time.Duration `placeholder:"SPAN" help:"Wait no longer than this; the task goes on (no limit)."`
}

const exportExits = `
Exit codes: 0 done; 1 failed; 2 wrong command line, log group, bucket or task; 3 refused,
because the task is in no state for it or another one is active. Whoever waits: 0 the task
completed, 1 it failed, 3 it was cancelled, 4 it has not ended within --timeout.`

type exportCreateCommand struct {
	Group  string `arg:"" help:"Log group."`
	Target string `arg:"" name:"bucket" help:"BUCKET, BUCKET/PREFIX or s3://BUCKET/PREFIX; the bucket must exist."`

	From         string `default:"0" placeholder:"WHEN" help:"First instant: so long ago (90s, 1h, 2d, 1w), RFC 3339, or ms since 1970 (${default})."`
	To           string `default:"0s" placeholder:"WHEN" help:"Last instant (now)."`
	StreamPrefix string `placeholder:"PREFIX" help:"Only log streams whose names begin so."`
	Name         string `placeholder:"NAME" help:"A name for people."`

	Pattern     string `short:"e" placeholder:"PATTERN" help:"Only events that this filter pattern selects (sluice only)."`
	Format      string `enum:",aws,ndjson,parquet" default:"" help:"aws: time, blank, message; ndjson; parquet (sluice only)."`
	Compression string `placeholder:"CODEC" help:"As Firehose names them: UNCOMPRESSED, GZIP, ZIP, Snappy, HADOOP_SNAPPY, ZSTD (sluice only)."`
	ObjectMB    int    `name:"object-mb" placeholder:"N" help:"End an object once its events have so many MiB, 1 to 1024 (sluice only, 64)."`
	SinceLast   bool   `help:"Only what was stored since the last completed task with this log group, bucket and prefix (sluice only)."`

	Wait bool `help:"Wait for its end."`
	exportWaiting
	exportOutput
}

func (*exportCreateCommand) Help() string {
	return `Starts CreateExportTask and prints the id of the task. What was acknowledged before is in
the export, what comes later is not. Flags marked "sluice only" are sent when they are given,
as SluiceOptions: AWS knows none of them.

Examples:

    sluice export create /shop/web lake/logs --from 7d --wait
    sluice export create /shop/web s3://lake --from 2026-02-01T00:00:00Z --to 2026-02-02T00:00:00Z
    sluice export create /shop/web lake/nightly --since-last --format parquet --wait -o json
    sluice export create /shop/web my-bucket --endpoint-url https://logs.eu-west-1.amazonaws.com
` + exportExits
}

// Validate is called by the parser.
func (c *exportCreateCommand) Validate() error {
	if bucket, _ := c.place(); bucket == "" {
		return fmt.Errorf("%q names no bucket", c.Target)
	}
	if c.ObjectMB < 0 || c.ObjectMB > 1024 {
		return fmt.Errorf("--object-mb is %d: give 1 to 1024", c.ObjectMB)
	}
	now := time.Now()
	from, err := exportInstant("from", c.From, now)
	to, err2 := exportInstant("to", c.To, now)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	if from > to {
		return fmt.Errorf("--from %s lies behind --to %s", c.From, c.To)
	}
	return nil
}

func (c *exportCreateCommand) place() (bucket, prefix string) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(c.Target, "s3://"), "/")
	return bucket, strings.TrimRight(prefix, "/")
}

// exportInstant reads WHEN, in ms.
func exportInstant(flag, text string, now time.Time) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 {
		return ms, nil
	}
	at, err := sinceTime(text, now)
	if err != nil {
		return 0, fmt.Errorf("--%s is %q: give a time span like 90s, 1h, 2d or 1w, an instant like 2026-01-02T03:04:05Z, or ms since 1970", flag, text)
	}
	return max(0, at.UnixMilli()), nil
}

func (c *exportCreateCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error {
		id, err := x.client.create(ctx, c.request())
		if err != nil {
			return err
		}
		if c.Wait {
			return x.wait(ctx, id, c.Timeout)
		}
		if c.Output == "json" {
			return json.NewEncoder(p.stdout).Encode(map[string]string{"taskId": id})
		}
		_, err = fmt.Fprintln(p.stdout, id)
		return err
	})
}

func (c *exportCreateCommand) request() *createExport {
	bucket, prefix := c.place()
	now := time.Now()
	in := &createExport{
		LogGroupName: c.Group, LogStreamNamePrefix: c.StreamPrefix, TaskName: c.Name, Destination: bucket, DestinationPrefix: prefix,
	}
	in.From, _ = exportInstant("from", c.From, now) // Validate read them, without an error
	in.To, _ = exportInstant("to", c.To, now)
	more := exportOptions{Format: c.Format, CompressionFormat: c.Compression, FilterPattern: c.Pattern, ObjectSizeInMBs: c.ObjectMB}
	if c.SinceLast {
		more.From = "last"
	}
	if more != (exportOptions{}) {
		in.SluiceOptions = &more
	}
	return in
}

type exportListCommand struct {
	State string `enum:",PENDING,RUNNING,PENDING_CANCEL,COMPLETED,FAILED,CANCELLED" default:"" placeholder:"STATE" help:"Only tasks in this state."`
	Limit int    `default:"50" placeholder:"N" help:"Most tasks; 0 for all (${default})."`
	exportOutput
}

func (*exportListCommand) Help() string {
	return `Lists the tasks of the account and region, newest first; with -o json an object a line.

Examples:

    sluice export list
    sluice export list --state FAILED --limit 0 -o json | jq -r .taskId
` + exportExits
}

func (c *exportListCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error {
		tasks, err := x.client.list(ctx, c.State, c.Limit)
		if err != nil {
			return err
		}
		return x.printList(tasks)
	})
}

type exportStatusCommand struct {
	Task string `arg:"" help:"Id of the task."`
	exportOutput
}

func (*exportStatusCommand) Help() string {
	return `Shows a task: its state, and against sluice how far it is and what it waits for.

Examples:

    sluice export status 5b1c1c0e-5c0b-4c5e-9d0e-0b1f6a2d7c11
    sluice export status "$id" -o json | jq .sluiceProgress
` + exportExits
}

func (c *exportStatusCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error {
		t, err := x.client.describe(ctx, c.Task)
		if err != nil {
			return err
		}
		return x.print(&t)
	})
}

type exportWaitCommand struct {
	Task string `arg:"" help:"Id of the task."`
	exportWaiting
	exportOutput
}

func (*exportWaitCommand) Help() string {
	return `Waits for the end of a task: with a bar on a terminal, with a line every five seconds
elsewhere, both on standard error. The time that is left is a guess by the share of bytes and
log streams that are done. While the service is away it is asked again, and said so once.
Interrupted, it leaves the task alone.

Examples:

    sluice export wait "$(sluice export create /shop/web lake)"
    sluice export wait "$id" --timeout 1h || echo "exit code $?"
` + exportExits
}

func (c *exportWaitCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error { return x.wait(ctx, c.Task, c.Timeout) })
}

type exportCancelCommand struct {
	Task string `arg:"" help:"Id of the task."`
	exportOutput
}

func (*exportCancelCommand) Help() string {
	return `Cancels a task. Objects that were put stay, and sluice export resume goes on behind them.

Examples:

    sluice export cancel 5b1c1c0e-5c0b-4c5e-9d0e-0b1f6a2d7c11
` + exportExits
}

func (c *exportCancelCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error {
		if err := x.client.call(ctx, "CancelExportTask", taskID{c.Task}, nil); err != nil {
			return err
		}
		t, err := x.client.describe(ctx, c.Task)
		if err != nil {
			return err
		}
		return x.print(&t)
	})
}

type exportResumeCommand struct {
	Task string `arg:"" help:"Id of the task."`
	Wait bool   `help:"Wait for its end."`
	exportWaiting
	exportOutput
}

func (*exportResumeCommand) Help() string {
	return `Goes on with a task that failed or was cancelled, under its id: objects that were put are
not put again, and it ends with the same objects as if nothing had happened. AWS cannot do
that; make a new task there.

Examples:

    sluice export resume "$id" --wait
    sluice export list --state FAILED --limit 0 -o json | jq -r .taskId | xargs -n1 sluice export resume
` + exportExits
}

func (c *exportResumeCommand) Run(p *process) error {
	return c.with(p, func(ctx context.Context, x *exporter) error {
		if err := x.client.call(ctx, "ResumeExportTask", taskID{c.Task}, nil); err != nil {
			return err
		}
		if c.Wait {
			return x.wait(ctx, c.Task, c.Timeout)
		}
		t, err := x.client.describe(ctx, c.Task)
		if err != nil {
			return err
		}
		return x.print(&t)
	})
}
