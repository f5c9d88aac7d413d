package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/clock"
	"sluice/internal/cores"
	"sluice/internal/obs"
)

// Grace is how long a stop waits for requests under way.
const Grace = 10 * time.Second

// serving is what Run has opened.
type serving struct {
	mu          sync.Mutex // guards the addresses
	data, admin net.Listener
}

// Run serves until ctx ends or a part fails, then stops in flow order and closes
// everything. An App runs once.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.applyPipelines(ctx); err != nil {
		return err
	}
	a.atStart = a.observe()
	if err := a.listen(ctx); err != nil {
		return err
	}
	// For as many encoders of objects; compaction is one more now and then.
	cores.Share(cores.Count())
	failed := make(chan error, 5+len(a.kafka)+len(a.rooms)) // one for each part, so that none ever waits to fail
	stopOrphans := background(a.abortOrphans)
	defer stopOrphans()
	stopRooms := a.startRooms(failed)
	stopSources := a.startSources(failed)
	stopServers := a.startServers(failed)
	a.announce()

	select {
	case <-ctx.Done(): // the command has said so
	case err = <-failed:
	}
	return errors.Join(err, stopServers(), stopSources(), stopRooms())
}

// Addrs are the data and the admin address, once Run has announced them.
func (a *App) Addrs() (data, admin string) {
	a.serving.mu.Lock()
	defer a.serving.mu.Unlock()
	if a.serving.data == nil {
		return "", ""
	}
	return a.serving.data.Addr().String(), a.serving.admin.Addr().String()
}

func (a *App) listen(ctx context.Context) error {
	tls, err := awsapi.NewTLSConfig(awsapi.TLSFiles{
		CertFile: a.cfg.TLS.Cert, KeyFile: a.cfg.TLS.Key, Dir: a.dir.path("tls"), HostNames: a.cfg.HostNames,
	})
	if err != nil {
		return err
	}
	a.askClients(tls)
	data, err := awsapi.Listen(ctx, awsapi.ListenConfig{Addr: a.cfg.Listen, TLS: tls, MaxConns: maxConnections})
	if err != nil {
		return err
	}
	admin, err := awsapi.Listen(ctx, awsapi.ListenConfig{Addr: a.cfg.Admin, MaxConns: maxAdminConnections})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	a.serving.mu.Lock()
	defer a.serving.mu.Unlock()
	a.serving.data, a.serving.admin = data, admin
	return nil
}

const (
	maxConnections      = 16_384
	maxAdminConnections = 128
)

// startRooms starts what reads the log. stop ends it, filters first.
func (a *App) startRooms(failed chan<- error) (stop func() error) {
	stopStore := start("store", a.store.Run, failed)
	stopFilters := start("filter", a.dispatcher.Run, failed)
	stopDelivery := func() error { return nil }
	if a.cfg.has(roleFirehose) {
		stopDelivery = start("firehose", a.firehose.Run, failed)
	}
	stopMore := a.startMore(failed)
	return func() error { return errors.Join(stopMore(), stopFilters(), stopDelivery(), stopStore()) }
}

// start runs a room in a goroutine. failed gets the error of a room that ended
// by itself; stop ends it and waits for it.
func start(name string, run func(context.Context) error, failed chan<- error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("ended by itself")
			}
			failed <- fmt.Errorf("%s: %w", name, err)
			err = nil // told already
		}
		ended <- err
	}()
	return func() error {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("stop %s: %w", name, err)
		}
		return nil
	}
}

// background runs a duty that ends by itself, or when stop asks for it.
func background(run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// abortOrphans ends the uploads that a crashed process left open, which a store
// charges for.
func (a *App) abortOrphans(ctx context.Context) {
	s, ok := a.objects.(interface{ AbortOrphans(context.Context) error })
	if !ok {
		return
	}
	if err := s.AbortOrphans(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("uploads of a crashed process are still open; the next start tries again", "error", err)
	}
}

// startServers serves both ports. stop drains the requests under way.
func (a *App) startServers(failed chan<- error) (stop func() error) {
	cfg := awsapi.HTTPConfig{HostNames: a.cfg.HostNames, Log: a.log}
	data, admin := awsapi.NewHTTPServer(cfg, a.withReplication(a.dataHandler())), awsapi.NewHTTPServer(cfg, a.adminHandler())
	data.RegisterOnShutdown(a.stopLiveTails) // they would outlast the grace
	var wg sync.WaitGroup
	serve := func(name string, s *http.Server, l net.Listener) {
		wg.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", name, err)
			}
		})
	}
	serve("data port", data, a.serving.data)
	serve("admin port", admin, a.serving.admin)
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), Grace)
		defer cancel()
		var errs []error
		for _, s := range []*http.Server{data, admin} {
			if err := s.Shutdown(ctx); err != nil {
				errs = append(errs, s.Close()) // requests that outlast the grace get no answer
			}
		}
		wg.Wait()
		return errors.Join(errs...)
	}
}

func (a *App) adminHandler() http.Handler {
	return obs.Admin{
		Registry: a.registry, Ready: a.ready, Allow: a.allowAdmin,
		More: map[string]http.Handler{"/clock": a.clockHandler(), "/clock/": a.clockHandler(), "/replicas": http.HandlerFunc(a.replicas)},
	}.Handler()
}

// allowAdmin keeps profiles to this machine: the admin port asks nobody who he is,
// and may be one that a cluster asks for health and metrics.
func (a *App) allowAdmin(r *http.Request) error {
	if a.cfg.Insecure || !strings.HasPrefix(r.URL.Path, "/debug/") {
		return nil
	}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && from.Addr().Unmap().IsLoopback() {
		return nil
	}
	return errors.New("profiles are for this machine: ask from there, or start with --insecure if the network is trusted")
}

// clockHandler moves the test clock once the filters have read what was
// acknowledged, and has destinations look at what they made of it: a jump means
// everything that clients were told is stored.
func (a *App) clockHandler() http.Handler {
	move := clock.Handler(a.clock)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), clock.Limit)
		defer cancel()
		if err := a.dispatcher.Settle(ctx); err != nil {
			a.log.Warn("clock moves over unread events", "error", err)
		}
		a.outbox.Heed()
		move.ServeHTTP(w, r)
	})
}

// announce says where the process serves.
func (a *App) announce() {
	data, admin := a.Addrs()
	a.log.Info("serving", "listen", data, "admin", admin, "data_dir", a.cfg.DataDir, "s3", a.cfg.S3, "version", Version)
	if a.cfg.Ready != nil {
		line, err := json.Marshal(map[string]string{"listen": data, "admin": admin})
		if err == nil {
			_, err = a.cfg.Ready.Write(append(line, '\n'))
		}
		if err != nil {
			a.log.Error("announce addresses", "error", err)
		}
	}
}
