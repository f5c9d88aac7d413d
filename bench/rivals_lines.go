package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/bench/corpus"
	"sluice/filter/pattern"
)

// input is what all contestants read: a file of JSON lines, and the same lines as
// requests.
type input struct {
	file          string
	bytes, events int64
	load          *load
}

func newInput(dir string, o Options) (*input, error) {
	in := &input{file: filepath.Join(dir, "input.ndjson"), load: &load{}}
	f, err := os.Create(in.file)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	wanted, err := pattern.Compile(errorPattern)
	if err != nil {
		return nil, err
	}
	g := corpus.New(o.Corpus, 1, time.Now())
	for in.bytes < o.Bytes {
		r := makeRequest(g, o.BodyBytes, wanted)
		if _, err := w.Write(r.lines); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		in.bytes, in.events = in.bytes+int64(len(r.lines)), in.events+int64(r.events)
		r.put, r.putHash, r.records = nil, "", nil // made when they are needed: all of the input is held here
		in.load.requests = append(in.load.requests, r)
	}
	in.load.sends = len(in.load.requests)
	return in, errors.Join(w.Flush(), f.Sync(), f.Close()) // contestants find it in the page cache
}

// count is the number of lines that are to be kept.
func (in *input) count(keep func(line []byte) bool) (n int64, err error) {
	if keep == nil {
		return in.events, nil
	}
	for i := range in.load.requests {
		for line := range bytes.Lines(in.load.requests[i].lines) {
			if keep(line) {
				n++
			}
		}
	}
	return n, nil
}

// hasError is what grep's answer is to the term.
func hasError(line []byte) bool { return bytes.Contains(line, []byte(errorPattern)) }

// failedPost is what jq's answer is to the JSON condition.
func failedPost(line []byte) bool {
	var e struct {
		Status float64
		Method string
	}
	return json.Unmarshal(line, &e) == nil && e.Status >= 500 && e.Method == "POST"
}

// ledger counts lines, and refuses an event that it knows.
type ledger struct {
	kind  corpus.Kind
	lines int64
	known map[uint64]bool
}

func newLedger(kind corpus.Kind) *ledger { return &ledger{kind, 0, map[uint64]bool{}} }

func (l *ledger) add(line []byte) error {
	l.lines++
	seq, ok := corpus.Seq(l.kind, line)
	if !ok {
		return fmt.Errorf("line %d is no event: %.100q", l.lines, line)
	}
	if l.known[seq] {
		return fmt.Errorf("event %d came out twice", seq)
	}
	l.known[seq] = true
	return nil
}

func (l *ledger) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), 16<<20)
	for lines.Scan() {
		if err := l.add(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// linesOf counts the lines of a file.
func linesOf(kind corpus.Kind, path string) func() (lines, size int64, err error) {
	return func() (int64, int64, error) {
		seen := newLedger(kind)
		size, err := seen.file(path, "")
		return seen.lines, size, err
	}
}

// linesBelow counts the lines of all files of a folder, each with a codec, as a
// bucket has them.
func linesBelow(kind corpus.Kind, dir, codec string) func() (lines, size int64, err error) {
	return func() (lines, size int64, err error) {
		seen := newLedger(kind)
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != dir && (d.Name() == "_sluice" || d.Name()[0] == '.'):
				return filepath.SkipDir
			case d.IsDir():
				return nil
			}
			n, err := seen.file(path, codec)
			size += n
			return err
		})
		return seen.lines, size, err
	}
}

func (l *ledger) file(path, codec string) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	about, err := f.Stat()
	if err != nil {
		return 0, err
	}
	var in io.Reader = f
	switch codec {
	case "gzip":
		if in, err = gzip.NewReader(bufio.NewReader(f)); err != nil {
			return 0, err
		}
	case "zstd":
		z, err := zstd.NewReader(f)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		in = z
	}
	return about.Size(), l.read(in)
}

// linesOfOTLP counts the bodies in a file of OTLP as JSON.
func linesOfOTLP(kind corpus.Kind, path string) func() (lines, size int64, err error) {
	return func() (int64, int64, error) {
		f, err := os.Open(path)
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		about, err := f.Stat()
		if err != nil {
			return 0, 0, err
		}
		seen := newLedger(kind)
		for in := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)); ; {
			var all struct {
				ResourceLogs []struct {
					ScopeLogs []struct {
						LogRecords []struct{ Body struct{ StringValue string } }
					}
				}
			}
			if err := in.Decode(&all); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return seen.lines, about.Size(), nil // the last of a file that is still written
			} else if err != nil {
				return 0, 0, err
			}
			for _, r := range all.ResourceLogs {
				for _, s := range r.ScopeLogs {
					for _, record := range s.LogRecords {
						if err := seen.add([]byte(record.Body.StringValue)); err != nil {
							return 0, 0, err
						}
					}
				}
			}
		}
	}
}
