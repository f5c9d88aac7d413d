package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sluice/filter/pattern"
	"sluice/ingest/bulk"
	"sluice/ingest/putlogevents"
	"sluice/internal/compact"
	"sluice/internal/event"
	"sluice/internal/format"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

// rounds of each stage over all bodies, so that the clock's steps do not count.
const rounds = 4

// stages measures each step alone, in this process.
type stages struct {
	dir     string
	load    *load
	bytes   float64 // of messages in all bodies
	batches []event.Batch
	found   []Stage
}

// measureStages measures what o.Paths are made of.
func measureStages(ctx context.Context, o Options, dir string, l *load) ([]Stage, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &stages{dir: dir, load: l, bytes: float64(l.first(len(l.requests)).bytes())}
	steps := []func() error{s.http, s.hash, s.decodePut, s.decodeLines, s.decodeOTLP}
	if o.any(func(w way) bool { return w.ingest == "kafka" }) {
		steps = append(steps, func() error { return s.fetch(ctx, o) })
	}
	steps = append(steps, s.log, s.compaction, s.filters, s.objects)
	if o.any(func(w way) bool { return w.s3 }) {
		steps = append(steps, func() error { return s.putS3(ctx, o) })
	}
	for _, measure := range steps {
		if err := measure(); err != nil {
			return nil, err
		}
	}
	return s.found, nil
}

// timed notes the CPU time of f, which goes over all bodies once.
func (s *stages) timed(name string, share float64, f func() error) error {
	if err := f(); err != nil { // warm
		return fmt.Errorf("%s: %w", name, err)
	}
	before := ownCPU()
	for range rounds {
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	took := float64(ownCPU()-before) / rounds * share
	s.found = append(s.found, Stage{name, took / s.bytes})
	return nil
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// http takes bodies in with net/http and nothing behind it, each into memory for
// all of it, which is used again. Client and server are one process here: half of
// it counts.
func (s *stages) http() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var body []byte // of one connection
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body = slices.Grow(body[:0], int(r.ContentLength))[:r.ContentLength]
		if _, err := io.ReadFull(r.Body, body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
	go srv.Serve(l)
	defer srv.Close()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	return s.timed("http", 0.5, func() error {
		for _, r := range s.load.requests {
			resp, err := client.Post("http://"+l.Addr().String(), "", bytes.NewReader(r.put))
			if err != nil {
				return err
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("a body was not taken in: %s", resp.Status)
			}
		}
		return nil
	})
}

func (s *stages) hash() error {
	return s.timed("sha256", 1, func() error {
		for _, r := range s.load.requests {
			sha256.Sum256(r.put)
		}
		return nil
	})
}

func decode(b *event.Builder, body []byte) (event.Batch, error) {
	var req putlogevents.Request
	if err := putlogevents.Decode(body, b, &req); err != nil {
		return event.Batch{}, err
	}
	return b.Seal(event.Header{GroupUID: 1, StreamUID: 1, Ingested: 1}, event.Source{LogGroup: group(0), LogStream: logStream})
}

func (s *stages) decodePut() error {
	for _, r := range s.load.requests {
		b, err := decode(event.GetBuilder(len(r.put)), r.put)
		if err != nil {
			return err
		}
		s.batches = append(s.batches, b)
	}
	b := event.GetBuilder(4 << 20)
	defer b.Release()
	return s.timed("decode PutLogEvents", 1, func() error {
		for _, r := range s.load.requests {
			if _, err := decode(b, r.put); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *stages) decodeLines() error {
	var in bulk.Reader
	var arenas [][]byte
	for _, r := range s.load.requests {
		arena := make([]byte, event.HeaderBytes+len(r.lines), event.HeaderBytes+len(r.lines)+r.events*8+1<<10)
		copy(arena[event.HeaderBytes:], r.lines)
		arenas = append(arenas, arena)
	}
	return s.timed("decode NDJSON", 1, func() error {
		for i, r := range s.load.requests {
			if err := decodeInPlace(&in, arenas[i], r.events); err != nil {
				return err
			}
		}
		return nil
	})
}

// decodeInPlace makes a batch of lines where they lie, which leaves them as they
// are.
func decodeInPlace(in *bulk.Reader, arena []byte, events int) error {
	b := event.BuilderOver(arena, event.HeaderBytes)
	defer b.Release()
	for in.Reset(arena[event.HeaderBytes:], bulk.Lines); in.Next(); {
		if err := b.Append(in.Timestamp, in.Message); err != nil {
			return err
		}
	}
	if in.Err() != nil || b.Len() != events {
		return errors.Join(in.Err(), fmt.Errorf("%d events of %d", b.Len(), events))
	}
	_, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{})
	return err
}

func (s *stages) log() error {
	st, err := store.Open(vfs.OS, store.Config{Dir: filepath.Join(s.dir, "wal"), TailBytes: 8 << 20})
	if err != nil {
		return err
	}
	err = s.timed("log", 1, func() error {
		for _, b := range s.batches {
			if _, err := st.Append(context.Background(), b); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, st.Close())
}

// compaction writes the batches into a compacted file, as the store does later.
func (s *stages) compaction() error {
	path := filepath.Join(s.dir, "compacted")
	return s.timed("compaction", 1, func() error {
		w, err := compact.Create(vfs.OS, path, 0, compact.Options{NGrams: true})
		if err != nil {
			return err
		}
		for i, b := range s.batches {
			if err := w.Batch(uint64(i+1), b); err != nil {
				w.Discard()
				return err
			}
		}
		_, err = w.Finish(1, uint64(len(s.batches)))
		return err
	})
}

// filters matches the patterns of the paths.
func (s *stages) filters() error {
	for _, f := range []struct{ keep, text string }{{"all", ""}, {"errors", errorPattern}} {
		p, err := pattern.Compile(f.text)
		if err != nil {
			return err
		}
		set, matches := pattern.NewSet(p), new(pattern.Matches)
		var ends []uint32
		err = s.timed("filter "+f.keep, 1, func() error {
			for _, b := range s.batches {
				ends = b.AppendEnds(ends[:0])
				set.Match(pattern.Batch{Text: b.Text(), Ends: ends}, matches)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// objects are the bare codecs over what each filter keeps, written to a file.
func (s *stages) objects() error {
	wanted, err := pattern.Compile(errorPattern)
	if err != nil {
		return err
	}
	table, err := format.NewParquet(format.ParquetConfig{})
	if err != nil {
		return err
	}
	for _, keep := range keeps {
		selected := make([]event.Selection, len(s.batches))
		if keep == "errors" {
			for i, b := range s.batches {
				selected[i] = event.Selection(wanted.MatchBatch(pattern.Batch{Text: b.Text(), Ends: b.AppendEnds(nil)}, []uint32{}))
			}
		}
		for _, name := range []string{"gzip", "zstd"} {
			c, err := format.CodecNamed(strings.ToUpper(name))
			if err != nil {
				return err
			}
			if err := s.timed(name+" "+keep, 1, func() error { return s.lines(c, selected) }); err != nil {
				return err
			}
		}
		if err := s.timed("parquet "+keep, 1, func() error { return s.table(table, selected) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *stages) lines(c *format.Codec, selected []event.Selection) error {
	w := c.NewWriter()
	defer w.Discard()
	for i, b := range s.batches {
		for lo, hi := range b.Runs(selected[i]) {
			w.Append(b.Lines(lo, hi), hi-lo)
		}
	}
	return s.put(w.Close())
}

func (s *stages) table(p *format.Parquet, selected []event.Selection) error {
	w := p.NewWriter()
	defer w.Discard()
	for i, b := range s.batches {
		w.Append(b, selected[i])
	}
	return s.put(w.Close())
}

// put writes an object the way a folder does.
func (s *stages) put(o format.Object, err error) error {
	if err != nil {
		return err
	}
	defer o.Release()
	f, err := os.Create(filepath.Join(s.dir, "object"))
	if err != nil {
		return err
	}
	_, err = o.WriteTo(f)
	return errors.Join(err, f.Sync(), f.Close())
}
