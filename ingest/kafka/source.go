package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/clock"
	"sluice/internal/kafkadial"
)

// Source reads topics into the log. It runs once.
type Source struct {
	cfg    Config
	links  Links
	clock  clock.Machine // of sockets and the group's session
	time   timePath
	budget budget
	counts counts

	heartbeat time.Duration // interval

	mu         sync.Mutex // guards partitions
	partitions []*partition
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// New checks the configuration. It connects to nothing.
func New(cfg Config, links Links) (*Source, error) {
	if links.Cluster == nil || links.Definitions == nil || links.Appender == nil || links.Marks == nil || links.Clock == nil {
		return nil, errors.New("make kafka source: cluster, definitions, appender, marks and clock are needed")
	}
	err := cfg.Check()
	if err == nil && !namePattern.MatchString(cfg.Name) {
		err = fmt.Errorf("name: %q is not 1 to 64 letters, digits, dots, dashes and underscores", cfg.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("kafka source %s: %w", cfg.Name, err)
	}
	cfg.setDefaults()
	cfg.Logger = cfg.Logger.With("kafka_source", cfg.Name)
	path, err := parseTimePath(cfg.Timestamp)
	return &Source{
		cfg: cfg, links: links, time: path, budget: budget{limit: cfg.MaxBufferBytes},
		heartbeat: min(max(cfg.SessionTimeout/10, 50*time.Millisecond), 3*time.Second),
	}, err
}

// Name is the source's name.
func (s *Source) Name() string { return s.cfg.Name }

const (
	groupTimeout = 10 * time.Second       // for an answer of the coordinator
	minFetch     = 64 << 10               // asked of a partition that has nothing new
	holdBudget   = 500 * time.Millisecond // that a fetch of more may keep budget for what does not come
	metadataTTL  = time.Second            // a leader that moved is found within
	joinBackoff  = time.Second
	minBackoff   = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	watchTopics  = 5 * time.Second // for partitions that are added
)

// Run reads until ctx ends, then commits what is stored, leaves the group and
// returns ctx's error. Everything that can go wrong with brokers is tried again.
func (s *Source) Run(ctx context.Context) error {
	pause := minBackoff
	for ctx.Err() == nil {
		started := s.clock.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			break
		}
		s.counts.restarts.Add(1)
		s.cfg.Logger.Error("kafka group is joined anew", "group", s.cfg.GroupID, "after", s.clock.Now().Sub(started).String(), "why", err)
		if s.clock.Sleep(ctx, pause) != nil {
			break
		}
		pause = min(2*pause, maxBackoff)
	}
	return ctx.Err()
}

// session is a member of the group from joining to leaving, over connections of
// its own.
func (s *Source) session(ctx context.Context) error {
	c := s.links.Cluster.Client(metadataTTL, s.cfg.Topics...)
	defer c.Close()
	var assigner kafkadial.Assigner
	group, err := kafka.NewConsumerGroup(s.groupConfig(&assigner))
	if err != nil {
		return fmt.Errorf("join group %s: %w", s.cfg.GroupID, err)
	}
	defer group.Close()
	// Leaving ends the generation: it must not wait for the generation's end.
	leave := func() { go group.Close() }
	defer context.AfterFunc(ctx, leave)()
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return ctx.Err()
		}
		if err != nil {
			s.counts.groupErrors.Add(1)
			s.cfg.Logger.Warn("kafka group", "group", s.cfg.GroupID, "error", err)
			continue // the group waits before it tries again
		}
		s.counts.rebalances.Add(1)
		m := s.newMember(c, generation, &assigner, leave)
		ended := make(chan error, 1)
		generation.Start(func(ctx context.Context) { ended <- m.run(ctx) })
		if err := <-ended; errors.Is(err, errStalled) {
			return err
		}
	}
}

func (s *Source) groupConfig(a *kafkadial.Assigner) kafka.ConsumerGroupConfig {
	start := int64(kafka.FirstOffset)
	if s.cfg.Start == latest {
		start = kafka.LastOffset
	}
	return kafka.ConsumerGroupConfig{
		ID: s.cfg.GroupID, Brokers: s.links.Cluster.Brokers(), Dialer: s.links.Cluster.Dialer(), Topics: s.cfg.Topics,
		GroupBalancers:    a.Balancers(),
		HeartbeatInterval: s.heartbeat,
		SessionTimeout:    s.cfg.SessionTimeout, RebalanceTimeout: s.cfg.SessionTimeout,
		JoinGroupBackoff: joinBackoff, WatchPartitionChanges: true, PartitionWatchInterval: watchTopics,
		StartOffset: start, Timeout: groupTimeout,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			s.cfg.Logger.Debug("kafka client", "says", fmt.Sprintf(format, args...))
		}),
	}
}

func (s *Source) assign(p []*partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions = slices.Clone(p)
}
