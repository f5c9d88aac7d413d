package app

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"sluice/crossregion"
	"sluice/internal/catalog"
	"sluice/internal/obs"
	"sluice/internal/vfs"
)

// replication is what this process copies from others, and others from it.
type replication struct {
	server   *crossregion.Server // nil when nobody may read here
	clientCA *x509.CertPool
	sources  []*crossregion.Source
}

// openCrossregion makes the server that others read the log from, and the sources
// that this process reads.
func (a *App) openCrossregion() error {
	cfg := a.cfg.Crossregion
	if !a.cfg.has(roleCrossregion) || !cfg.Serve.wanted() && len(cfg.Sources) == 0 {
		return nil
	}
	id, err := a.dir.id(a.cfg.FS)
	if err != nil {
		return err
	}
	table, err := catalog.OpenTable[crossregion.Replica](a.catalog, catalog.Replications)
	if err != nil {
		return err
	}
	if cfg.Serve.wanted() {
		if err := a.openReplicationServer(id, table); err != nil {
			return misconfigured("crossregion.serve: %w", err)
		}
	}
	local, numbers := crossregion.Local{Store: a.store, Origins: a.origins}, crossregion.NewNumbers(table)
	names := map[string]bool{}
	for i, s := range cfg.Sources {
		source, err := a.openReplicationSource(s, id, crossregion.Links{
			Definitions: a.catalog, Appender: local, Marks: local, Replicas: table, Numbers: numbers, Clock: a.clock,
		})
		if err == nil && names[s.Name] {
			err = fmt.Errorf("the name %s is there twice: rename one", s.Name)
		}
		if err != nil {
			return misconfigured("crossregion.sources[%d]: %w", i, err)
		}
		names[s.Name] = true
		a.replication.sources = append(a.replication.sources, source)
		a.add(room{"replication from " + source.Name(), source.Run})
	}
	a.collectReplication()
	return nil
}

func (s CrossregionServe) wanted() bool { return len(s.TokenEnvs) > 0 || s.ClientCAFile != "" }

func (a *App) openReplicationServer(id string, table *catalog.Table[crossregion.Replica]) error {
	serve := a.cfg.Crossregion.Serve
	cfg := crossregion.ServerConfig{
		ID: id, Account: a.cfg.AccountID, Region: a.cfg.Region, Clock: a.clock, Logger: a.log,
		ClientCA: serve.ClientCAFile != "", Came: crossregion.OriginOf(table),
	}
	for _, name := range serve.TokenEnvs {
		token, err := secretFrom(name)
		if err != nil {
			return fmt.Errorf("token_envs: %w", err)
		}
		cfg.Tokens = append(cfg.Tokens, token)
	}
	var err error
	if serve.ClientCAFile != "" {
		if a.replication.clientCA, err = certificatesOf(serve.ClientCAFile); err != nil {
			return fmt.Errorf("client_ca_file: %w", err)
		}
	}
	if a.replication.server, err = crossregion.NewServer(cfg, a.store, a.catalog); err != nil {
		return err
	}
	stop := a.stopLiveTails
	a.stopLiveTails = func() { // what outlasts the grace of a stop
		stop()
		a.replication.server.Stop()
	}
	return nil
}

func (a *App) openReplicationSource(s CrossregionSource, id string, links crossregion.Links) (*crossregion.Source, error) {
	cfg := crossregion.Config{
		Name: s.Name, ID: id, URL: s.URL, Groups: s.Groups, Except: s.Except, CentralGroup: s.CentralGroup, CentralStream: s.CentralStream,
		Scope: a.scope(), Backfill: s.Backfill, InOrder: s.InOrder, LiveWithin: time.Duration(s.LiveWithinSeconds * float64(time.Second)),
		BytesPerSecond: int64(s.RateMBPerS * (1 << 20)), MaxHops: s.MaxHops, Compression: s.Compression, Logger: a.log,
		Received: func(events int) { a.metrics.received.Add(uint64(events)) },
	}
	if s.TokenEnv != "" {
		var err error
		if cfg.Token, err = secretFrom(s.TokenEnv); err != nil {
			return nil, fmt.Errorf("token_env: %w", err)
		}
		if !s.Insecure && !safeForTokens(s.URL) {
			return nil, fmt.Errorf("url: %s would carry the token in the clear: use https, or set insecure: true", s.URL)
		}
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.CAFile != "" {
		var err error
		if cfg.TLS.RootCAs, err = certificatesOf(s.CAFile); err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
	}
	if s.CertFile != "" || s.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file and key_file: %w", err)
		}
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	return crossregion.New(cfg, links)
}

// safeForTokens tells whether nobody on the way can read a request.
func safeForTokens(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "https" {
		return true // what is wrong with it is said elsewhere
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// secretFrom reads a secret where the configuration says that it is: it never
// stands in the configuration itself.
func secretFrom(environment string) (string, error) {
	text := os.Getenv(environment)
	if text == "" {
		return "", fmt.Errorf("the environment has no %s", environment)
	}
	return text, nil
}

func certificatesOf(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

// askClients lets the data port ask for certificates, where replication wants
// them. Who has none is refused by the replication paths alone.
func (a *App) askClients(cfg *tls.Config) {
	if a.replication.clientCA != nil {
		cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, a.replication.clientCA
	}
}

// withReplication puts the replication paths beside the AWS APIs.
func (a *App) withReplication(next http.Handler) http.Handler {
	s := a.replication.server
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, crossregion.PathPrefix) {
			s.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// replicas answers GET /replicas on the admin port: where each copy stands.
func (a *App) replicas(w http.ResponseWriter, _ *http.Request) {
	all := []crossregion.Status{}
	for _, s := range a.replication.sources {
		all = append(all, s.Status())
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(all) // who left has nobody to tell
}

// id is the name of this data folder among sluices: made once, kept for good. A
// copy of the folder has the same one, and must not run beside it.
func (d dataDir) id(fsys vfs.FS) (string, error) {
	text, err := vfs.ReadFile(fsys, d.path("ID"), 64)
	if err == nil {
		if id := strings.TrimSpace(string(text)); len(id) == 32 {
			return id, nil
		}
		return "", fmt.Errorf("data folder %s: ID says %q, which is no id of 32 digits", d.root, text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read id: %w", err)
	}
	var random [16]byte
	rand.Read(random[:])
	id := hex.EncodeToString(random[:])
	if err := d.replace(fsys, "ID", []byte(id+"\n")); err != nil {
		return "", fmt.Errorf("write id: %w", err)
	}
	return id, nil
}

func (a *App) collectReplication() {
	type reader = func(emit func(float64, ...string))
	r := a.registry
	if s := a.replication.server; s != nil {
		counter := func(name, help string, value func(crossregion.Sent) uint64) {
			r.CounterFunc("sluice_replication_"+name, help, func() float64 { return float64(value(s.Sent())) })
		}
		counter("sent_events_total", "Events that other sluices were sent, those sent again after a cut included.", func(n crossregion.Sent) uint64 { return n.Events })
		counter("sent_bytes_total", "Bytes of the batches that other sluices were sent.", func(n crossregion.Sent) uint64 { return n.Bytes })
		counter("sent_wire_bytes_total", "Bytes that other sluices were sent, on the wire.", func(n crossregion.Sent) uint64 { return n.Wire })
		counter("refused_total", "Replication requests without the right token or certificate.", func(n crossregion.Sent) uint64 { return n.Refused })
		r.GaugeFunc("sluice_replication_pulls", "Pulls of other sluices under way.", func() float64 { return float64(s.Sent().Pulls) })
	}
	if len(a.replication.sources) == 0 {
		return
	}
	each := func(value func(s crossregion.Status) float64) reader {
		return func(emit func(float64, ...string)) {
			for _, s := range a.replication.sources {
				emit(value(s.Status()), s.Name())
			}
		}
	}
	counter := func(name, help string, value func(s crossregion.Status) uint64) {
		r.Collect(obs.CounterKind, "sluice_replication_"+name, help, []string{"source"}, each(func(s crossregion.Status) float64 { return float64(value(s)) }))
	}
	counter("stored_events_total", "Events of a source that are in the log here.", func(s crossregion.Status) uint64 { return s.Events })
	counter("stored_bytes_total", "Bytes of the batches of a source that are in the log here.", func(s crossregion.Status) uint64 { return s.Bytes })
	counter("wire_bytes_total", "Bytes received from a source, on the wire.", func(s crossregion.Status) uint64 { return s.WireBytes })
	counter("breaks_total", "Pulls that broke off and are tried again.", func(s crossregion.Status) uint64 { return s.Breaks })
	counter("splits_total", "Times that a lag was left behind as backlog.", func(s crossregion.Status) uint64 { return s.Splits })
	r.Collect(obs.GaugeKind, "sluice_replication_connected", "1 while the source answers.", []string{"source"}, each(func(s crossregion.Status) float64 {
		if s.Connected {
			return 1
		}
		return 0
	}))
	shard := func(name, help string, value func(s crossregion.ShardStatus) float64) {
		r.Collect(obs.GaugeKind, "sluice_replication_"+name, help, []string{"source", "shard"}, func(emit func(float64, ...string)) {
			for _, s := range a.replication.sources {
				for _, sh := range s.Status().Shards {
					emit(value(sh), s.Name(), strconv.Itoa(int(sh.Shard)))
				}
			}
		})
	}
	shard("lag_positions", "Positions of the source's log that the live lane has not taken.", func(s crossregion.ShardStatus) float64 { return float64(s.Lag) })
	shard("backlog_positions", "Positions that were left behind and are not taken yet.", func(s crossregion.ShardStatus) float64 { return float64(s.Backlog) })
	shard("delay_seconds", "How late the last live events came.", func(s crossregion.ShardStatus) float64 { return s.Delay.Seconds() })
	shard("oldest_unreplicated_seconds", "About the age of the oldest event that is not here yet.", func(s crossregion.ShardStatus) float64 {
		if s.Oldest == 0 {
			return 0
		}
		return max(0, float64(a.clock.Now().UnixMilli()-s.Oldest)/1000)
	})
	shard("missing_positions", "Positions that the source lost before they were taken: alarm on any.", func(s crossregion.ShardStatus) float64 { return float64(s.Missing) })
	shard("stopped", "1 when the source's log is shorter than what was taken of it: alarm.", func(s crossregion.ShardStatus) float64 {
		if s.Stopped {
			return 1
		}
		return 0
	})
}
