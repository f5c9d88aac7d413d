package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/bench/corpus"
	"sluice/cmd/sluice/internal/ship"
	"sluice/internal/app"
	"sluice/internal/obs"
)

type quickstartCommand struct {
	Once   bool `help:"End after one round: exit code 1 if any count disagrees."`
	Events int  `default:"20000" help:"How many events to send (${default})."`
}

func (*quickstartCommand) Help() string {
	return `Starts a server on a temporary data folder with one pipeline: log group
/quickstart/web -> subscription filter ERROR -> delivery stream lake -> gzip objects in a
folder. Sends generated application logs through the real HTTP API, waits for the objects,
checks every count, and stays up until Ctrl-C. The folder is left for you to look at.

Exit codes: 0 all counts agree, 1 they do not or something failed.`
}

const (
	quickGroup   = "/quickstart/web"
	quickStream  = "web-1"
	quickPattern = "ERROR"
	quickBucket  = "lake"
)

func (c *quickstartCommand) Run(p *process) error {
	ctx, stop := interruptible()
	defer stop()
	dir, err := os.MkdirTemp("", "sluice-quickstart-")
	if err != nil {
		return err
	}
	q := &quickstart{command: c, process: p, dir: dir}
	if err := q.start(ctx); err != nil {
		return err
	}
	err = q.round(ctx)
	if err == nil && !c.Once {
		fmt.Fprintf(p.stdout, "\nThe server stays up: http://%s (metrics: http://%s/metrics). Ctrl-C ends it.\n", q.data, q.admin)
		select {
		case <-ctx.Done():
		case err = <-q.ended:
			return err
		}
	}
	return errors.Join(err, q.stop())
}

// quickstart is one run of the command.
type quickstart struct {
	command *quickstartCommand
	process *process
	dir     string

	app         *app.App
	data, admin string
	cancel      context.CancelFunc
	ended       chan error

	sent     ship.Report
	expected app.Amount // what the pattern must match, counted line by line
}

// free is an address if nobody listens there, else one that the system chooses.
func free(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	l.Close()
	return addr
}

func (q *quickstart) start(ctx context.Context) error {
	log, err := obs.NewLogger(q.process.stderr, "warn")
	if err != nil {
		return err
	}
	ready, announced := io.Pipe()
	defer ready.Close()
	q.app, err = app.New(app.Config{
		DataDir: q.dir, Listen: free("127.0.0.1:4580"), Admin: free("127.0.0.1:4590"),
		Logger: log, Ready: announced, Pipelines: quickPipelines(),
	})
	if err != nil {
		return err
	}
	ctx, q.cancel = context.WithCancel(context.WithoutCancel(ctx))
	q.ended = make(chan error, 1)
	go func() {
		err := q.app.Run(ctx)
		announced.CloseWithError(errors.New("the server ended"))
		q.ended <- err
	}()
	if _, err := bufio.NewReader(ready).ReadBytes('\n'); err != nil {
		return errors.Join(err, <-q.ended)
	}
	q.data, q.admin = q.app.Addrs()
	fmt.Fprintf(q.process.stdout, "server   http://%s\ndata     %s\nobjects  %s\npipeline %s -> filter %q -> delivery stream %s (1 MiB or 1 s) -> gzip\n\n",
		q.data, q.dir, q.bucket(), quickGroup, quickPattern, quickBucket)
	return nil
}

func (q *quickstart) stop() error {
	q.cancel()
	return <-q.ended
}

func (q *quickstart) bucket() string { return filepath.Join(q.dir, "s3", quickBucket) }

func quickPipelines() app.Pipelines {
	processor := func(kind, name, value string) map[string]any {
		return map[string]any{"Type": kind, "Parameters": []any{map[string]any{"ParameterName": name, "ParameterValue": value}}}
	}
	return app.Pipelines{
		LogGroups: []app.LogGroup{{LogGroupName: quickGroup}},
		DeliveryStreams: []map[string]any{{
			"DeliveryStreamName": quickBucket,
			"ExtendedS3DestinationConfiguration": map[string]any{
				"RoleARN": "arn:aws:iam::000000000000:role/sluice", "BucketARN": "arn:aws:s3:::" + quickBucket,
				"CompressionFormat": "GZIP",
				"BufferingHints":    map[string]any{"SizeInMBs": 1, "IntervalInSeconds": 1},
				"ProcessingConfiguration": map[string]any{"Enabled": true, "Processors": []any{
					processor("Decompression", "CompressionFormat", "GZIP"),
					processor("CloudWatchLogProcessing", "DataMessageExtraction", "true"),
				}},
			},
		}},
		SubscriptionFilters: []app.SubscriptionFilter{{
			LogGroupName: quickGroup, FilterName: "errors", FilterPattern: quickPattern,
			DestinationARN: "arn:aws:firehose:us-east-1:000000000000:deliverystream/" + quickBucket,
		}},
	}
}

// round sends a file of events, waits for the objects and checks the counts.
func (q *quickstart) round(ctx context.Context) error {
	file := filepath.Join(q.dir, "app.ndjson")
	if err := q.writeEvents(file); err != nil {
		return err
	}
	if err := q.ship(ctx, file); err != nil {
		return err
	}
	if err := q.wait(ctx); err != nil {
		return err
	}
	objects, err := readObjects(q.bucket())
	if err != nil {
		return err
	}
	q.print(objects)
	return q.check(objects)
}

// writeEvents generates the events and counts what must match, independently of
// the server.
func (q *quickstart) writeEvents(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	g := corpus.New(corpus.App, uint64(time.Now().UnixNano()), time.Now())
	var line []byte
	for range q.command.Events {
		line, _ = g.AppendEvent(line[:0])
		if strings.Contains(string(line), quickPattern) {
			q.expected.Count++
			q.expected.Bytes += uint64(len(line))
		}
		w.Write(line) // the first error is Flush's
		w.WriteByte('\n')
	}
	return errors.Join(w.Flush(), f.Close())
}

// ship is what `sluice ship` does.
func (q *quickstart) ship(ctx context.Context, file string) error {
	command := &shipCommand{
		Files: []string{file}, Group: quickGroup, Stream: quickStream, EndpointURL: "http://" + q.data,
		Connections: 1, BatchBytes: ship.MaxBatchBytes, BatchEvents: 500, Linger: time.Second,
	}
	inputs, total, err := command.inputs(q.process)
	if err != nil {
		return err
	}
	client, endpoint, err := ship.NewClient(ctx, command.EndpointURL, 1)
	if err != nil {
		return err
	}
	q.sent, err = command.ship(ctx, q.process, client, inputs, total)
	return command.verdict(err, endpoint, q.sent)
}

// wait shows how far the events are until all are delivered.
func (q *quickstart) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for shown := ""; ; {
		s := q.app.Summary()
		if line := fmt.Sprintf("durable %d, matched %d, delivered %d, in flight %d", s.Stored.Count, s.Matched.Count, s.Delivered.Count, s.InFlight); line != shown {
			fmt.Fprintln(q.process.stderr, line)
			shown = line
		}
		if s.Resting() {
			return nil
		}
		select {
		case <-look.C:
		case err := <-q.ended:
			return errors.Join(errors.New("the server ended"), err)
		case <-ctx.Done():
			return fmt.Errorf("wait for delivery: %w", context.Cause(ctx))
		}
	}
}

// object is one delivered object, read back with the standard library's gzip.
type object struct {
	key   string
	size  uint64
	lines []string
}

func readObjects(bucket string) (objects []object, err error) {
	err = filepath.WalkDir(bucket, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "_sluice":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		o, err := readObject(name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if o.key, err = filepath.Rel(bucket, name); err != nil {
			return err
		}
		objects = append(objects, o)
		return nil
	})
	slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.key, b.key) })
	return objects, err
}

func readObject(name string) (o object, err error) {
	f, err := os.Open(name)
	if err != nil {
		return o, err
	}
	defer f.Close() // only read
	about, err := f.Stat()
	if err != nil {
		return o, err
	}
	o.size = uint64(about.Size())
	zr, err := gzip.NewReader(f)
	if err != nil {
		return o, err
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		return o, err
	}
	for line := range strings.Lines(string(text)) {
		o.lines = append(o.lines, strings.TrimSuffix(line, "\n"))
	}
	return o, nil
}

func total(objects []object) (n, lines app.Amount) {
	for _, o := range objects {
		n.Count++
		n.Bytes += o.size
		for _, l := range o.lines {
			lines.Count++
			lines.Bytes += uint64(len(l))
		}
	}
	return n, lines
}

func (q *quickstart) print(objects []object) {
	s := q.app.Summary()
	out := q.process.stdout
	inFolder, lines := total(objects)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(stage string, a app.Amount, note string) {
		fmt.Fprintf(table, "%s\t%d\t%d\t  %s\n", stage, a.Count, a.Bytes, note)
	}
	fmt.Fprintln(table, "stage\tevents\tbytes\t")
	row("sent", app.Amount{Count: uint64(q.sent.Events), Bytes: uint64(q.sent.Bytes)}, "acknowledged to the client")
	row("durable", s.Stored, "in the log")
	row("matched", s.Matched, fmt.Sprintf("%d lines of the file contain %s", q.expected.Count, quickPattern))
	row("delivered", s.Delivered, "committed by the delivery stream")
	row("read back", lines, "lines in the objects")
	row("objects", inFolder, "files, compressed")
	table.Flush()
	if len(objects) == 0 {
		return
	}
	first := objects[0]
	fmt.Fprintf(out, "\nfirst object: %s, %d lines\n", first.key, len(first.lines))
	for _, l := range first.lines[:min(2, len(first.lines))] {
		fmt.Fprintf(out, "  %.150s...\n", l)
	}
	fmt.Fprintf(out, "\nlook at it with your own tools:\n  aws logs get-log-events --endpoint-url http://%s --region us-east-1 --no-sign-request \\\n    --log-group-name %s --log-stream-name %s --limit 5\n", q.data, quickGroup, quickStream)
	fmt.Fprintf(out, "  zcat %s | head -2\n", filepath.Join(q.bucket(), first.key))
	fmt.Fprintf(out, "  duckdb -c \"select service, count(*) as errors from read_json('%s/*/*/*/*/*.gz', format='newline_delimited') group by 1 order by 2 desc\"\n", q.bucket())
}

// check compares every count with the one before it.
func (q *quickstart) check(objects []object) error {
	s := q.app.Summary()
	inFolder, lines := total(objects)
	var errs []error
	f := func(what string, got, want uint64) {
		if got != want {
			errs = append(errs, fmt.Errorf("%s: %d, expected %d", what, got, want))
		}
	}
	f("events sent", uint64(q.sent.Events), uint64(q.command.Events))
	f("events received", s.Received, uint64(q.sent.Events))
	f("events durable", s.Stored.Count+s.Rejected, s.Received)
	f("events matched", s.Matched.Count, q.expected.Count)
	f("bytes matched", s.Matched.Bytes, q.expected.Bytes)
	f("events delivered", s.Delivered.Count, s.Matched.Count)
	f("lines in the objects", lines.Count, s.Delivered.Count)
	f("bytes of the lines", lines.Bytes, s.Delivered.Bytes)
	f("objects", inFolder.Count, s.Objects.Count)
	f("bytes of the objects", inFolder.Bytes, s.Objects.Bytes)
	for _, o := range objects {
		for _, l := range o.lines {
			if !strings.Contains(l, quickPattern) {
				errs = append(errs, fmt.Errorf("%s holds a line that does not match: %.100q", o.key, l))
			}
		}
	}
	return errors.Join(errs...)
}
