package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measureBacklog is about a store that is away while a load comes in, and comes
// back: CPU and wall time are those of catching up, acknowledgements those while
// it was away. The store is a folder whose bucket cannot be made, for a file has
// its name.
func measureBacklog(ctx context.Context, o Options, dir string, sc *scene, l *load) (_ *Path, err error) {
	if sc.s3 || sc.ingest == "kafka" {
		return nil, errors.New("the backlog is measured on a path over HTTP into a folder")
	}
	store := filepath.Join(dir, "data", "s3")
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(store, bucket), nil, 0o600); err != nil {
		return nil, err
	}
	s, err := startServer(ctx, o, dir, sc)
	if err != nil {
		return nil, err
	}
	p, err := catchUp(ctx, o, s, sc, l)
	if stopped := s.stop(); stopped != nil {
		return nil, errors.Join(err, fmt.Errorf("stop the server: %w: %s", stopped, s.said.String()))
	}
	if err != nil {
		return nil, err
	}
	total, size, err := countObjects(s.bucket, sc.format)
	if p.Delivered, p.ObjectBytes = total, size; err == nil && total != p.Selected {
		err = fmt.Errorf("%d events were selected and %d are in the objects", p.Selected, total)
	}
	return p, errors.Join(err, os.RemoveAll(dir))
}

func catchUp(ctx context.Context, o Options, s *server, sc *scene, l *load) (*Path, error) {
	took := newTimings()
	if err := sc.send(ctx, s, o, l, o.Connections, o.PerSecond, took); err != nil {
		return nil, err
	}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	if err := os.Remove(s.bucket); err != nil {
		return nil, err
	}
	delivered := newDeliveries(s.bucket)
	if err := delivered.await(ctx, 1); err != nil { // the next attempt may be a while
		return nil, err
	}
	began := time.Now()
	first := delivered.records
	if err := delivered.await(ctx, l.count(sc.keep)); err != nil {
		return nil, err
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	p := newPath(sc, l, before, after)
	p.Ack = latency(took.ack)
	// The first cut was seen when it was done: the wall time is that of the rest.
	if rest := p.Selected - first; rest > 0 {
		p.WallSeconds = time.Since(began).Seconds() * float64(p.Selected) / float64(rest)
	}
	return p, nil
}
