package replay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"sluice/internal/objput"
)

const (
	maxBatch      = 500 // records of PutRecordBatch
	maxBatchBytes = 3 << 20
)

// Putter puts records into a delivery stream: all of them, or an error.
type Putter interface {
	Put(ctx context.Context, records [][]byte) error
}

// Store is what is read.
type Store interface {
	objput.Store
	objput.Lister
}

// Config says what is replayed.
type Config struct {
	Store          Store
	Bucket, Prefix string
	Stream         string // for the notes
	Filter         Filter
	Again          bool // also what was replayed before
	DryRun         bool // nothing is put or noted
	Putter         Putter
	Journal        *Journal
}

// Report is what a run did.
type Report struct {
	Objects  int64 `json:"objects"`  // replayed, or to be in a dry run
	Before   int64 `json:"before"`   // replayed by earlier runs
	Records  int64 `json:"records"`  // put
	Filtered int64 `json:"filtered"` // not wanted
	Bad      int64 `json:"bad"`      // lines that are no error records
}

// Run replays the objects below a prefix, in the order of their keys.
func Run(ctx context.Context, cfg Config) (Report, error) {
	r := &run{Config: cfg}
	err := cfg.Store.List(ctx, cfg.Bucket, cfg.Prefix, func(l objput.Listed) error {
		if strings.HasPrefix(l.Key, "_sluice/") {
			return nil
		}
		return r.object(ctx, l.Key)
	})
	if err != nil {
		return r.report, fmt.Errorf("replay: %w", err)
	}
	return r.report, nil
}

type run struct {
	Config
	report Report
	note   note
	batch  [][]byte
	bytes  int
}

func (r *run) object(ctx context.Context, key string) error {
	filter := fmt.Sprint(r.Filter.Since.UnixMilli(), r.Filter.Until.UnixMilli(), r.Filter.Codes)
	r.note = note{Stream: r.Stream, Filter: filter, Bucket: r.Bucket, Key: key}
	if r.Journal != nil && !r.Again {
		if before, ok := r.Journal.notes[r.note.id()]; ok {
			if before.Done {
				r.report.Before++
				return nil
			}
			r.note = before
		}
	}
	body, err := r.Store.Get(ctx, r.Bucket, key)
	if err != nil {
		return err
	}
	defer body.Close() // only read
	if err := r.lines(ctx, bufio.NewReaderSize(body, 1<<20)); err != nil {
		return fmt.Errorf("object %s: %w", key, err)
	}
	r.report.Objects++
	return nil
}

func (r *run) lines(ctx context.Context, from *bufio.Reader) error {
	done := r.note.Lines
	for at := int64(0); ; at++ {
		line, err := from.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return r.flush(ctx, at, true)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if at < done {
			continue
		}
		record, err := parse(line)
		switch {
		case err != nil:
			r.report.Bad++
			continue
		case !r.Filter.wants(&record):
			r.report.Filtered++
			continue
		}
		if len(r.batch) == maxBatch || len(r.batch) > 0 && r.bytes+len(*record.RawData) > maxBatchBytes {
			if err := r.flush(ctx, at, false); err != nil {
				return err
			}
		}
		r.batch = append(r.batch, *record.RawData)
		r.bytes += len(*record.RawData)
	}
}

// flush puts the batch and notes that the lines before at are done.
func (r *run) flush(ctx context.Context, at int64, done bool) error {
	n := int64(len(r.batch))
	if !r.DryRun {
		if n > 0 {
			if err := r.Putter.Put(ctx, r.batch); err != nil {
				return err
			}
		}
		r.note.Lines, r.note.Done = at, done
		if err := r.Journal.write(r.note); err != nil {
			return err
		}
	}
	r.report.Records += n
	r.batch, r.bytes = r.batch[:0], 0
	return nil
}
