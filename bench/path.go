package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// measurePath runs a scene on a fresh server, and what it needs beside it.
func measurePath(ctx context.Context, o Options, dir string, sc *scene, l *load) (_ *Path, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	stop, err := sc.start(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s, err := startServer(ctx, o, dir, sc)
	if err != nil {
		return nil, err
	}
	p, err := measureOn(ctx, o, s, sc, l)
	if stopped := s.stop(); stopped != nil {
		return nil, errors.Join(err, fmt.Errorf("stop the server: %w: %s", stopped, s.said.String()))
	}
	if err != nil {
		return nil, err
	}
	if err := p.countOutput(s.bucket, sc, l); err != nil {
		return nil, err
	}
	return p, os.RemoveAll(dir)
}

// measureOn sends a load to a server that runs, after some of it as a warm-up.
func measureOn(ctx context.Context, o Options, s *server, sc *scene, l *load) (*Path, error) {
	if err := sc.define(ctx, s); err != nil {
		return nil, err
	}
	warm, delivered := sc.warmUp(l), newDeliveries(s.bucket)
	connections, rate := 1, 0.0
	if sc.warm > 0 {
		connections, rate = o.Connections, o.PerSecond
	}
	if err := sc.send(ctx, s, o, warm, connections, rate, nil); err != nil {
		return nil, err
	}
	if err := delivered.await(ctx, warm.count(sc.keep)); err != nil {
		return nil, err
	}
	before, err := s.usage()
	if err != nil {
		return nil, err
	}
	allocated, _, err := s.allocations()
	if err != nil {
		return nil, err
	}
	began, took := time.Now(), newTimings()
	if err := sc.send(ctx, s, o, l, o.Connections, o.PerSecond, took); err != nil {
		return nil, err
	}
	sent := time.Since(began)
	if err := delivered.await(ctx, warm.count(sc.keep)+l.count(sc.keep)); err != nil {
		return nil, err
	}
	after, err := s.usage()
	if err != nil {
		return nil, err
	}
	wall := time.Since(began)
	allocatedThen, asking, err := s.allocations()
	if err != nil {
		return nil, err
	}
	p := newPath(sc, l, before, after)
	p.SendSeconds, p.WallSeconds = sent.Seconds(), wall.Seconds()
	if sc.ingest != "kafka" {
		p.Ack, p.Late = latency(took.ack), latency(took.late)
	}
	p.AllocsPerEvent = max(0, allocatedThen-allocated-2*asking) / float64(p.Events)
	return p, nil
}

// newPath is a path with what the server used between two instants.
func newPath(sc *scene, l *load, before, after usage) *Path {
	p := &Path{
		Name: sc.way.String(), Requests: l.sends, MessageBytes: l.bytes(), Events: l.count("all"), Selected: l.count(sc.keep),
		CPUSeconds: (after.cpu - before.cpu).Seconds(), PeakRSSBytes: after.rss,
	}
	p.CPUSecondsPerGB = p.CPUSeconds / (float64(p.MessageBytes) / 1e9)
	p.MBPerCPUSecond = float64(p.MessageBytes) / 1e6 / max(p.CPUSeconds, 1e-3)
	p.WrittenPerByte = float64(after.written-before.written) / float64(p.MessageBytes)
	return p
}

// countOutput wants every selected event in the objects of a bucket's folder.
func (p *Path) countOutput(folder string, sc *scene, l *load) error {
	total, size, err := countObjects(folder, sc.format)
	if err != nil {
		return err
	}
	p.Delivered, p.ObjectBytes = total-sc.warmUp(l).count(sc.keep), size
	if p.Delivered != p.Selected {
		return fmt.Errorf("%d events were selected and %d are in the objects", p.Selected, p.Delivered)
	}
	return nil
}

// deliverWithin bounds the wait for objects without any progress.
const deliverWithin = 90 * time.Second

// deliveries are counted by the manifests in a bucket's folder: to ask the server
// would be work that is measured.
type deliveries struct {
	pattern string
	seen    map[string]bool
	records int64
}

func newDeliveries(bucket string) *deliveries {
	return &deliveries{pattern: filepath.Join(bucket, "_sluice", "commit", "*", "*", "*.json"), seen: map[string]bool{}}
}

// look reads the manifests that are new.
func (d *deliveries) look() error {
	files, err := filepath.Glob(d.pattern)
	if err != nil {
		return err
	}
	for _, file := range files {
		if d.seen[file] {
			continue
		}
		records, ok, err := manifestRecords(file)
		if err != nil {
			return err
		}
		if ok {
			d.seen[file], d.records = true, d.records+records
		}
	}
	return nil
}

// await waits until a number of events is delivered.
func (d *deliveries) await(ctx context.Context, events int64) error {
	for last, since := d.records, time.Now(); ; {
		if err := d.look(); err != nil {
			return err
		}
		switch {
		case d.records >= events:
			return nil
		case d.records > last:
			last, since = d.records, time.Now()
		case time.Since(since) > deliverWithin:
			return fmt.Errorf("%d of %d events are delivered, and no more come", d.records, events)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
