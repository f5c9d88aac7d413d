package crossregion

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
)

// Definitions finds and makes log groups and streams; *catalog.Catalog does.
type Definitions interface {
	catalog.Definitions
	StreamByUID(uid uint64) (catalog.LogStream, bool)
}

// Appender makes batches durable.
type Appender interface {
	// Append stores batches in a shard of the log, in their order, and returns when
	// they are durable. It keeps nothing of them. After an error some of the first
	// may be stored: the marks tell.
	Append(ctx context.Context, shard uint32, batches []event.Batch) error
	Shards() int
}

// Marks tells how far a lane is stored in a shard of the log, durably.
type Marks interface {
	Mark(ctx context.Context, shard, lane uint32) (uint64, error)
}

// Links is what a Source works with. All of it is required.
type Links struct {
	Definitions Definitions
	Appender    Appender
	Marks       Marks
	Replicas    *catalog.Table[Replica]
	Numbers     *Numbers
	Clock       clock.Event // dates what is made here
}

// Config is one source: another sluice. Name, URL, Groups and ID are required; the
// zero value of everything else is its default.
type Config struct {
	// Name names the source in metrics, log lines and the catalog.
	Name string
	// ID is this sluice's own.
	ID string
	// URL is the source's data port, http or https.
	URL string
	// Token opens it.
	Token string
	// TLS says whom to trust and who asks. Default: the system's certificates.
	TLS *tls.Config
	// Groups select log groups by name; * stands for any characters. Except takes
	// some of them out again.
	Groups, Except []string
	// CentralGroup and CentralStream name where events go: {group}, {stream},
	// {account}, {region} and {source} are replaced. Default {group} and {stream}.
	CentralGroup, CentralStream string
	// Scope is the account and region that the central log groups belong to.
	Scope catalog.Scope
	// Backfill takes what the source has from before the first contact.
	Backfill bool
	// InOrder takes everything in the order of the source's log, also when it lags:
	// then the newest events come last. Default: a lag is left behind as backlog.
	InOrder bool
	// LiveWithin is the delay from which on a lag is left behind. Default 2 s.
	LiveWithin time.Duration
	// BytesPerSecond bounds the backlog of all shards, on the wire. Default none.
	BytesPerSecond int64
	// Compression is zstd, s2 (half the processor time here for half as many bytes
	// again on the wire) or none. Default zstd.
	Compression string
	// MaxHops is how many sluices an event may have come through when it is stored
	// here: 1 takes what was born at the source. Default 1.
	MaxHops int
	// Received is told how many events became durable.
	Received func(events int)
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

const (
	minBackoff   = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
	askEvery     = 5 * time.Second // the source, for new shards and where it stands
	passedEvery  = 10 * time.Second
	dialTimeout  = 5 * time.Second
	replyTimeout = 20 * time.Second
	liveChunk    = 128 << 10
	backlogChunk = 1 << 20
)

func (c *Config) setDefaults() {
	setDefault(&c.CentralGroup, "{group}")
	setDefault(&c.CentralStream, "{stream}")
	setDefault(&c.LiveWithin, 2*time.Second)
	setDefault(&c.MaxHops, 1)
	setDefault(&c.Compression, "zstd")
	setDefault(&c.Logger, slog.Default())
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Check tells what is wrong with a configuration.
func (c Config) Check() error {
	c.setDefaults()
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validName.MatchString(c.Name) {
		wrong("name: %q is not 1 to 64 letters, digits, dots, dashes and underscores", c.Name)
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		wrong("url: %q is not http://HOST:PORT or https://HOST:PORT", c.URL)
	}
	if len(c.Groups) == 0 {
		wrong(`groups are missing: name some, or "*" for all`)
	}
	for key, p := range map[string]string{"central_group": c.CentralGroup, "central_stream": c.CentralStream} {
		if err := namePattern(p).check(); err != nil {
			wrong("%s: %w", key, err)
		}
	}
	if c.MaxHops < 1 || c.MaxHops > 200 {
		wrong("max_hops: %d is not between 1 and 200", c.MaxHops)
	}
	if _, known := codecs[c.Compression]; !known {
		wrong("compression: %q is not one of zstd, s2, none", c.Compression)
	}
	if c.BytesPerSecond < 0 {
		wrong("rate: %d is negative", c.BytesPerSecond)
	}
	return errors.Join(errs...)
}

// Source copies the logs of another sluice. It runs once.
type Source struct {
	cfg     Config
	links   Links
	url     string
	machine clock.Machine
	client  *http.Client
	decoder func() *zstd.Decoder
	rate    *rate
	counts  counts

	mu        sync.Mutex // guards the fields below
	copies    []*replication
	connected bool
	failing   string // what goes wrong at the moment
}

// New checks the configuration. It connects to nothing.
func New(cfg Config, links Links) (*Source, error) {
	if links.Definitions == nil || links.Appender == nil || links.Marks == nil || links.Replicas == nil || links.Numbers == nil || links.Clock == nil || cfg.ID == "" {
		return nil, errors.New("make replication source: the own id and all links are needed")
	}
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("replication source %s: %w", cfg.Name, err)
	}
	cfg.setDefaults()
	cfg.Logger = cfg.Logger.With("replication_source", cfg.Name)
	s := &Source{cfg: cfg, links: links, url: strings.TrimRight(cfg.URL, "/"), decoder: onFirstUse(newDecoder), rate: &rate{bytesPerSecond: cfg.BytesPerSecond}}
	s.client = &http.Client{
		Transport: newTransport(cfg.TLS),
		// A redirect would carry the token to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// Name is the source's name.
func (s *Source) Name() string { return s.cfg.Name }

// Run copies until ctx ends and returns ctx's error. Everything that can go wrong
// with the link or with the source is tried again.
func (s *Source) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	pause := minBackoff
	for ctx.Err() == nil {
		began := s.machine.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			break
		}
		if s.machine.Now().Sub(began) > maxBackoff {
			pause = minBackoff
		}
		s.fails(err)
		if s.machine.Sleep(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, maxBackoff)
	}
	return ctx.Err()
}

// fails notes what goes wrong, and logs it when it is news.
func (s *Source) fails(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	news := s.failing != text
	s.failing, s.connected = text, err == nil
	s.mu.Unlock()
	switch {
	case !news:
	case err != nil:
		s.cfg.Logger.Warn("replication is tried again", "error", err)
	default:
		s.cfg.Logger.Info("replication is under way")
	}
}

var (
	errOwnLog  = errors.New("the source is this sluice itself")
	errChanged = errors.New("the source has changed")
)

// session copies all shards of the source, for as long as these stay the same.
func (s *Source) session(ctx context.Context) error {
	o, err := s.ask(ctx)
	if err != nil {
		return err
	}
	if err := s.check(o); err != nil {
		return err
	}
	var copies []*replication
	for shard, at := range o.Shards {
		c, err := s.open(ctx, o, uint32(shard), at.End)
		if err != nil {
			return err
		}
		copies = append(copies, c)
	}
	s.mu.Lock()
	s.copies = copies
	s.mu.Unlock()
	s.fails(nil)
	ctx, end := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	for _, c := range copies {
		running.Go(func() { end(c.run(ctx)) })
	}
	end(s.watch(ctx, o))
	running.Wait()
	return context.Cause(ctx)
}

// watch asks the source now and then where it stands.
func (s *Source) watch(ctx context.Context, began Origin) error {
	for s.machine.Sleep(ctx, askEvery) == nil {
		o, err := s.ask(ctx)
		s.fails(err)
		if err != nil {
			continue
		}
		if o.ID != began.ID || len(o.Shards) != len(began.Shards) {
			return fmt.Errorf("%w: %s with %d shards is %s with %d", errChanged, began.ID, len(began.Shards), o.ID, len(o.Shards))
		}
		s.mu.Lock()
		copies := slices.Clone(s.copies)
		s.mu.Unlock()
		for i, c := range copies {
			c.saw(o.Shards[i].End)
		}
	}
	return ctx.Err()
}

func (s *Source) check(o Origin) error {
	switch {
	case o.Version != protocolVersion:
		return fmt.Errorf("%w: the source speaks version %d, this is %d", ErrProtocol, o.Version, protocolVersion)
	case o.ID == s.cfg.ID:
		return errOwnLog
	case o.ID == "" || len(o.ID) > 64 || len(o.Shards) == 0 || len(o.Shards) > 1024:
		return fmt.Errorf("%w: id %q and %d shards", ErrProtocol, o.ID, len(o.Shards))
	}
	return nil
}

// ask gets the source's description of itself.
func (s *Source) ask(ctx context.Context) (o Origin, err error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	r, err := s.get(ctx, originPath, nil)
	if err != nil {
		return o, err
	}
	defer r.Body.Close()
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&o); err != nil {
		return o, fmt.Errorf("ask %s: %w", s.url, err)
	}
	return o, nil
}

// statusError is an answer other than 200.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the source answers %d: %s", e.status, e.text)
}

func (s *Source) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	target := s.url + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	if s.cfg.Token != "" {
		r.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 512)) // for people; the status says enough
		return nil, &statusError{answer.StatusCode, strings.TrimSpace(string(text))}
	}
	return answer, nil
}

// open finds the state of the copy of a shard, or begins it.
func (s *Source) open(ctx context.Context, o Origin, shard uint32, end uint64) (*replication, error) {
	name := fmt.Sprintf("%s/%s/%d", s.cfg.Name, o.ID, shard)
	r, err := s.links.Replicas.Upsert(s.cfg.Scope, name, func(r *Replica, there bool) error {
		if there {
			return r.check()
		}
		*r = Replica{
			Source: s.cfg.Name, OriginID: o.ID, Shard: shard, Home: homeOf(name, s.links.Appender.Shards()),
			Began: s.links.Clock.Now().UnixMilli(),
		}
		r.begin(end, s.cfg.Backfill, s.cfg.InOrder, s.links.Numbers.next)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open replica %s: %w", name, err)
	}
	return newReplication(ctx, s, name, o, r, end)
}
