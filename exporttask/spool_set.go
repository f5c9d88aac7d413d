package exporttask

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"sluice/internal/store"
)

const (
	// spoolBatch is the mean size of batches from which a block holds so few of
	// them that streams are read from the store.
	spoolBatch = 384 << 10
)

// nextSet picks the folders that come next, and fills a spool with their streams
// where that is worth it.
func (j *job) nextSet(ctx context.Context, open []folder) ([]folder, *spool, error) {
	if j.direct {
		return open, nil, nil
	}
	s, some := j.reopenSpool(open)
	if s != nil && s.whole {
		return some, s, nil
	}
	if err := j.awaitTurn(ctx); err != nil {
		if s != nil {
			err = errors.Join(err, s.close())
		}
		return nil, nil, err
	}
	defer func() { <-j.room.filling }()
	if s != nil {
		if err := j.fillSpool(ctx, s); err == nil {
			return some, s, nil
		} else if ctx.Err() != nil {
			return nil, nil, errors.Join(err, s.close())
		}
		j.letGo(s, true)
	}
	return j.newSet(ctx, open)
}

// awaitTurn waits for the tasks that pick and fill before this one: what is free on
// the disk is there once, and the part in the making is in memory.
func (j *job) awaitTurn(ctx context.Context) error {
	select {
	case j.room.filling <- struct{}{}:
		return nil
	default:
	}
	j.waits("another task fills its spool")
	defer j.waits("")
	select {
	case j.room.filling <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// newSet picks folders, and fills a spool for them where that is worth it.
func (j *job) newSet(ctx context.Context, open []folder) ([]folder, *spool, error) {
	some, bytes := j.pickSet(open)
	if worth := len(some) > 1 && bytes >= j.room.cfg.SpoolLeast; !worth || !j.mixed(ctx, some, bytes) {
		return some, nil, nil
	}
	s, err := createSpool(j.room.cfg.FS, j.spoolPath(), uids(some))
	if err == nil {
		j.goAround(s)
		err = j.fillSpool(ctx, s)
	}
	switch {
	case err == nil:
		return some, s, nil
	case ctx.Err() != nil:
		if s != nil {
			err = errors.Join(err, s.close())
		}
		return nil, nil, err
	}
	j.room.cfg.Logger.Warn("export goes on without a spool", "task", j.task.ID, "error", err)
	if s != nil {
		j.letGo(s, true)
	}
	return some, nil, nil
}

// pickSet takes the first folders, as many as the spool has room for, or one.
func (j *job) pickSet(open []folder) (some []folder, bytes int64) {
	cfg := &j.room.cfg
	limit := cfg.SpoolBytes
	if free, err := cfg.FS.Free(cfg.Dir); err == nil {
		limit = min(limit, free/4)
	}
	for i := range open {
		size := j.bytes(uids(open[i : i+1]))
		if i > 0 && bytes+size > limit {
			return open[:i], bytes
		}
		bytes += size
	}
	return open, bytes
}

// mixed tells whether the batches of a set are so small that streams share
// blocks.
func (j *job) mixed(ctx context.Context, some []folder, bytes int64) bool {
	t, cfg := &j.task, &j.room.cfg
	wanted := map[uint64]bool{}
	for _, uid := range uids(some) {
		wanted[uid] = true
	}
	var n int64
	err := cfg.Events.Places(ctx, store.Query{Group: t.GroupUID, From: t.From, To: t.To + 1}, t.Below, func(p store.Place) {
		if wanted[p.Stream] {
			n++
		}
	})
	return err == nil && n > bytes/spoolBatch
}

func uids(folders []folder) (all []uint64) {
	for _, f := range folders {
		for _, s := range f.streams {
			all = append(all, s.UID)
		}
	}
	return all
}

// bytes is what streams hold of messages.
func (j *job) bytes(streams []uint64) (n int64) {
	for _, uid := range streams {
		n += j.room.cfg.StreamBytes(uid)
	}
	return n
}

func (j *job) spoolPath() string {
	return filepath.Join(j.room.cfg.Dir, j.task.ID+spoolExtension)
}

// reopenSpool finds the spool that a process before this one filled, and the
// open folders that it is for.
func (j *job) reopenSpool(open []folder) (*spool, []folder) {
	s, err := openSpool(j.room.cfg.FS, j.spoolPath())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			j.removeSpool()
		}
		return nil, nil
	}
	var some []folder
	for _, f := range open {
		whole := true
		for _, stream := range f.streams {
			whole = whole && s.holds(stream.UID)
		}
		if whole {
			some = append(some, f)
		}
	}
	if len(some) == 0 {
		j.letGo(s, true)
		return nil, nil
	}
	j.goAround(s)
	return s, some
}

// goAround has a spool go around the page cache if that pays.
func (j *job) goAround(s *spool) {
	if pays(j.bytes(s.streams), len(s.streams)) {
		s.goAround()
	}
}

func (j *job) fillSpool(ctx context.Context, s *spool) error {
	t := &j.task
	filling := spooling{
		spool: s, events: j.room.cfg.Events, query: store.Query{Group: t.GroupUID, From: t.From, To: t.To + 1},
		after: t.After, below: t.Below, rounds: roundPlaces, bytes: s.partBytes(),
	}
	if j.pattern != nil {
		filling.query.Needles = j.pattern.Literals()
	}
	return filling.fill(ctx)
}

// letGo closes a spool; one that is done leaves the disk.
func (j *job) letGo(s *spool, done bool) {
	if err := s.close(); err != nil {
		j.room.cfg.Logger.Warn("close export spool", "task", j.task.ID, "error", err)
	}
	if done {
		j.removeSpool()
	}
}

func (j *job) removeSpool() {
	if err := j.room.cfg.FS.Remove(j.spoolPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		j.room.cfg.Logger.Warn("remove export spool", "task", j.task.ID, "error", err)
	}
}
