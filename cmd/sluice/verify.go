package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"sluice/internal/objput"
	"sluice/internal/verify"
	"sluice/internal/vfs"
)

type verifyCommand struct {
	Target string `arg:"" name:"bucket" help:"BUCKET, BUCKET/PREFIX, s3://BUCKET/PREFIX, or folder:DIR for a bucket that is a folder."`

	S3       string `name:"s3" default:"folder:sluice-data/s3" placeholder:"STORE" help:"Where the bucket is: folder:DIR, aws or http(s)://ENDPOINT (${default})."`
	Deep     bool   `help:"Read, decode and hash every object."`
	Parallel int    `default:"8" placeholder:"N" help:"Objects looked at at a time, 1 to 256 (${default})."`
	Output   string `short:"o" enum:"text,json" default:"text" help:"Form of the result: text or json."`
}

func (*verifyCommand) Help() string {
	return `Walks the manifests under _sluice/commit/ and proves that each follows the one before by
its hash, that no position is missing and none is delivered twice, that every object is there
with the size, the number of records and the hash that its manifest says, and that no object
lies there which its chain does not know. With --deep it reads every object, decodes it and
hashes its records again. It only reads, and may run beside the server. Export tasks that have
completed are proved the same way by their manifests under _sluice/export/.

It does not prove that the newest cuts are there if somebody removed their manifests and
objects together, nor anything against somebody who can write both the bucket and the data
folder: note the head that it prints for each chain elsewhere, and compare. It does not know
what clients sent; the counters of ingestion do. Objects that sluice did not put are counted
as foreign, and those of a cut that has no manifest yet as in flight. A bucket without any manifest is a finding.

Examples:

    sluice verify lake
    sluice verify lake/year=2026/month=02 --deep
    sluice verify s3://lake --s3 aws -o json
    sluice verify lake --s3 http://127.0.0.1:9000
    sluice verify folder:./sluice-data/s3/lake

Exit codes: 0 complete, 1 findings or failed, 2 wrong command line, or no such bucket.`
}

// Validate is called by the parser.
func (c *verifyCommand) Validate() error {
	if c.Parallel < 1 || c.Parallel > 256 {
		return fmt.Errorf("--parallel is %d: give 1 to 256", c.Parallel)
	}
	if _, bucket, _ := c.place(); bucket == "" {
		return fmt.Errorf("%q names no bucket", c.Target)
	}
	return nil
}

// place is the store, the bucket and the prefix that the target names.
func (c *verifyCommand) place() (store, bucket, prefix string) {
	if dir, ok := strings.CutPrefix(c.Target, "folder:"); ok {
		if dir == "" {
			return "", "", ""
		}
		dir, err := filepath.Abs(dir)
		if err != nil {
			return "", "", ""
		}
		return "folder:" + filepath.Dir(dir), filepath.Base(dir), ""
	}
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(c.Target, "s3://"), "/")
	return c.S3, bucket, prefix
}

func (c *verifyCommand) Run(p *process) error {
	ctx, stop := interruptible()
	defer stop()
	where, bucket, prefix := c.place()
	store, err := openToRead(ctx, where)
	if err != nil {
		return usage(err)
	}
	if closer, ok := store.(io.Closer); ok {
		defer closer.Close() // only read
	}
	var manifests, objects atomic.Int64
	done := every(5*time.Second, func() {
		fmt.Fprintf(p.stderr, "%d manifests, %d objects\n", manifests.Load(), objects.Load())
	}, func() {})
	report, err := verify.Run(ctx, verify.Config{
		Store: store, Bucket: bucket, Prefix: prefix, Deep: c.Deep, Parallel: c.Parallel,
		Progress: func(at verify.Progress) {
			manifests.Store(at.Manifests)
			objects.Store(at.Objects)
		},
	})
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, verify.ErrNoBucket):
		return usage(noBucket(c.Target, where, bucket))
	case err != nil:
		return err
	}
	if err := printReport(p.stdout, &report, c.Output); err != nil {
		return err
	}
	if !report.Complete {
		return &exitError{code: exitFailed} // the report says why
	}
	return nil
}

// noBucket says what may have been meant.
func noBucket(target, where, bucket string) error {
	if about, statErr := os.Stat(target); statErr == nil && about.IsDir() {
		return fmt.Errorf("there is no bucket %s in %s; for a bucket that is a folder give folder:%s", bucket, where, target)
	}
	return fmt.Errorf("there is no bucket %s in %s; --s3 says where buckets are", bucket, where)
}

// openToRead opens a store beside a server that may be putting into it.
func openToRead(ctx context.Context, where string) (verify.Store, error) {
	if dir, ok := strings.CutPrefix(where, "folder:"); ok {
		return objput.ViewFolder(vfs.OS, dir), nil
	}
	store, err := objput.Open(ctx, where, vfs.OS, objput.S3Config{})
	if err != nil {
		return nil, err
	}
	return store.(verify.Store), nil
}

func printReport(w io.Writer, r *verify.Report, form string) error {
	if form == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Chains) > 0 {
		fmt.Fprintln(table, "DELIVERY STREAM\tLANE\tCUTS\tRECORDS\tOBJECTS\tBYTES\tPOSITION\tHEAD")
	}
	for _, c := range r.Chains {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", cmp.Or(c.Stream, c.Folder), c.Lane, c.Cuts, c.Records, c.Objects, c.Bytes, c.Position, c.Head)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := printExports(w, r.Exports); err != nil {
		return err
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s: %s: %s\n", f.Kind, f.Key, f.Detail)
	}
	verdict := "complete"
	if !r.Complete {
		verdict = "not complete: " + count(int64(len(r.Findings)), "finding")
	}
	_, err := fmt.Fprintf(w, "%s; %s in flight, %d foreign\n", verdict, count(r.InFlight, "object"), r.Foreign)
	return err
}

// count is a number with its noun.
func count(n int64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ch"):
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func printExports(w io.Writer, exports []verify.Export) error {
	if len(exports) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EXPORT TASK\tLOG GROUP\tRECORDS\tOBJECTS\tBYTES\tHEAD")
	for _, e := range exports {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%s\n", e.TaskID, e.LogGroup, e.Records, e.Objects, e.Bytes, e.Head)
	}
	return table.Flush()
}
