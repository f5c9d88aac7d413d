package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// measurePath runs one path on a fresh server.
func measurePath(ctx context.Context, o Options, dir, name string, l *load) (_ *Path, err error) {
	s, err := startServer(ctx, o, dir, name)
	if err != nil {
		return nil, err
	}
	running := true
	defer func() {
		if running {
			err = errors.Join(err, s.stop())
		}
	}()
	filters, err := parseMetricFilters(o.MetricFilters)
	if err == nil {
		err = s.putMetricFilters(ctx, filters)
	}
	if err != nil {
		return nil, err
	}
	ingest, format, keep := parts(name)
	p := &Path{Name: name, Requests: l.repeats * len(l.requests)}
	warm := warmUp(l)
	if err := newSender(s, ingest, o).run(ctx, warm, 1); err != nil {
		return nil, err
	}
	delivered := warm.count(keep)
	if err := s.awaitDelivery(ctx, delivered); err != nil {
		return nil, err
	}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	out := newSender(s, ingest, o)
	if err := out.run(ctx, l, o.Connections); err != nil {
		return nil, err
	}
	delivered += l.count(keep)
	if err := s.awaitDelivery(ctx, delivered); err != nil {
		return nil, err
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	p.WallSeconds, p.Ack = time.Since(began).Seconds(), out.latency()
	p.MessageBytes, p.Events, p.Selected = l.bytes(), l.count("all"), l.count(keep)
	p.CPUSeconds = (after.cpu - before.cpu).Seconds()
	p.CPUSecondsPerGB = p.CPUSeconds / (float64(p.MessageBytes) / 1e9)
	p.MBPerCPUSecond = float64(p.MessageBytes) / 1e6 / p.CPUSeconds
	p.PeakRSSBytes = after.rss
	p.WrittenPerByte = float64(after.written-before.written) / float64(p.MessageBytes)
	running = false
	if err := s.stop(); err != nil {
		return nil, fmt.Errorf("stop the server: %w: %s", err, s.said.String())
	}
	total, size, err := countObjects(filepath.Join(s.data, "s3", bucket), format)
	if err != nil {
		return nil, err
	}
	p.Delivered, p.ObjectBytes = total-warm.count(keep), size
	if p.Delivered != p.Selected {
		return nil, fmt.Errorf("%d events were selected and %d are in the objects", p.Selected, p.Delivered)
	}
	return p, os.RemoveAll(dir)
}

// warmUp is a few requests under other numbers.
func warmUp(l *load) *load {
	return &load{requests: l.requests[:min(4, len(l.requests))], repeats: 1}
}

func (l *load) bytes() (n int64) {
	for _, r := range l.requests {
		n += r.messages
	}
	return n * int64(l.repeats)
}

func (l *load) count(keep string) (n int64) {
	for _, r := range l.requests {
		if keep == "all" {
			n += int64(r.events)
		} else {
			n += int64(r.selected)
		}
	}
	return n * int64(l.repeats)
}

// countObjects counts the events in all objects of a bucket's folder.
func countObjects(dir, format string) (events, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), "_sluice") {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n, err := countEvents(path, format)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		events, size = events+n, size+info.Size()
		return nil
	})
	return events, size, err
}

func countEvents(path, format string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var in io.Reader
	switch format {
	case "parquet":
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		table, err := parquet.OpenFile(f, info.Size())
		if err != nil {
			return 0, err
		}
		return table.NumRows(), nil
	case "zstd":
		z, err := zstd.NewReader(f)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		in = z
	default:
		if in, err = gzip.NewReader(f); err != nil {
			return 0, err
		}
	}
	return countLines(in)
}

func countLines(in io.Reader) (n int64, err error) {
	r := bufio.NewReaderSize(in, 1<<20)
	for {
		_, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			n++
		case errors.Is(err, io.EOF):
			return n, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return n, err
		}
	}
}
