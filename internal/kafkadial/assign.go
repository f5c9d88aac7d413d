package kafkadial

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/clock"
)

// ErrMissed says that a topic has partitions that nobody was given.
var ErrMissed = errors.New("a topic has partitions that the group did not know when it handed them out")

// Assigner hands the partitions of topics out to the members of a group, as the
// library does, and looks whether it missed some. The library looks for more than
// there were when a generation began: partitions that came after they were handed
// out and before that, all of them where a topic is being made, would be nobody's
// until something else has the group rebalance. An Assigner is for one
// kafka.ConsumerGroup.
type Assigner struct {
	clock clock.Machine

	mu    sync.Mutex     // guards given
	given map[string]int // partitions by topic; nil: another member hands them out
}

// Balancers are the library's own, in its order: members of other versions agree.
func (a *Assigner) Balancers() []kafka.GroupBalancer {
	return []kafka.GroupBalancer{counting{kafka.RangeGroupBalancer{}, a}, counting{kafka.RoundRobinGroupBalancer{}, a}}
}

// counting notes how many partitions were there.
type counting struct {
	kafka.GroupBalancer
	a *Assigner
}

// AssignGroups implements kafka.GroupBalancer.
func (c counting) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	given := map[string]int{}
	for _, p := range partitions {
		given[p.Topic]++
	}
	c.a.mu.Lock()
	c.a.given = given
	c.a.mu.Unlock()
	return c.GroupBalancer.AssignGroups(members, partitions)
}

// The pauses between two looks: a topic that is being made is there soon.
const (
	leastLook = 250 * time.Millisecond
	mostLook  = 5 * time.Second
)

// Watch returns ErrMissed when one of the topics has more partitions than this member
// handed out for the generation that has just begun; nil when ctx ends, or at once
// when another member did.
func (a *Assigner) Watch(ctx context.Context, c *Client, topics ...string) error {
	a.mu.Lock()
	given := maps.Clone(a.given)
	a.given = nil
	a.mu.Unlock()
	if given == nil {
		return nil
	}
	missed := false // at the last look: what the client knows may be older than what was handed out
	for pause := leastLook; a.clock.Sleep(ctx, pause) == nil; pause = min(2*pause, mostLook) {
		res, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
		if err != nil {
			continue // who reads partitions says so
		}
		before := missed
		missed = false
		for _, t := range res.Topics {
			if t.Error != nil || len(t.Partitions) <= given[t.Name] {
				continue
			}
			if missed = true; before {
				return fmt.Errorf("%w: %d of %s, it handed out %d", ErrMissed, len(t.Partitions), t.Name, given[t.Name])
			}
		}
	}
	return nil
}
