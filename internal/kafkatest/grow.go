package kafkatest

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Grow gives a topic more partitions at the worst moment: when the leader of a group
// has handed out those that there were, and no member has begun to read. done says
// what came of it, and that it came.
func Grow(c *kfake.Cluster, topic string, partitions int) (done <-chan error) {
	grown, addrs := make(chan error, 1), c.ListenAddrs()
	c.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.DropControl()
		c.SleepControl(func() { grown <- grow(addrs, topic, partitions) })
		return nil, nil, false
	})
	return grown
}

func grow(addrs []string, topic string, partitions int) (err error) {
	for _, addr := range addrs { // one of them is the controller
		r := kmsg.NewPtrCreatePartitionsRequest()
		r.TimeoutMillis = int32(patience.Milliseconds())
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = topic, int32(partitions)
		r.Topics = append(r.Topics, t)
		answer := kmsg.NewPtrCreatePartitionsResponse()
		if err = ask(addr, r, answer); err != nil {
			return err
		}
		if len(answer.Topics) != 1 {
			return errors.New("add partitions: answer without the topic")
		}
		if err = kerr.ErrorForCode(answer.Topics[0].ErrorCode); err == nil {
			return nil
		}
	}
	return fmt.Errorf("add partitions to %s: %w", topic, err)
}
