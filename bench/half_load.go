package bench

import (
	"context"
	"fmt"
	"path/filepath"
)

// HalfLoad is a path at a part of what it can take, beside the disk.
type HalfLoad struct {
	// PerSecond is the rate of requests of the open loop, MostPerSecond what a closed
	// loop came to.
	PerSecond     float64 `json:"perSecond"`
	MostPerSecond float64 `json:"mostPerSecond"`
	// Ack of Path counts from when a request was due.
	Path
	// Disk is a write of as many bytes as a request has into a written file, and
	// fdatasync, as often a second; half of them before the load and half after it.
	Disk Latency `json:"disk"`
	// AboveDisk is how much later the 99th percentile of the acknowledgement is, ms.
	AboveDisk float64 `json:"aboveDisk"`
}

// leastProbes make a 99th percentile, of the disk and of a path.
const leastProbes = 600

// warmSeconds is how long a load goes on before it counts: a server that has just
// begun asks the machine for memory at every step.
const warmSeconds = 3

// MeasureHalfLoad measures latencies at a share of what each of o.Paths can take:
// a closed loop first, of o.Bytes, then an open loop at the share of its rate, of as
// much or leastProbes requests, after some seconds of the same that do not count.
// Default: putlogevents/gzip/all.
func MeasureHalfLoad(ctx context.Context, o Options, share float64) (*Result, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if share <= 0 || share > 1 {
		return nil, fmt.Errorf("a share of %v: above 0 and up to 1 is possible", share)
	}
	if len(o.Paths) == 0 {
		o.Paths = []string{"putlogevents/gzip/all"}
	}
	if _, err := o.choose(); err != nil {
		return nil, err
	}
	if o.any(func(w way) bool { return w.ingest == "kafka" }) {
		return nil, fmt.Errorf("paths out of Kafka have no acknowledgement")
	}
	r := newResult(o)
	return r, o.within(func(dir string) error {
		for _, name := range o.Paths {
			h, err := o.halfLoad(ctx, dir, name, share)
			if err != nil {
				return fmt.Errorf("measure %s: %w", name, err)
			}
			r.Latencies = append(r.Latencies, *h)
		}
		return nil
	})
}

// openConnections are enough for an open loop not to wait for one while the
// server keeps up, and few enough for the largest requests on all of them to be
// below what a server takes in at once (64 MiB).
const openConnections = 32

func (o Options) halfLoad(ctx context.Context, dir, name string, share float64) (*HalfLoad, error) {
	w, err := parseWay(name)
	if err != nil {
		return nil, err
	}
	l := newLoad(o)
	o.Progress("measuring what " + name + " can take")
	rate := o.PerSecond
	o.PerSecond = 0
	closed, err := measurePath(ctx, o, filepath.Join(dir, "closed"), newScene(o, w), l)
	if err != nil {
		return nil, err
	}
	h := &HalfLoad{MostPerSecond: float64(closed.Requests) / closed.SendSeconds}
	if h.PerSecond = rate; h.PerSecond == 0 {
		h.PerSecond = h.MostPerSecond * share
	}
	d, err := newDisk(dir, len(l.requests[0].put))
	if err != nil {
		return nil, err
	}
	defer d.close()
	sc := newScene(o, w)
	sc.warm = int(warmSeconds * h.PerSecond)
	l = l.first(max(l.sends, leastProbes))
	probes := leastProbes
	o.Progress(fmt.Sprintf("measuring the disk and %s at %.1f requests a second", name, h.PerSecond))
	if err := d.probe(ctx, probes/2, h.PerSecond); err != nil {
		return nil, fmt.Errorf("measure the disk: %w", err)
	}
	o.PerSecond, o.Connections = h.PerSecond, max(o.Connections, openConnections)
	open, err := measurePath(ctx, o, filepath.Join(dir, "open"), sc, l)
	if err != nil {
		return nil, err
	}
	if err := d.probe(ctx, probes-probes/2, h.PerSecond); err != nil {
		return nil, fmt.Errorf("measure the disk: %w", err)
	}
	h.Path, h.Disk = *open, latency(d.took)
	h.AboveDisk = h.Ack.P99 - h.Disk.P99
	return h, nil
}
