package grep

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"sluice/filter/pattern"
)

// Form is how lines are printed.
type Form uint8

const (
	Text Form = iota // as they are, with what grep would put before them
	JSON             // one object a line
)

// Config says what to select and what to print of it.
type Config struct {
	// Patterns select lines: one of them must match. Required.
	Patterns []*pattern.Pattern
	// Invert selects the lines that no pattern matches instead.
	Invert bool
	// Limit ends each input after so many selected lines. Default 0: no limit.
	Limit int64

	// Form of what is printed. Default Text.
	Form Form
	// Count prints the number of selected lines of each input, and no lines.
	Count bool
	// Explain prints every line, selected or not, and what each condition of each
	// pattern came to.
	Explain bool
	// Names and Numbers print the name of the input and the number of the line;
	// JSON has both always.
	Names, Numbers bool
	// Color marks matches, names and numbers for a terminal; Text only.
	Color bool
	// Prompt passes the lines of each block on at once.
	Prompt bool

	// MaxLine is the length of a line, in bytes, above which it is left out, and
	// Long is told the name of the input and the offset of the line there.
	// Default 16 MiB.
	MaxLine int
	Long    func(name string, offset int64)
	// BlockBytes is how much is read at once. Default 256 KiB: it and what is
	// printed of it stay in a core's second-level cache.
	BlockBytes int
	// Workers is how many blocks are worked on at a time. Default: one where
	// reading costs more than searching, else one for each processor.
	Workers int
}

const (
	defaultMaxLine    = 16 << 20
	defaultBlockBytes = 256 << 10
	outputBytes       = 64 << 10
)

// Search is a prepared search. It takes one input at a time.
type Search struct {
	cfg   Config
	set   *pattern.Set
	index func([]byte) int // of the only pattern's literal, if it has one
	exact bool             // a line with the literal is a match
	plain bool             // lines are printed as they are, so that runs of lines can be

	quoted  [][]byte // the patterns' texts in JSON
	marks   []highlighter
	workers []*worker
	out     *bufio.Writer
}

// OutputError says that the output takes no more.
type OutputError struct{ Err error }

func (e *OutputError) Error() string { return "write output: " + e.Err.Error() }

func (e *OutputError) Unwrap() error { return e.Err }

// New prepares a search that prints to out.
func New(cfg Config, out io.Writer) (*Search, error) {
	if len(cfg.Patterns) == 0 {
		return nil, errors.New("prepare search: no pattern")
	}
	if cfg.MaxLine <= 0 {
		cfg.MaxLine = defaultMaxLine
	}
	if cfg.BlockBytes <= 0 {
		cfg.BlockBytes = defaultBlockBytes
	}
	if cfg.Long == nil {
		cfg.Long = func(string, int64) {}
	}
	s := &Search{cfg: cfg, set: pattern.NewSet(cfg.Patterns...), out: bufio.NewWriterSize(out, outputBytes)}
	if len(cfg.Patterns) == 1 {
		s.index, s.exact = cfg.Patterns[0].Required()
	}
	s.plain = cfg.Form == Text && !cfg.Count && !cfg.Explain && !cfg.Names && !cfg.Numbers && !cfg.Color && cfg.Limit == 0
	for _, p := range cfg.Patterns {
		s.quoted = append(s.quoted, appendString(nil, p.String()))
		s.marks = append(s.marks, newHighlighter(p))
	}
	for range s.parallel() {
		s.workers = append(s.workers, newWorker(s))
	}
	return s, nil
}

// parallel is the number of workers. A limit needs one: it is a state that runs
// through the lines in their order.
func (s *Search) parallel() int {
	switch {
	case s.cfg.Limit > 0:
		return 1
	case s.cfg.Workers > 0:
		return s.cfg.Workers
	case s.index != nil && (s.plain || s.cfg.Count):
		return 1 // see BenchmarkFilter: a second one burns a third more of the processor
	}
	return runtime.GOMAXPROCS(0)
}

// Flush passes on what was printed so far. The error is an *OutputError.
func (s *Search) Flush() error {
	if err := s.out.Flush(); err != nil {
		return &OutputError{err}
	}
	return nil
}

// File searches one input to its end, or to the limit, and returns how many
// lines were selected. After an *OutputError there is no sense in another call;
// other errors are about this input.
func (s *Search) File(name string, r io.Reader) (selected int64, err error) {
	plain, compressed, done, err := decompress(r)
	if err != nil {
		return 0, err
	}
	defer done()
	in := newInput(s, name, plain, compressed)
	in.run()
	if err := in.printCount(); err != nil {
		return in.selected, err
	}
	return in.selected, in.err
}

// input is one input while it is searched.
type input struct {
	s      *Search
	name   string
	prefix []byte // what JSON begins with

	turn    sync.Mutex // the read turn; guards what follows
	blocks  blocks
	started int
	last    chan struct{} // gets the write turn from the block read last

	ended atomic.Bool // no further block is to be read
	wg    sync.WaitGroup

	// These belong to the write turn.
	selected int64
	err      error
}

func newInput(s *Search, name string, r io.Reader, fill bool) *input {
	in := &input{s: s, name: name, last: make(chan struct{}, 1)}
	in.last <- struct{}{}
	in.prefix = append(appendString([]byte(`{"file":`), name), `,"line":`...)
	in.blocks = blocks{
		r: r, size: s.cfg.BlockBytes, maxLine: s.cfg.MaxLine, fill: fill,
		count: s.cfg.Numbers || s.cfg.Form == JSON || s.cfg.Explain,
		long:  func(offset int64) { s.cfg.Long(name, offset) },
	}
	return in
}

// run works on the input until it is done with.
func (in *input) run() {
	in.started = 1
	in.s.workers[0].run(in)
	in.wg.Wait()
	if err := in.blocks.err; in.err == nil && err != nil && err != io.EOF {
		in.err = err
	}
}

// take gives w the next block, and starts one more worker while there may be
// another block.
func (in *input) take(w *worker) bool {
	in.turn.Lock()
	defer in.turn.Unlock()
	if in.ended.Load() || in.blocks.next(&w.block) != nil {
		in.ended.Store(true)
		return false
	}
	// Of this block only: the worker may have the next block, too.
	w.done = make(chan struct{}, 1)
	w.before, in.last = in.last, w.done
	if in.blocks.err == nil && in.started < len(in.s.workers) {
		more := in.s.workers[in.started]
		in.started++
		in.wg.Go(func() { more.run(in) })
	}
	return true
}

// printCount prints the number of selected lines if that is what was asked for.
func (in *input) printCount() error {
	s := in.s
	if !s.cfg.Count || in.err != nil {
		return nil
	}
	var line []byte
	if s.cfg.Form == JSON {
		line = append(appendString([]byte(`{"file":`), in.name), `,"count":`...)
		line = append(strconv.AppendInt(line, in.selected, 10), '}')
	} else {
		line = strconv.AppendInt(s.appendName(nil, in.name), in.selected, 10)
	}
	if _, err := s.out.Write(append(line, '\n')); err != nil {
		return &OutputError{err}
	}
	return nil
}
