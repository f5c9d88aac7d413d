package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// oneIn is how rarely each error comes on a bad day.
const oneIn = 8

var errCut = errors.New("this connection is cut")

// moods is what goes wrong with a cluster at the moment.
type moods struct {
	cluster *kfake.Cluster
	faults  *kfake.FaultHandle // nil on a good day
	cut     atomic.Bool
}

func newMoods(c *kfake.Cluster) *moods {
	m := &moods{cluster: c}
	c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		if !m.cut.Load() {
			return nil, nil, false
		}
		c.KeepControl()
		return nil, errCut, true
	})
	return m
}

// obey carries out a command.
func (m *moods) obey(command string) error {
	name, argument, _ := strings.Cut(command, " ")
	switch name {
	case "bad":
		seed, err := strconv.ParseUint(argument, 10, 64)
		if err != nil {
			return fmt.Errorf("seed %q is no number", argument)
		}
		m.heal()
		m.faults = m.cluster.Fault(badDay(seed)...)
	case "cut":
		m.cut.Store(true)
	case "move":
		m.cluster.ShufflePartitionLeaders()
		m.cluster.RehashCoordinators()
	case "heal":
		m.heal()
	default:
		return fmt.Errorf("%q is no command", name)
	}
	return nil
}

func (m *moods) heal() {
	m.cut.Store(false)
	if m.faults != nil {
		m.faults.Remove()
		m.faults = nil
	}
}

// badDay are errors that clients have to live with. Those of the first group come
// after the work was done: who sends again has sent twice.
func badDay(seed uint64) (all []kfake.Fault) {
	rng := rand.New(rand.NewPCG(seed, 1)) // of the cluster's goroutine
	now := func(kmsg.Request) bool { return rng.IntN(oneIn) == 0 }
	for _, f := range []struct {
		key kmsg.Key
		err *kerr.Error
	}{
		{kmsg.Produce, kerr.NotEnoughReplicasAfterAppend},
		{kmsg.Produce, kerr.RequestTimedOut},
		{kmsg.OffsetCommit, kerr.RequestTimedOut},

		{kmsg.Produce, kerr.NotLeaderForPartition},
		{kmsg.Produce, kerr.NotEnoughReplicas},
		{kmsg.Fetch, kerr.NotLeaderForPartition},
		{kmsg.Fetch, kerr.KafkaStorageError},
		{kmsg.ListOffsets, kerr.NotLeaderForPartition},
		{kmsg.Metadata, kerr.LeaderNotAvailable},
		{kmsg.FindCoordinator, kerr.CoordinatorNotAvailable},
		{kmsg.JoinGroup, kerr.CoordinatorLoadInProgress},
		{kmsg.SyncGroup, kerr.NotCoordinator},
		{kmsg.Heartbeat, kerr.RebalanceInProgress},
		{kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress},
		{kmsg.OffsetCommit, kerr.CoordinatorNotAvailable},
	} {
		all = append(all, kfake.Fault{Keys: []kmsg.Key{f.key}, Err: f.err, Count: -1, When: now})
	}
	return all
}
