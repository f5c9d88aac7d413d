package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/cmd/sluice/internal/replay"
	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/objput"
)

type replayCommand struct {
	Target string `arg:"" name:"bucket" help:"BUCKET/PREFIX of the error objects."`

	Stream      string    `required:"" placeholder:"NAME" help:"Delivery stream that gets the records."`
	S3          string    `name:"s3" default:"folder:sluice-data/s3" placeholder:"STORE" help:"Where the bucket is: folder:DIR, aws or http(s)://ENDPOINT (${default})."`
	EndpointURL string    `name:"endpoint-url" placeholder:"URL" help:"Where the delivery stream is. Default: the SDK's own configuration (AWS_ENDPOINT_URL), else ${endpoint}, and never AWS unless named."`
	Since       time.Time `placeholder:"TIME" help:"Only records that arrived at this instant (RFC 3339) or later."`
	Until       time.Time `placeholder:"TIME" help:"Only records that arrived before this instant."`
	Code        []string  `placeholder:"CODE" help:"Only records with this error code; may be given again."`
	Notes       string    `default:"sluice-replayed.jsonl" placeholder:"FILE" help:"Where it is noted what was replayed (${default})."`
	Again       bool      `help:"Replay also what was replayed before."`
	DryRun      bool      `help:"Count, and put nothing."`
	Output      string    `short:"o" enum:"text,json" default:"text" help:"Form of the result: text or json."`
}

func (*replayCommand) Help() string {
	return `Reads error objects, those under ErrorOutputPrefix, takes the records out of them and puts
them into a delivery stream by PutRecordBatch. It works with objects that AWS wrote, too. The
error objects stay.

What was replayed is noted in a file, synced after each batch: an object is put once into a
delivery stream for one choice of --since, --until and --code, and an interrupted run goes on
where it was. After a crash between an answer and its note one batch, of at most 500 records,
is put twice.

Examples:

    sluice replay lake/errors/processing-failed/ --stream lake --dry-run
    sluice replay lake/errors/ --stream lake --code DynamicPartitioning.MetadataExtractionFailed
    sluice replay s3://lake/errors/ --s3 aws --stream repaired --since 2026-02-03T00:00:00Z

Exit codes: 0 done, 1 failed, 2 wrong command line, or no such bucket.`
}

func (c *replayCommand) Run(p *process) error {
	ctx, stop := interruptible()
	defer stop()
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(c.Target, "s3://"), "/")
	if bucket == "" {
		return usage(fmt.Errorf("%q names no bucket", c.Target))
	}
	store, err := openToRead(ctx, c.S3)
	if err != nil {
		return usage(err)
	}
	if closer, ok := store.(io.Closer); ok {
		defer closer.Close() // only read
	}
	cfg := replay.Config{
		Store: store, Bucket: bucket, Prefix: prefix, Stream: c.Stream, Again: c.Again, DryRun: c.DryRun,
		Filter: replay.Filter{Since: c.Since, Until: c.Until, Codes: c.Code},
	}
	if err := c.open(ctx, &cfg); err != nil {
		return usage(err)
	}
	report, err := replay.Run(ctx, cfg)
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	case errors.Is(err, objput.ErrNotFound) && report == replay.Report{}:
		return errors.Join(usage(noBucket(c.Target, c.S3, bucket)), cfg.Journal.Close())
	}
	return errors.Join(err, cfg.Journal.Close(), c.print(p.stdout, report))
}

// open opens the notes and the way to the delivery stream.
func (c *replayCommand) open(ctx context.Context, cfg *replay.Config) error {
	client, endpoint, err := ship.NewClient(ctx, c.EndpointURL, 1)
	if err != nil {
		return err
	}
	o := client.Options()
	cfg.Stream = endpoint + " " + o.Region + " " + c.Stream
	cfg.Putter = &replay.Client{
		Endpoint: endpoint, Region: o.Region, Credentials: o.Credentials, Stream: c.Stream, HTTP: &http.Client{Timeout: time.Minute},
	}
	cfg.Journal, err = replay.OpenJournal(c.Notes)
	return err
}

func (c *replayCommand) print(w io.Writer, r replay.Report) error {
	if c.Output == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "objects\t%d\t\nreplayed before\t%d\t\nrecords\t%d\t\nfiltered\t%d\t\nno error records\t%d\t\n",
		r.Objects, r.Before, r.Records, r.Filtered, r.Bad)
	return table.Flush()
}
