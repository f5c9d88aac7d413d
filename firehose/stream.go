package firehose

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// stream is one delivery stream from its creation to its deletion. All but its
// settings, lanes, counters, deleting, cancel and done is never changed.
type stream struct {
	catalog.Scope
	Name    string
	Route   uint64
	kind    string // DeliveryStreamType
	created int64  // ms
	arn     string
	chain   string // folder of its manifests
	source  Origin // outside; zero for the log
	group   Group  // in which source is shared; nil for the log, and for a source that nobody knows

	follows Source   // a Kinesis stream of this process; nil for another source, and for none
	from    []uint64 // where follows begins, one position for each shard of the log

	retries    atomic.Int64 // attempts that failed, since the start
	lost       atomic.Int64 // positions of a source outside, since the start
	duplicates atomic.Int64 // records of one that were there before, since the start

	mu    sync.Mutex // guards what follows
	lanes []*lane    // one for each shard of the log, or for each part at hand
	past  cursor     // counters of lanes that went to other processes

	current atomic.Pointer[settings] // see follow

	cancel   context.CancelFunc // of its lanes; guarded by Room.mu
	done     sync.WaitGroup     // one for each lane's goroutine
	deleting bool               // guarded by Room.mu
}

func (r *Room) newStream(d catalog.DeliveryStream) (*stream, error) {
	c, err := newSettings(d)
	if err != nil {
		return nil, err
	}
	s := &stream{Scope: d.Scope, Name: d.Name, Route: d.Route, kind: d.Type, created: d.Created, chain: d.Name}
	s.current.Store(c)
	s.arn = awsapi.Caller{Account: d.Account, Region: d.Region}.DeliveryStreamARN(d.Name)
	if d.Scope != r.cfg.Home {
		s.chain = d.Name + "@" + d.Account + "." + d.Region
	}
	switch source := c.kept.Source; {
	case source == nil:
	case source.From == nil:
		return s, r.openSource(s, source)
	default:
		if err := r.follow(s, source); err != nil {
			return nil, err
		}
	}
	for shard := range uint32(len(r.links.States)) {
		s.lanes = append(s.lanes, r.newLocalLane(s, shard))
	}
	return s, nil
}

// all lists the lanes.
func (s *stream) all() []*lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lanes)
}

// settings are those in force now.
func (s *stream) settings() *settings { return s.current.Load() }

// settingsAt are those of some version: in force still, or read again.
func (s *stream) settingsAt(v version) (*settings, error) {
	now := s.settings()
	if uint32(now.version()) == v.number && bytes.Equal(now.defined.Config, v.config) {
		return now, nil
	}
	d := now.defined
	d.Config = v.config
	then, err := newSettings(d)
	if err != nil {
		return nil, err
	}
	then.defined.Version = int(v.number) + then.kept.Unversioned
	return then, nil
}

// follow puts settings in force, unless newer ones are, and has the lanes look at
// them. What is planned already is delivered as planned.
func (s *stream) follow(next *settings) {
	for {
		cur := s.settings()
		if cur.defined.Version >= next.defined.Version {
			return
		}
		if s.current.CompareAndSwap(cur, next) {
			break
		}
	}
	for _, l := range s.all() {
		l.heed()
	}
}

func (s *stream) key() streamName { return streamName{s.Scope, s.Name} }

// status of the API; now in ms.
func (s *stream) apiStatus(now int64, creatingFor time.Duration) string {
	switch {
	case s.deleting:
		return statusDeleting
	case now < s.created+creatingFor.Milliseconds():
		return statusCreating
	}
	return statusActive
}

const (
	statusCreating = "CREATING"
	statusActive   = "ACTIVE"
	statusDeleting = "DELETING"
)
