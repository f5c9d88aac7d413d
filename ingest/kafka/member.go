package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/kafkadial"
)

var (
	errFenced  = errors.New("the group goes on without this member")
	errStalled = errors.New("lag stands still")
)

// member is this process in one generation of the group.
type member struct {
	s          *Source
	c          *kafkadial.Client
	generation *kafka.Generation
	assigner   *kafkadial.Assigner
	partitions []*partition
	leave      func() // leaves the group, without waiting

	mu     sync.Mutex // guards proven and serialises commits
	proven time.Time  // when the broker last took this member for one of the generation
}

func (s *Source) newMember(c *kafkadial.Client, g *kafka.Generation, a *kafkadial.Assigner, leave func()) *member {
	m := &member{s: s, c: c, generation: g, assigner: a, leave: leave, proven: s.clock.Now()}
	for topic, assigned := range g.Assignments {
		for _, a := range assigned {
			m.partitions = append(m.partitions, s.newPartition(m, topic, a))
		}
	}
	return m
}

// run reads the member's partitions until the generation ends, and commits what
// they stored: while others join, the broker still takes it.
func (m *member) run(ctx context.Context) error {
	m.s.cfg.Logger.Info("kafka partitions assigned", "group", m.generation.GroupID, "generation", m.generation.ID, "partitions", len(m.partitions))
	m.s.assign(m.partitions)
	defer m.s.assign(nil)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var wg sync.WaitGroup
	for _, p := range m.partitions {
		wg.Go(func() {
			if err := p.run(ctx); errors.Is(err, errFenced) {
				end(err)
			}
		})
	}
	wg.Go(func() { m.commitRegularly(ctx, end) })
	wg.Go(func() { m.watch(ctx, end) })
	wg.Go(func() {
		if err := m.assigner.Watch(ctx, m.c, m.s.cfg.Topics...); err != nil {
			m.s.cfg.Logger.Warn("kafka partitions are handed out anew", "group", m.generation.GroupID, "why", err)
			end(err)
		}
	})
	wg.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, errFenced) {
		return cause
	}
	if err := m.commit(); err != nil {
		m.s.cfg.Logger.Warn("kafka offsets are not committed: the next owner reads some records again", "error", err)
	}
	return context.Cause(ctx)
}

func (m *member) commitRegularly(ctx context.Context, end context.CancelCauseFunc) {
	for m.s.clock.Sleep(ctx, m.s.cfg.CommitInterval) == nil {
		err := m.commit()
		switch {
		case errors.Is(err, errFenced):
			end(err)
		case err != nil:
			m.s.counts.groupErrors.Add(1)
			m.s.cfg.Logger.Warn("kafka offsets are not committed yet", "error", err)
		}
	}
}

// commit tells Kafka how far the log is.
func (m *member) commit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commitLocked(false)
}

// commitLocked commits the offsets that moved, all of them when it is to prove
// that this is still a member.
func (m *member) commitLocked(all bool) error {
	now := m.s.clock.Now()
	offsets := map[string]map[int]int64{}
	for _, p := range m.partitions {
		at, moved := p.committable()
		if at < 0 || !moved && !all {
			continue
		}
		if offsets[p.topic] == nil {
			offsets[p.topic] = map[int]int64{}
		}
		offsets[p.topic][p.id] = at
	}
	if len(offsets) == 0 {
		return nil
	}
	if err := m.generation.CommitOffsets(offsets); err != nil {
		if expelled(err) {
			return fmt.Errorf("commit offsets: %w: %w", errFenced, err)
		}
		return fmt.Errorf("commit offsets: %w", err)
	}
	m.proven = now
	for _, p := range m.partitions {
		if at, ok := offsets[p.topic][p.id]; ok {
			p.committed(at)
		}
	}
	return nil
}

// expelled tells that the broker knows another generation, or not this member.
func expelled(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) ||
		errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.FencedInstanceID)
}

// prove returns nil if the group surely still counts on this member: a process
// that was stopped for longer than its session wakes up with records in hand that
// belong to somebody else now.
func (m *member) prove() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.s.clock.Now().Sub(m.proven) < m.s.cfg.SessionTimeout/2 {
		return nil
	}
	return m.commitLocked(true)
}

// watch looks after lag that stands still, with eyes of its own: a reader that
// hangs does not know how much there is to read.
func (m *member) watch(ctx context.Context, end context.CancelCauseFunc) {
	for m.s.clock.Sleep(ctx, m.s.cfg.StallTimeout/4) == nil {
		for _, p := range m.partitions {
			if _, last, err := m.c.Bounds(ctx, p.topic, p.id); err == nil {
				p.saw(last)
			}
			if p.stalled(m.s.clock.Now(), m.s.cfg.StallTimeout) {
				m.s.counts.stalls.Add(1)
				m.s.cfg.Logger.Error("kafka partition stands still", "topic", p.topic, "partition", p.id, "lag", p.status().Lag(), "for", m.s.cfg.StallTimeout.String())
				end(errStalled)
				m.leave()
				return
			}
		}
	}
}
