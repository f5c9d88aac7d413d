package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/firehose"
	"sluice/internal/clock"
	"sluice/internal/kafkadial"
)

// Config is one topic and the group that shares it. Cluster, Topic and GroupID are
// required.
type Config struct {
	Cluster *kafkadial.Cluster
	Topic   string
	GroupID string
	// Start is where partitions begin of which the group has no offset: at the
	// first record from then on. Zero is the first record there is.
	Start time.Time
	// SessionTimeout is how long brokers wait for a silent member. Default 30 s.
	SessionTimeout time.Duration
	// Logger takes what nobody asked for. Default slog.Default.
	Logger *slog.Logger
}

// Group is a topic shared by the members of a consumer group.
type Group struct {
	cfg   Config
	clock clock.Machine
}

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Group, error) {
	if cfg.Cluster == nil || cfg.Topic == "" || cfg.GroupID == "" {
		return nil, errors.New("make group of a topic: cluster, topic and group are needed")
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = cfg.Logger.With("topic", cfg.Topic, "group", cfg.GroupID)
	return &Group{cfg: cfg}, nil
}

const (
	metadataTTL  = time.Second // a leader that moved is found within
	groupTimeout = 10 * time.Second
	watchTopics  = 5 * time.Second // for partitions that are added
	joinBackoff  = time.Second
)

// Run implements firehose.Group.
func (g *Group) Run(ctx context.Context, serve func(ctx context.Context, c firehose.Claim)) {
	for ctx.Err() == nil {
		if err := g.session(ctx, serve); err != nil && ctx.Err() == nil {
			g.cfg.Logger.Error("kafka group is joined anew", "why", err)
			_ = g.clock.Sleep(ctx, joinBackoff) // ctx is looked at next
		}
	}
}

// session is a member from joining to leaving, over connections of its own.
func (g *Group) session(ctx context.Context, serve func(ctx context.Context, c firehose.Claim)) error {
	client := g.cfg.Cluster.Client(metadataTTL, g.cfg.Topic)
	defer client.Close()
	var assigner kafkadial.Assigner
	group, err := kafka.NewConsumerGroup(g.groupConfig(&assigner))
	if err != nil {
		return fmt.Errorf("join group %s: %w", g.cfg.GroupID, err)
	}
	defer group.Close()
	// Leaving ends the generation: it must not wait for the generation's end.
	defer context.AfterFunc(ctx, func() { go group.Close() })()
	for {
		generation, err := group.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return ctx.Err()
		}
		if err != nil {
			g.cfg.Logger.Warn("kafka group", "error", err)
			continue // the group waits before it tries again
		}
		m := &member{g: g, client: client, generation: generation, assigner: &assigner}
		ended := make(chan struct{})
		generation.Start(func(ctx context.Context) {
			defer close(ended)
			m.run(ctx, serve)
		})
		<-ended
	}
}

func (g *Group) groupConfig(a *kafkadial.Assigner) kafka.ConsumerGroupConfig {
	return kafka.ConsumerGroupConfig{
		ID: g.cfg.GroupID, Brokers: g.cfg.Cluster.Brokers(), Dialer: g.cfg.Cluster.Dialer(), Topics: []string{g.cfg.Topic},
		GroupBalancers:    a.Balancers(),
		HeartbeatInterval: min(max(g.cfg.SessionTimeout/10, 50*time.Millisecond), 3*time.Second),
		SessionTimeout:    g.cfg.SessionTimeout, RebalanceTimeout: g.cfg.SessionTimeout,
		JoinGroupBackoff: joinBackoff, WatchPartitionChanges: true, PartitionWatchInterval: watchTopics,
		StartOffset: kafka.FirstOffset, Timeout: groupTimeout,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			g.cfg.Logger.Debug("kafka client", "says", fmt.Sprintf(format, args...))
		}),
	}
}

// member is this process in one generation of the group.
type member struct {
	g          *Group
	client     *kafkadial.Client
	generation *kafka.Generation
	assigner   *kafkadial.Assigner
}

// run serves the member's partitions until the generation ends, a commit shows that
// it has, or there are partitions that it does not know.
func (m *member) run(ctx context.Context, serve func(ctx context.Context, c firehose.Claim)) {
	ctx, expel := context.WithCancel(ctx)
	defer expel()
	assigned := m.generation.Assignments[m.g.cfg.Topic]
	m.g.cfg.Logger.Info("kafka partitions assigned", "generation", m.generation.ID, "partitions", len(assigned))
	var wg sync.WaitGroup
	for _, a := range assigned {
		c := &claim{m: m, partition: a.ID, expel: expel}
		wg.Go(func() { serve(ctx, c) })
	}
	wg.Go(func() {
		if err := m.assigner.Watch(ctx, m.client, m.g.cfg.Topic); err != nil {
			m.g.cfg.Logger.Warn("kafka partitions are handed out anew", "why", err)
			expel()
		}
	})
	<-ctx.Done() // a member without partitions waits for the next generation
	wg.Wait()
}
