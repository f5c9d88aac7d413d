package firehose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"sluice/internal/vfs"
)

// outsiders are the parts of sources outside that are this process's; they share
// the scratch.
type outsiders struct {
	limit int64

	mu    sync.Mutex // guards what follows
	feeds []*remote
	made  int // so far: the next one's folder
}

// leastShare is room for a fetch, and for one more.
const leastShare = 2 * fetchBytes

// share is at what size of its spool a part delivers whatever it has; at twice
// that it reads no more.
func (o *outsiders) share() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return max(o.limit/int64(2*max(len(o.feeds), 1)), leastShare/2)
}

// allFetches bounds what all parts fetch at once.
const allFetches = 64 << 20

// fetchBytes is how much a part fetches at once.
func (o *outsiders) fetchBytes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return min(max(allFetches/max(len(o.feeds), 1), fetchBytes/16), fetchBytes)
}

func (o *outsiders) add(f *remote) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds = append(o.feeds, f)
}

// remove leaves the others a larger share.
func (o *outsiders) remove(f *remote) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feeds = slices.DeleteFunc(o.feeds, func(g *remote) bool { return g == f })
	for _, g := range o.feeds {
		signal(g.spool.room)
	}
}

// folder is that of the next spool: none is used twice.
func (o *outsiders) folder() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.made++
	return fmt.Sprintf("%06d", o.made)
}

// serve delivers one part of a stream's source until it is somebody else's.
func (r *Room) serve(ctx context.Context, s *stream, c Claim) {
	f := &remote{room: r, stream: s, claim: c}
	ctx, f.lost = context.WithCancel(ctx)
	defer f.lost()
	l := newLane(r, s, f, c.Part(), true)
	l.uuid = func(partition string, first uint64) string { return outsideUUID(s.arn, c.Part(), partition, first) }
	f.spool = newSpool(r.cfg.ScratchFS, path.Join(r.cfg.Scratch, r.outside.folder()))
	defer f.spool.close()
	r.outside.add(f)
	defer r.outside.remove(f)
	s.take(l)
	defer s.leave(l)
	if l.takeOver(ctx, f) {
		var reader sync.WaitGroup
		reader.Go(func() { f.read(ctx) })
		l.run(ctx)
		<-ctx.Done() // a lane that stopped keeps the part: nobody else would fare better
		reader.Wait()
	}
	<-ctx.Done()
}

// takeOver finds where to go on, however often it takes. Nothing is put before it is
// known, so a part that is fenced looks again, too: the manifests of a bucket that
// was away for a while are there again, and nobody had to start anything anew.
func (l *lane) takeOver(ctx context.Context, f *remote) bool {
	defer l.rest()
	for {
		l.begin()
		err := f.recover(ctx)
		if err == nil {
			l.recovered()
			return true
		}
		attempts := 0
		if ctx.Err() == nil {
			attempts, _ = l.note(err)
			l.logFailure(ctx, err)
		}
		if !l.wait(ctx, attempts) {
			l.end()
			return false
		}
	}
}

func (s *stream) take(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = append(s.lanes, l)
}

// leave keeps what a lane has counted.
func (s *stream) leave(l *lane) {
	c := l.feed.cursor()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes = slices.DeleteFunc(s.lanes, func(k *lane) bool { return k == l })
	s.past.delivered += c.delivered
	s.past.bytes += c.bytes
	s.past.objects += c.objects
	s.past.objectBytes += c.objectBytes
	s.past.quarantined += c.quarantined
	s.past.dropped += c.dropped
}

// emptyScratch removes what an earlier process left: nothing in it is needed.
func emptyScratch(cfg Config) error {
	if cfg.Scratch == "" {
		return nil
	}
	if err := removeAll(cfg.ScratchFS, cfg.Scratch); err != nil {
		return fmt.Errorf("empty scratch: %w", err)
	}
	if err := cfg.ScratchFS.MkdirAll(cfg.Scratch); err != nil {
		return fmt.Errorf("make scratch: %w", err)
	}
	return nil
}

func removeAll(fsys vfs.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			err = removeAll(fsys, name)
		} else {
			err = fsys.Remove(name)
		}
		if err != nil {
			return err
		}
	}
	return fsys.Remove(dir)
}
