package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/cmd/sluice/internal/ship"
)

// Config says what is followed, and how.
type Config struct {
	// Patterns are paths, or path/filepath's patterns of them.
	Patterns []string
	// Exclude are patterns of whole paths or of names that are left alone.
	// Compressed files (.gz and the like) always are.
	Exclude []string
	// StateFolder is where the agent keeps what survives a crash.
	StateFolder string
	// LogGroupName is where all events go.
	LogGroupName string
	// StreamTemplate names a file's log stream: {hostname}, {file} (the name) and
	// {path} are filled in. Default {hostname}{path}.
	StreamTemplate string
	// Hostname is what {hostname} stands for. Default the machine's.
	Hostname string
	Shape    Shape
	// FromEnd skips what is in the files when the agent starts for the first time.
	FromEnd bool
	// Limits bound a batch. Default AWS's.
	Limits ship.Limits
	// Linger bounds how long an event waits for its batch to fill. Default 1 s.
	Linger time.Duration
	// Poll is the time between two looks at the files; after a while without news
	// it grows to four times that. Default 250 ms.
	Poll time.Duration
	// FlushTimeout is when text that ends no record is sent nevertheless. Default 5 s.
	FlushTimeout time.Duration
	// RotateWait is how long a file that the patterns do not find any more is
	// followed after its last growth. Default 10 s.
	RotateWait time.Duration
	// Hold is how long a copy of a followed file is left alone, waiting for the
	// original to be truncated. Default 5 s.
	Hold time.Duration
	// Grace bounds the flush when Run is asked to stop. Default 10 s.
	Grace time.Duration
	// Connections bounds the requests under way; each log stream has at most one.
	// Default 4.
	Connections int
	// Memory bounds the bytes of batches that wait. Default 64 MiB.
	Memory int
	// Once ends Run when everything is read and acknowledged, and makes an error
	// that waiting does not mend end it too.
	Once bool
	// Quarantine is a file that takes events which the service refused, as lines
	// of JSON; empty: they are counted only.
	Quarantine string
	Logger     *slog.Logger
}

// AWS's own limits, and what keeps the state small.
const (
	chunkBytes  = 256 << 10
	idleClose   = 10 * time.Minute // a descriptor without news is given back
	remembered  = 24 * time.Hour   // how long a file that is gone is still known
	poolBatches = 8
)

func (c Config) withDefaults() Config {
	c.StreamTemplate = cmp.Or(c.StreamTemplate, "{hostname}{path}")
	if c.Hostname == "" {
		c.Hostname, _ = os.Hostname()
	}
	c.Limits.Bytes = cmp.Or(c.Limits.Bytes, ship.MaxBatchBytes)
	c.Limits.Events = cmp.Or(c.Limits.Events, ship.MaxBatchEvents)
	c.Linger = cmp.Or(c.Linger, time.Second)
	c.Poll = cmp.Or(c.Poll, 250*time.Millisecond)
	c.FlushTimeout = cmp.Or(c.FlushTimeout, 5*time.Second)
	c.RotateWait = cmp.Or(c.RotateWait, 10*time.Second)
	c.Hold = cmp.Or(c.Hold, 5*time.Second)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	c.Connections = cmp.Or(c.Connections, 4)
	c.Memory = cmp.Or(c.Memory, 64<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Agent follows files. All of it but the counters belongs to the goroutine of
// Run; senders get a sealed batch and give it back through results.
type Agent struct {
	cfg    Config
	shape  *shape
	client Client
	log    *slog.Logger
	counts counters

	folder  *stateFolder
	files   map[FileID]*file
	order   []*file // in the order in which they were met
	held    map[FileID]hold
	streams map[string]*stream
	lanes   []*stream // the same, in the order in which they were met
	turn    int       // the lane that is asked first for a batch

	buffer   []byte
	pool     []*batch
	buffered int // bytes of bodies in batches
	inFlight int
	results  chan result
	senders  sync.WaitGroup

	first    bool // nothing was known when the agent started
	dirty    bool // the state file is behind
	saved    time.Time
	news     time.Time // when something was read last
	draining bool

	step func(name string) error // tests crash here; nil otherwise
}

// stream is one log stream: the batch that fills, and the one that waits for its
// answer. One at a time keeps the events in the order of their file.
type stream struct {
	name    string
	open    *batch
	full    bool     // open takes no more
	flight  *batch   // sent
	recover []*batch // of an agent that was killed; sent before anything else
	at      int64    // ms: the time of reading never steps back within a stream
}

// New checks the configuration. It starts nothing and touches no file.
func New(cfg Config, client Client) (*Agent, error) {
	cfg = cfg.withDefaults()
	compiled, err := cfg.Shape.compile()
	if err != nil {
		return nil, err
	}
	for _, pattern := range append(cfg.Patterns, cfg.Exclude...) {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("pattern %s: %w", pattern, err)
		}
	}
	return &Agent{
		cfg:     cfg,
		shape:   compiled,
		client:  client,
		log:     cfg.Logger,
		files:   make(map[FileID]*file),
		held:    make(map[FileID]hold),
		streams: make(map[string]*stream),
		buffer:  make([]byte, chunkBytes),
		results: make(chan result),
	}, nil
}

// Run follows the files until ctx ends, then sends what was read, at most for
// Grace, and returns nil: what is not acknowledged by then is sent by the next
// Run. It may be called once.
func (a *Agent) Run(ctx context.Context) error {
	folder, err := openStateFolder(a.cfg.StateFolder)
	if err != nil {
		return err
	}
	defer folder.close()
	folder.step = a.step
	a.folder = folder
	defer func() {
		for _, f := range a.order {
			f.close()
		}
	}()
	if err := a.restore(); err != nil {
		return err
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	err = a.loop(ctx, sending)
	stop()
	go func() { a.senders.Wait(); close(a.results) }()
	for range a.results { // answers that nobody waits for any more
	}
	if errors.Is(err, errCrash) {
		return err
	}
	return errors.Join(err, a.save())
}

// errCrash ends Run as if the process had been killed; only tests cause it.
var errCrash = errors.New("crash")

func (a *Agent) loop(ctx, sending context.Context) error {
	var deadline <-chan time.Time
	for nextScan := time.Now(); ; {
		now := time.Now()
		if !now.Before(nextScan) {
			if err := a.scan(now); err != nil {
				return err
			}
			nextScan = now.Add(a.pause(now))
		}
		busy, err := a.readAll(now)
		if err != nil {
			return err
		}
		if err := a.dispatch(sending, now); err != nil {
			return err
		}
		a.measure()
		if (a.draining || a.cfg.Once && len(a.held) == 0) && !busy && a.settled() {
			return nil
		}
		wait := time.Duration(0)
		if !busy {
			wait = min(a.pause(now), a.nextLinger(now))
		}
		stopped := ctx.Done()
		if a.draining {
			stopped = nil
		}
		timer := time.NewTimer(wait)
		select {
		case r := <-a.results:
			err = a.settle(r)
		case <-timer.C:
		case <-stopped:
			a.draining = true
			grace := time.NewTimer(a.cfg.Grace)
			defer grace.Stop()
			deadline = grace.C
			nextScan = now
		case <-deadline:
			a.log.Warn("stopped before everything was acknowledged; the next start sends the rest")
			timer.Stop()
			return nil
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// pause is the time until the next look at the files.
func (a *Agent) pause(now time.Time) time.Duration {
	if now.Sub(a.news) > 10*time.Second {
		return 4 * a.cfg.Poll
	}
	return a.cfg.Poll
}

// settled reports whether everything that was read is acknowledged and there is
// nothing more to read, but what ends no record yet.
func (a *Agent) settled() bool {
	if a.inFlight > 0 {
		return false
	}
	for _, s := range a.lanes {
		if s.open != nil || len(s.recover) > 0 {
			return false
		}
	}
	if a.draining {
		return true
	}
	for _, f := range a.order {
		if !f.rests && (!f.located || f.size > f.cursor.offset) {
			return false
		}
	}
	return true
}

func (a *Agent) warn(path, what string, err error) {
	a.log.Warn(what, "file", path, "error", err)
}
