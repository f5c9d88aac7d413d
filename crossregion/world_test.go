package crossregion_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/crossregion"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/faultproxy"
	"sluice/internal/origins"
	"sluice/internal/store"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a token of the region"

var machine clock.Machine

// node is a sluice reduced to its log and its definitions, on a disk in memory.
type node struct {
	t       testing.TB
	fs      *vfs.Mem
	faults  func(vfs.Op) error // of the log; nil: none
	defs    *catalog.Memory
	scope   catalog.Scope
	cfg     store.Config
	catalog *catalog.Catalog
	store   *store.Store
	marks   origins.Shards
	table   *catalog.Table[crossregion.Replica]
	stop    func()
}

func newNode(t testing.TB, account, region string, shards int) *node {
	t.Helper()
	n := &node{
		t: t, fs: vfs.NewMem(), defs: catalog.NewMemory(), scope: catalog.Scope{Account: account, Region: region},
		cfg: store.Config{Dir: "/wal", Shards: shards, SegmentBytes: 256 << 10, TailBytes: 64 << 10},
	}
	n.open()
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *node) open() {
	n.t.Helper()
	var err error
	if n.catalog, err = catalog.Open(n.defs); err != nil {
		n.t.Fatal(err)
	}
	n.marks = nil
	cfg := n.cfg
	cfg.Folders = func(uint32) []wal.Folder {
		m := origins.NewMarks()
		n.marks = append(n.marks, m)
		return []wal.Folder{m}
	}
	var fsys vfs.FS = n.fs
	if n.faults != nil {
		fsys = vfs.Fault(n.fs, n.faults)
	}
	if n.store, err = store.Open(fsys, cfg); err != nil {
		n.t.Fatal(err)
	}
	for shard, m := range n.marks {
		m.Follow(n.store.Log(uint32(shard)))
	}
	if n.table, err = catalog.OpenTable[crossregion.Replica](n.catalog, catalog.Replications); err != nil {
		n.t.Fatal(err)
	}
	opened := n.store
	n.stop = sync.OnceFunc(func() { opened.Close() })
}

// crash goes on from what is on the disk at this moment, torn as a crash tears it.
// between runs when the old log is not written to any more.
func (n *node) crash(rng *rand.Rand, between func()) {
	n.t.Helper()
	after := n.fs.CrashClone(vfs.CrashOptions{Rand: rng, TornLastWrite: true})
	between()
	n.stop()
	n.fs = after
	n.open()
}

// put stores one event for each message, as one batch. It reports whether that was
// acknowledged.
func (n *node) put(group, stream string, messages ...string) bool {
	g, ok := n.catalog.Group(n.scope, group)
	if !ok {
		var err error
		if g, err = n.catalog.CreateLogGroup(catalog.LogGroup{Scope: n.scope, Name: group}); err != nil {
			n.t.Error(err)
		}
	}
	s, ok := n.catalog.Stream(g.UID, stream)
	if !ok {
		var err error
		if s, err = n.catalog.CreateLogStream(g.UID, stream, 1); err != nil {
			n.t.Error(err)
		}
	}
	b := event.GetBuilder(64 << 10)
	defer b.Release()
	now := machine.Now().UnixMilli()
	for _, m := range messages {
		if err := b.Append(now, []byte(m)); err != nil {
			n.t.Error(err)
		}
	}
	batch, err := b.Seal(event.Header{Ingested: now, Request: rand.Uint64(), GroupUID: g.UID, StreamUID: s.UID},
		event.Source{Account: n.scope.Account, Region: n.scope.Region, LogGroup: group, LogStream: stream})
	if err != nil {
		n.t.Error(err)
		return false
	}
	_, err = n.store.Append(context.Background(), batch)
	return err == nil
}

// region is a node that others read from, through a proxy. It keeps its address
// over restarts.
type region struct {
	*node
	id     string
	http   *httptest.Server
	proxy  *faultproxy.TCP
	server atomic.Pointer[crossregion.Server]
}

func newRegion(t testing.TB, id string, shards int) *region {
	t.Helper()
	r := &region{node: newNode(t, "111111111111", id, shards), id: id}
	r.stop()
	r.cfg.Files, r.cfg.MergeFiles, r.cfg.SegmentBytes = "/store", 3, 64<<10
	r.open()
	r.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if s := r.server.Load(); s != nil {
			s.ServeHTTP(w, q)
			return
		}
		panic(http.ErrAbortHandler) // it is down
	}))
	r.serve()
	var err error
	if r.proxy, err = faultproxy.ListenTCP(strings.TrimPrefix(r.http.URL, "http://")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.down()
		r.proxy.Close()
		r.http.Close()
	})
	return r
}

func (r *region) serve() {
	r.t.Helper()
	s, err := crossregion.NewServer(crossregion.ServerConfig{
		ID: r.id, Account: r.scope.Account, Region: r.scope.Region, Tokens: []string{token}, Clock: clock.Real{},
		Heartbeat: 50 * time.Millisecond, Came: crossregion.OriginOf(r.table),
	}, r.store, r.catalog)
	if err != nil {
		r.t.Fatal(err)
	}
	r.server.Store(s)
}

// down ends the serving, as the process's end would.
func (r *region) down() {
	if s := r.server.Swap(nil); s != nil {
		s.Stop()
	}
}

func (r *region) restart(rng *rand.Rand) {
	r.crash(rng, r.down)
	r.serve()
}

// compact makes files of what the log can let go.
func (r *region) compact() {
	r.t.Helper()
	if err := r.store.Compact(context.Background()); err != nil {
		r.t.Error(err)
	}
}

func (r *region) url() string { return "http://" + r.proxy.Addr() }

// central is a node that copies regions.
type central struct {
	*node
	id      string
	sources []*crossregion.Source
	end     func()
	change  func(*crossregion.Config)
}

func newCentral(t testing.TB, id string, shards int) *central {
	t.Helper()
	return &central{node: newNode(t, "999999999999", "central", shards), id: id, end: func() {}}
}

// run copies from regions until end.
func (c *central) run(regions ...*region) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	numbers := crossregion.NewNumbers(c.table)
	local := crossregion.Local{Store: c.store, Origins: c.marks}
	var running sync.WaitGroup
	c.sources = nil
	for _, r := range regions {
		cfg := crossregion.Config{
			Name: "from-" + r.id, ID: c.id, URL: r.url(), Token: token, Groups: []string{"/shop/*"}, Except: []string{"/shop/secret*"},
			CentralGroup: "{region}{group}", Scope: c.scope, Backfill: true, Logger: slog.New(slog.DiscardHandler),
		}
		if c.change != nil {
			c.change(&cfg)
		}
		s, err := crossregion.New(cfg, crossregion.Links{
			Definitions: c.catalog, Appender: local, Marks: local, Replicas: c.table, Numbers: numbers, Clock: clock.Real{},
		})
		if err != nil {
			c.t.Fatal(err)
		}
		c.sources = append(c.sources, s)
		running.Go(func() {
			if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
				c.t.Error(err)
			}
		})
	}
	c.end = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	c.t.Cleanup(c.end)
}

func (c *central) restart(rng *rand.Rand, regions ...*region) {
	c.crash(rng, c.end)
	c.run(regions...)
}

// found is what the central log has, in its order.
type found struct {
	group, stream string
	source        event.Source
	origin        event.Position
	hops          uint8
	ingested      int64
	messages      []string
}

func (n *node) everything() (all []found) {
	n.t.Helper()
	for shard := range uint32(n.store.Shards()) {
		log := n.store.Log(shard)
		err := log.Frames(log.First(), log.Durable()+1, func(f wal.Frame) error {
			if f.Type != wal.TypeBatch {
				return nil
			}
			b, err := event.Open(f.Payload)
			if err != nil {
				return err
			}
			g, _ := n.catalog.GroupByUID(b.GroupUID())
			s, _ := n.catalog.StreamByUID(b.StreamUID())
			h := b.Header()
			x := found{group: g.Name, stream: s.Name, source: b.Source(), origin: h.Origin, hops: h.Hops, ingested: h.Ingested}
			for i := range b.Len() {
				x.messages = append(x.messages, string(b.Message(i)))
			}
			all = append(all, x)
			return nil
		})
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return all
}

// complete tells whether every source's shards say so.
func (c *central) complete() bool {
	for _, s := range c.sources {
		st := s.Status()
		if !st.Connected || len(st.Shards) == 0 {
			return false
		}
		for _, sh := range st.Shards {
			if !sh.Complete() {
				return false
			}
		}
	}
	return true
}

// until waits for longer than a connection that went silent is waited for, and
// than the pauses after it.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// ledger is what a region was told, and whether it acknowledged.
type ledger struct {
	mu    sync.Mutex
	acked map[string]bool
}

func (l *ledger) note(messages []string, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		l.acked[m] = acked
	}
}

// check compares the ledger with what is found: everything acknowledged once,
// everything else at most once, and each lane in order of the log streams.
func (l *ledger) check(t testing.TB, all []found) {
	t.Helper()
	seen, last := map[string]int{}, map[string]int{}
	at := map[uint32]uint64{}
	for _, x := range all {
		if x.origin.Number <= at[x.origin.Shard] {
			t.Errorf("lane %d: batch %d after %d", x.origin.Shard, x.origin.Number, at[x.origin.Shard])
		}
		at[x.origin.Shard] = x.origin.Number
		for _, m := range x.messages {
			seen[m]++
			name, number, _ := strings.Cut(m, "#")
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("message %q: %v", m, err)
			}
			key := fmt.Sprintf("%s in lane %d", name, x.origin.Shard)
			if n <= last[key] {
				t.Errorf("%s: %d after %d", key, n, last[key])
			}
			last[key] = n
		}
	}
	var lost, doubled, acked int
	for m, ok := range l.acked {
		if ok {
			acked++
			if seen[m] == 0 {
				lost++
			}
		}
		if seen[m] > 1 {
			doubled++
		}
		delete(seen, m)
	}
	if lost+doubled+len(seen) > 0 || acked == 0 {
		t.Errorf("%d acknowledged: %d lost, %d doubled, %d unknown", acked, lost, doubled, len(seen))
	}
}
