package crossregion

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
)

// Groups tells which log groups there are; *catalog.Catalog does.
type Groups interface {
	GroupByUID(uid uint64) (catalog.LogGroup, bool)
	AllGroups() []catalog.LogGroup
}

// ServerConfig is what others may read here. Without Tokens and ClientCA nobody
// may.
type ServerConfig struct {
	// ID, Account and Region name this sluice to others.
	ID, Account, Region string
	// Tokens open the log to who sends one as Authorization: Bearer TOKEN. Each has
	// at least 16 characters.
	Tokens []string
	// ClientCA demands a certificate that the listener has verified.
	ClientCA bool
	// MaxPulls bounds the pulls at the same time. Default 256.
	MaxPulls int
	// Heartbeat is how often a pull without news says so. Default 1 s.
	Heartbeat time.Duration
	// Clock is the origin's event clock.
	Clock clock.Event
	// Came names the origin of a lane, so that nothing returns to where it came
	// from. Optional.
	Came   func(lane uint32) (originID string)
	Logger *slog.Logger
}

// Server lets other sluices read this one's log. It is an http.Handler for the
// paths under PathPrefix.
type Server struct {
	cfg     ServerConfig
	log     Log
	groups  Groups
	tokens  map[[sha256.Size]byte]bool
	encoder func() *zstd.Encoder
	machine clock.Machine

	stopping chan struct{}
	stop     func()
	pulls    atomic.Int64
	sent     sent
}

// sent counts what went out.
type sent struct{ batches, events, bytes, wire, refused atomic.Uint64 }

// Sent is what a Server gave out since the start.
type Sent struct {
	Batches, Events uint64
	Bytes, Wire     uint64 // inflated, and as sent
	Refused         uint64 // requests without the right token or certificate
	Pulls           int64  // under way
}

// PathPrefix is where a Server's paths begin.
const PathPrefix = "/replicate/v1/"

// NewServer returns a Server over a log.
func NewServer(cfg ServerConfig, log Log, groups Groups) (*Server, error) {
	if cfg.ID == "" || cfg.Clock == nil || log == nil || groups == nil {
		return nil, errors.New("make replication server: id, clock, log and log groups are needed")
	}
	setDefault(&cfg.MaxPulls, 256)
	setDefault(&cfg.Heartbeat, time.Second)
	setDefault(&cfg.Logger, slog.New(slog.DiscardHandler))
	s := &Server{cfg: cfg, log: log, groups: groups, encoder: onFirstUse(newEncoder), tokens: map[[sha256.Size]byte]bool{}, stopping: make(chan struct{})}
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	for i, t := range cfg.Tokens {
		if len(t) < minToken {
			return nil, fmt.Errorf("replication token %d is shorter than %d characters", i+1, minToken)
		}
		s.tokens[sha256.Sum256([]byte(t))] = true
	}
	return s, nil
}

const minToken = 16

// Stop ends all pulls, for good: they would outlast any grace.
func (s *Server) Stop() { s.stop() }

// Sent returns the counters.
func (s *Server) Sent() Sent {
	return Sent{
		Batches: s.sent.batches.Load(), Events: s.sent.events.Load(), Bytes: s.sent.bytes.Load(), Wire: s.sent.wire.Load(),
		Refused: s.sent.refused.Load(), Pulls: s.pulls.Load(),
	}
}

// ServeHTTP answers GET on the two paths.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !s.admits(r):
		s.sent.refused.Add(1)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "a replication token or a client certificate is needed", http.StatusUnauthorized)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
	case r.URL.Path == originPath:
		s.origin(w)
	case r.URL.Path == pullPath:
		s.servePull(w, r)
	default:
		http.NotFound(w, r)
	}
}

// admits demands everything that is configured. Look-ups are by hash, so that the
// time they take tells nothing about a token.
func (s *Server) admits(r *http.Request) bool {
	if len(s.tokens) == 0 && !s.cfg.ClientCA {
		return false
	}
	if s.cfg.ClientCA && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		return false
	}
	if len(s.tokens) == 0 {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.tokens[sha256.Sum256([]byte(token))]
}

// Origin is what a sluice tells others about itself.
type Origin struct {
	ID      string        `json:"id"`
	Account string        `json:"account"`
	Region  string        `json:"region"`
	Version int           `json:"version"`
	Shards  []OriginShard `json:"shards"`
}

// OriginShard is where a shard's log stands.
type OriginShard struct {
	// End is the first position that is not durable yet.
	End uint64 `json:"end"`
}

const protocolVersion = 1

func (s *Server) origin(w http.ResponseWriter) {
	o := Origin{ID: s.cfg.ID, Account: s.cfg.Account, Region: s.cfg.Region, Version: protocolVersion}
	for shard := range uint32(s.log.Shards()) {
		o.Shards = append(o.Shards, OriginShard{End: s.log.Log(shard).Durable() + 1})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(o) // who left has nobody to tell
}

// pullRequest is the query of a pull.
type pullRequest struct {
	shard    uint32
	from, to uint64
	chunk    int // size to collect, inflated
	hops     uint8
	puller   string
	codec    byte
	groups   patterns
	except   patterns
}

const (
	minChunk     = 4 << 10
	defaultChunk = 256 << 10
	biggestChunk = 4 << 20
)

func (s *Server) parsePull(r *http.Request) (p pullRequest, err error) {
	q := r.URL.Query()
	number := func(name string, bits int, otherwise uint64) uint64 {
		text := q.Get(name)
		if text == "" || err != nil {
			return otherwise
		}
		v, wrong := strconv.ParseUint(text, 10, bits)
		if wrong != nil {
			err = fmt.Errorf("%s: %q is no number", name, text)
		}
		return v
	}
	p = pullRequest{
		shard: uint32(number("shard", 32, 0)), from: number("from", 63, 1), to: number("to", 63, 0),
		chunk: int(number("chunk", 31, defaultChunk)), hops: uint8(number("hops", 8, 0)),
		puller: q.Get("puller"), groups: q["group"], except: q["except"],
	}
	p.chunk = min(max(p.chunk, minChunk), biggestChunk)
	var known bool
	p.codec, known = codecs[cmp.Or(q.Get("codec"), "zstd")]
	switch {
	case err != nil:
	case !known:
		err = fmt.Errorf("codec: %q is not one of zstd, s2, none", q.Get("codec"))
	case int64(p.shard) >= int64(s.log.Shards()):
		err = fmt.Errorf("shard %d is not there", p.shard)
	case p.from == 0:
		err = errors.New("from: positions begin at 1")
	case len(p.groups) == 0:
		err = errors.New("group is missing: name at least one pattern")
	}
	return p, err
}

func (s *Server) servePull(w http.ResponseWriter, r *http.Request) {
	req, err := s.parsePull(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if end := s.log.Log(req.shard).Durable() + 1; req.from > end {
		http.Error(w, fmt.Sprintf("position %d is not there: the log ends at %d", req.from, end), http.StatusRequestedRangeNotSatisfiable)
		return
	}
	if s.pulls.Add(1) > int64(s.cfg.MaxPulls) {
		s.pulls.Add(-1)
		http.Error(w, "too many pulls", http.StatusServiceUnavailable)
		return
	}
	defer s.pulls.Add(-1)
	ctx, end := context.WithCancel(r.Context())
	defer end()
	go func() {
		select {
		case <-s.stopping:
			end()
		case <-ctx.Done():
		}
	}()
	w.Header().Set("Content-Type", MediaType)
	w.Header().Set(idHeader, s.cfg.ID)
	if err := s.pull(ctx, newLink(w, s.machine), req); err != nil {
		if r.Context().Err() == nil && !errors.Is(err, context.Canceled) {
			s.cfg.Logger.Warn("replication pull broken off", "shard", req.shard, "puller", req.puller, "error", err)
		}
		panic(http.ErrAbortHandler) // net/http's way to break a begun answer off
	}
}

// pull sends chunks until the end that was asked for, or for ever.
func (s *Server) pull(ctx context.Context, link *link, req pullRequest) error {
	c := &cursor{log: s.log, shard: req.shard, pos: req.from, to: req.to, wanted: &selector{
		definitions: s.groups, named: req.groups, except: req.except, hops: req.hops, puller: req.puller, came: s.cfg.Came,
	}}
	p := &packer{to: link, codec: req.codec, encoder: s.encoder()}
	send := func() error {
		s.sent.batches.Add(uint64(p.batches))
		s.sent.events.Add(uint64(p.events))
		s.sent.bytes.Add(uint64(len(p.raw)))
		if err := p.send(chunk{
			Next: c.pos, End: s.log.Log(req.shard).Durable() + 1, Missing: c.missing,
			Now: s.cfg.Clock.Now().UnixMilli(), Sent: s.machine.Now().UnixMilli(),
		}); err != nil {
			return err
		}
		s.sent.wire.Add(uint64(len(p.out)))
		return link.flush()
	}
	if err := send(); err != nil { // the head of the answer, at once
		return err
	}
	told := c.pos
	for {
		idle, err := c.step(ctx, func(number uint64, b event.Batch) error {
			p.add(number, b.Record(), b.Len())
			if len(p.raw) < req.chunk {
				return nil
			}
			told = c.pos
			return send()
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if c.done() || idle && p.batches > 0 || c.pos-told > skipped {
			told = c.pos
			if err := send(); err != nil {
				return err
			}
		}
		if c.done() {
			return nil
		}
		if !idle {
			continue
		}
		if err := s.await(ctx, c); err != nil {
			return err
		}
		if c.ahead.Bytes() == 0 { // nothing but time has passed
			told = c.pos
			if err := send(); err != nil {
				return err
			}
		}
	}
}

// skipped is how many unwanted positions are passed over until that is worth a
// chunk of its own.
const skipped = 1 << 14

// await waits for more to read, at most until the next heartbeat is due.
func (s *Server) await(ctx context.Context, c *cursor) error {
	beat, cancel := context.WithTimeout(ctx, s.cfg.Heartbeat)
	defer cancel()
	err := c.wait(beat)
	if err != nil && ctx.Err() == nil && beat.Err() != nil {
		return nil
	}
	return err
}

// link is the body of a pull's answer.
type link struct {
	w       http.ResponseWriter
	control *http.ResponseController
	machine clock.Machine
}

// patience is how long a reader may take nothing, or a writer send nothing.
const patience = 30 * time.Second

func newLink(w http.ResponseWriter, machine clock.Machine) *link {
	l := &link{w: w, control: http.NewResponseController(w), machine: machine}
	l.control.SetReadDeadline(time.Time{}) // of the request, which is read
	return l
}

// Write gives a slow reader patience for each 64 KiB, not for all at once.
func (l *link) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		part := b[:min(len(b), 64<<10)]
		l.control.SetWriteDeadline(l.machine.Now().Add(patience))
		m, err := l.w.Write(part)
		n += m
		if err != nil {
			return n, err
		}
		b = b[m:]
	}
	return n, nil
}

func (l *link) flush() error {
	l.control.SetWriteDeadline(l.machine.Now().Add(patience))
	return l.control.Flush()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
