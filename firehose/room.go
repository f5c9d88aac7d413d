package firehose

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/cores"
)

// Room holds all delivery streams.
type Room struct {
	cfg      Config
	links    Links
	encoders slots
	uploads  slots
	gathers  slots
	outside  outsiders

	mu      sync.RWMutex // guards streams and running; never held across I/O
	streams map[streamName]*stream
	running context.Context // of Run; nil before and after it
	lanes   sync.WaitGroup  // one for each lane's goroutine
}

// streamName is what delivery streams are unique by.
type streamName struct {
	catalog.Scope
	name string
}

// slots bounds how many do something at once.
type slots chan struct{}

func (s slots) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) release() { <-s }

// encode runs what makes objects, on as many processors as encoders may have. What
// takes long gives way to whatever else wants them.
func (r *Room) encode(ctx context.Context, long bool, f func() error) (err error) {
	if err := r.encoders.acquire(ctx); err != nil {
		return err
	}
	defer r.encoders.release()
	if !long {
		return f()
	}
	cores.Background(func() { err = f() })
	return err
}

// New opens the room on the delivery streams that are defined. It starts
// nothing.
func New(cfg Config, links Links) (*Room, error) {
	if err := links.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := emptyScratch(cfg); err != nil {
		return nil, err
	}
	r := &Room{
		cfg: cfg, links: links, streams: map[streamName]*stream{},
		encoders: make(slots, cfg.Encoders), uploads: make(slots, cfg.Uploads),
		gathers: make(slots, maxGathers), outside: outsiders{limit: cfg.SpoolBytes},
	}
	for _, d := range links.Definitions.AllDeliveryStreams() {
		s, err := r.newStream(d)
		if err != nil {
			return nil, fmt.Errorf("open delivery stream %s: %w", d.Name, err)
		}
		r.streams[s.key()] = s
	}
	return r, nil
}

// Operations are the AWS operations of the room.
func (r *Room) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		r.createDeliveryStream(), r.deleteDeliveryStream(), r.describeDeliveryStream(),
		r.listDeliveryStreams(), r.updateDestination(), r.putRecord(), r.putRecordBatch(),
		r.tagDeliveryStream(), r.untagDeliveryStream(), r.listTagsForDeliveryStream(),
		r.startDeliveryStreamEncryption(), r.stopDeliveryStreamEncryption(),
	}
}

// Run delivers until ctx ends. An attempt under way is ended or finished; what
// was not cut stays in the log.
func (r *Room) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	if r.running != nil {
		r.mu.Unlock()
		return errors.New("run firehose: it runs already")
	}
	r.running = ctx
	for _, s := range r.streams {
		r.start(s)
	}
	r.mu.Unlock()

	<-ctx.Done()

	r.mu.Lock()
	r.running = nil
	r.mu.Unlock()
	r.lanes.Wait()
	return nil
}

// start runs the lanes of a stream. mu is held.
func (r *Room) start(s *stream) {
	ctx, cancel := context.WithCancel(r.running)
	s.cancel = cancel
	begin := func(run func()) {
		r.lanes.Add(1)
		s.done.Add(1)
		go func() {
			defer r.lanes.Done()
			defer s.done.Done()
			run()
		}()
	}
	if s.group != nil {
		begin(func() { s.group.Run(ctx, func(ctx context.Context, c Claim) { r.serve(ctx, s, c) }) })
		return
	}
	for _, l := range s.lanes {
		begin(func() { l.run(ctx) })
	}
}

// find returns a delivery stream and its status.
func (r *Room) find(c awsapi.Caller, name string) (*stream, string, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.streams[streamName{scopeOf(c), name}]
	if s == nil {
		return nil, "", awsapi.DeliveryStreamNotFound(c, name)
	}
	return s, s.apiStatus(r.now(), r.cfg.CreatingFor), nil
}

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}

// now is the event clock in ms.
func (r *Room) now() int64 { return r.cfg.Clock.Now().UnixMilli() }

// discard ends a stream's lanes and commits everything it holds as discarded.
func (r *Room) discard(ctx context.Context, s *stream) error {
	r.mu.RLock()
	cancel := s.cancel
	r.mu.RUnlock()
	if cancel != nil {
		cancel()
		s.done.Wait()
	}
	for _, l := range s.all() {
		if err := l.feed.discard(ctx); err != nil {
			return err
		}
	}
	return nil
}
