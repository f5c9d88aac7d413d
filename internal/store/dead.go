package store

import (
	"context"
	"errors"
	"math"
	"time"

	"sluice/internal/clock"
	"sluice/internal/compact"
	"sluice/internal/wal"
)

// hollowShare of a file that is dead makes it worth rewriting.
const hollowShare = 3 // a third

// hollow finds a file of which a good part belongs to log groups that were
// deleted, are not kept, or have expired altogether, and is needed no more.
func (sh *Shard) hollow(files []*kept) ([]*kept, error) {
	now := clock.Machine{}.Now()
	for _, k := range files {
		total, dead := sh.deadText(k)
		if dead == 0 || dead*hollowShare < total || now.Before(k.partly) {
			continue
		}
		gone, err := sh.removableOf(k)
		if err != nil {
			return nil, err
		}
		if gone*hollowShare >= total {
			return []*kept{k}, nil
		}
		k.partly = now.Add(askAgain)
	}
	return nil, nil
}

// removableOf is how much text of a file is dead and waits for no delivery.
func (sh *Shard) removableOf(k *kept) (text int64, err error) {
	refs, err := sh.referenced(k.first, k.last)
	if err != nil {
		return 0, err
	}
	for _, uid := range groupsOf([]*kept{k}) {
		err := k.file.Places(uid, 0, math.MinInt64, math.MaxInt64, nil, func(p compact.Place) {
			if _, dead := sh.dead(uid, p.Stream, p.Greatest); dead && !refs[p.Number] {
				text += int64(p.Bytes)
			}
		})
		if err != nil {
			if err = sh.damaged(k, err); !errors.Is(err, wal.ErrTrimmed) {
				return 0, err
			}
		}
	}
	return text, nil
}

// deadText looks at a file's directory only.
func (sh *Shard) deadText(k *kept) (total, dead int64) {
	k.file.Groups(func(g compact.Group) {
		total += g.Bytes
		if _, gone := sh.dead(g.UID, 0, g.Greatest); gone {
			dead += g.Bytes
		}
	})
	return total, dead
}

// askAgain is when a dead file that deliveries still need is looked at again: to
// find that out reads all matches behind it.
const askAgain = time.Minute

// removeDead takes off the disk, without reading them, files of which nothing is
// alive: all their log groups were deleted or have expired, and no match that
// waits for its delivery refers to them or is in them.
func (sh *Shard) removeDead(ctx context.Context) (bool, error) {
	files, _ := sh.files.acquire()
	defer sh.files.release(files...)
	for _, k := range files {
		if total, dead := sh.deadText(k); dead < total {
			continue
		}
		if (clock.Machine{}).Now().Before(k.wanted) {
			continue
		}
		gone, err := sh.removable(k)
		if err != nil {
			return false, err
		}
		if gone == nil {
			k.wanted = clock.Machine{}.Now().Add(askAgain)
			continue
		}
		if err := sh.settle(ctx); err != nil {
			return false, err
		}
		if err := sh.countWhole(gone); err != nil {
			return false, err
		}
		sh.files.remove(k)
		return true, nil
	}
	return false, nil
}

// removable counts what a dead file holds; nil when it is still needed.
func (sh *Shard) removable(k *kept) (*removal, error) {
	needed := false
	if k.stats.Frames > 0 {
		err := k.file.Frames(k.first, k.last+1, func(f wal.Frame) error {
			if needed = sh.keeps(f); needed {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			if err = sh.damaged(k, err); !errors.Is(err, wal.ErrTrimmed) {
				return nil, err
			}
		}
	}
	if needed {
		return nil, nil
	}
	if refs, err := sh.referenced(k.first, k.last); err != nil || len(refs) > 0 {
		return nil, err
	}
	return sh.contents(k, 0)
}

// contents counts all that a file holds, by its index; why 0 asks for each
// batch's own reason.
func (sh *Shard) contents(k *kept, why Reason) (*removal, error) {
	gone := &removal{first: k.first, last: k.last}
	var groups []uint64
	k.file.Groups(func(g compact.Group) { groups = append(groups, g.UID) })
	for _, uid := range groups {
		err := k.file.Places(uid, 0, math.MinInt64, math.MaxInt64, nil, func(p compact.Place) {
			reason := why
			if reason == 0 {
				reason, _ = sh.dead(uid, p.Stream, p.Greatest)
				reason = max(reason, Deleted)
			}
			gone.add(reason, uid, p.Stream, int64(p.Count), int64(p.Bytes-p.Count))
		})
		if err != nil {
			if err = sh.damaged(k, err); !errors.Is(err, wal.ErrTrimmed) {
				return nil, err
			}
		}
	}
	return gone, nil
}
