package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// Client is what ship needs of the AWS SDK's client.
type Client interface {
	PutLogEvents(context.Context, *cloudwatchlogs.PutLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.PutLogEventsOutput, error)
}

// Config says where lines go and how they are cut.
type Config struct {
	LogGroupName string
	// LogStreamNames has one log stream for each request under way at a time.
	LogStreamNames []string
	Limits         Limits
	// Stamp and Now are the Cutter's.
	Stamp func(line []byte) (ms int64, ok bool)
	Now   func() int64
	// Linger bounds how long a line waits for its batch to fill. Default 1 s.
	Linger time.Duration
}

// Input is one thing to read.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Rejected counts events that the service took and did not keep, because of
// their timestamps.
type Rejected struct {
	TooOld  int64 `json:"too_old"`
	Expired int64 `json:"expired"`
	TooNew  int64 `json:"too_new"`
}

// Total is all of them.
func (r Rejected) Total() int64 { return r.TooOld + r.Expired + r.TooNew }

// Report is what became of the lines. After an error it holds what was answered
// before it.
type Report struct {
	Events   int64    `json:"events"`   // answered, rejected ones included
	Bytes    int64    `json:"bytes"`    // of their messages
	Requests int64    `json:"requests"` // answered
	Rejected Rejected `json:"rejected"`
	Lines    Lines    `json:"lines"`
}

// Progress is a look at a Shipper from another goroutine.
type Progress struct {
	Read, Events, Bytes, Requests int64
}

// Shipper sends lines. Make one with New for each Run.
type Shipper struct {
	cfg    Config
	client Client

	empty chan *Batch
	full  chan *Batch

	read, events, bytes, requests atomic.Int64
	tooOld, expired, tooNew       atomic.Int64
}

// New makes a Shipper that has not started yet.
func New(cfg Config, client Client) *Shipper {
	if cfg.Linger <= 0 {
		cfg.Linger = time.Second
	}
	senders := len(cfg.LogStreamNames)
	s := &Shipper{
		cfg:    cfg,
		client: client,
		empty:  make(chan *Batch, senders+1),
		full:   make(chan *Batch),
	}
	for range senders + 1 {
		s.empty <- &Batch{sorted: true}
	}
	return s
}

// Progress may be called while Run is under way.
func (s *Shipper) Progress() Progress {
	return Progress{s.read.Load(), s.events.Load(), s.bytes.Load(), s.requests.Load()}
}

// Run ships all inputs, one after the other, and returns when everything was
// answered, or with the first error. It does not wait for a Read that is under
// way then, which may be one of a terminal.
func (s *Shipper) Run(ctx context.Context, inputs []Input) (Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var senders sync.WaitGroup
	for _, stream := range s.cfg.LogStreamNames {
		senders.Go(func() {
			if err := s.send(ctx, stream); err != nil {
				cancel(err)
			}
		})
	}
	chunks := make(chan chunk)
	go s.readAll(ctx, inputs, chunks)
	lines, err := s.cut(ctx, chunks)
	close(s.full)
	senders.Wait() // also after a Read that failed: what came before it is sent
	if cause := context.Cause(ctx); cause != nil {
		return s.report(lines), cause
	}
	return s.report(lines), err
}

func (s *Shipper) report(lines Lines) Report {
	return Report{
		Events:   s.events.Load(),
		Bytes:    s.bytes.Load(),
		Requests: s.requests.Load(),
		Rejected: Rejected{TooOld: s.tooOld.Load(), Expired: s.expired.Load(), TooNew: s.tooNew.Load()},
		Lines:    lines,
	}
}

// chunk is a piece of an input, its end, or the error that ended it.
type chunk struct {
	text []byte
	end  bool
	err  error
}

const chunkBytes = 64 << 10

// readAll owns the inputs. Two buffers take turns: the cutter is done with one
// when it receives the next.
func (s *Shipper) readAll(ctx context.Context, inputs []Input, out chan<- chunk) {
	defer close(out)
	send := func(c chunk) bool {
		select {
		case out <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var buffers [2][]byte
	for i := range buffers {
		buffers[i] = make([]byte, chunkBytes)
	}
	turn := 0
	for _, input := range inputs {
		err := readInput(input, func(r io.Reader) (bool, error) {
			n, err := r.Read(buffers[turn])
			if n == 0 {
				return true, err
			}
			s.read.Add(int64(n))
			text := buffers[turn][:n]
			turn = 1 - turn
			return send(chunk{text: text}), err
		})
		if !send(chunk{end: true, err: err}) || err != nil {
			return
		}
	}
}

func readInput(input Input, step func(io.Reader) (more bool, err error)) error {
	r, err := input.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		more, err := step(r)
		switch {
		case errors.Is(err, io.EOF) || !more:
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", input.Name, err)
		}
	}
}

// cut makes batches of chunks until there are no more. A batch that is begun
// leaves after Linger although it is not full, so that what trickles in through
// a pipe is shipped too.
func (s *Shipper) cut(ctx context.Context, chunks <-chan chunk) (Lines, error) {
	cutter := &Cutter{
		Limits: s.cfg.Limits,
		Stamp:  s.cfg.Stamp,
		Now:    s.cfg.Now,
		Empty:  func() (*Batch, error) { return receive(ctx, s.empty) },
		Full:   func(b *Batch) error { return deliver(ctx, s.full, b) },
	}
	linger := time.NewTimer(s.cfg.Linger)
	linger.Stop()
	for {
		var err error
		pending := cutter.Pending()
		select {
		case <-ctx.Done():
			return cutter.Lines, nil // Run knows why
		case <-linger.C:
			err = cutter.Flush()
		case c, more := <-chunks:
			if !more || c.err != nil {
				return cutter.Lines, errors.Join(c.err, cutter.EndOfInput(), cutter.Flush())
			}
			err = take(cutter, c)
		}
		if err != nil {
			return cutter.Lines, err
		}
		switch {
		case !cutter.Pending():
			linger.Stop()
		case !pending:
			linger.Reset(s.cfg.Linger)
		}
	}
}

func take(cutter *Cutter, c chunk) error {
	if c.end {
		return cutter.EndOfInput()
	}
	_, err := cutter.Write(c.text)
	return err
}

// errStopped ends the cutting when a sender failed or the caller gave up; Run
// returns the reason instead.
var errStopped = errors.New("stopped")

func receive(ctx context.Context, from <-chan *Batch) (*Batch, error) {
	select {
	case b := <-from:
		return b, nil
	case <-ctx.Done():
		return nil, errStopped
	}
}

func deliver(ctx context.Context, to chan<- *Batch, b *Batch) error {
	select {
	case to <- b:
		return nil
	case <-ctx.Done():
		return errStopped
	}
}

// send puts batches into one log stream, one after the other.
func (s *Shipper) send(ctx context.Context, stream string) error {
	for batch := range s.full {
		answer, err := s.client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
			LogGroupName:  &s.cfg.LogGroupName,
			LogStreamName: &stream,
			LogEvents:     batch.Events(),
		})
		if err != nil {
			return fmt.Errorf("put log events: %w", err)
		}
		s.count(batch, answer)
		batch.Reset()
		s.empty <- batch // has room for every batch there is
	}
	return nil
}

// count reads the indexes of rejectedLogEventsInfo: two prefixes that overlap,
// and a suffix.
func (s *Shipper) count(batch *Batch, answer *cloudwatchlogs.PutLogEventsOutput) {
	s.requests.Add(1)
	s.events.Add(int64(batch.Len()))
	s.bytes.Add(int64(batch.MessageBytes()))
	rejected := answer.RejectedLogEventsInfo
	if rejected == nil {
		return
	}
	var tooOld int64
	if end := rejected.TooOldLogEventEndIndex; end != nil {
		tooOld = int64(*end)
		s.tooOld.Add(tooOld)
	}
	if end := rejected.ExpiredLogEventEndIndex; end != nil {
		s.expired.Add(max(0, int64(*end)-tooOld))
	}
	if start := rejected.TooNewLogEventStartIndex; start != nil {
		s.tooNew.Add(int64(batch.Len()) - int64(*start))
	}
}
