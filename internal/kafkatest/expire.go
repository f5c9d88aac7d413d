package kafkatest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/clock"
)

const (
	// lookEvery is how often groups are looked at.
	lookEvery = 50 * time.Millisecond
	// silences is how many sessions a member may be silent: one is what kfake itself
	// allows those whose session it knows.
	silences = 2
	// stable is the state of a group in which all members send heartbeats.
	stable = "Stable"
)

// Expire has the members leave their groups whose sessions are over and that kfake
// keeps, until stop, which must be called before the cluster is closed.
func Expire(c *kfake.Cluster) (stop func()) {
	s := &sessions{cluster: c, addrs: c.ListenAddrs(), groups: map[string]*group{}}
	c.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		s.hear(r)
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() { s.look(ctx) })
	return func() {
		cancel()
		looking.Wait()
	}
}

// sessions are those of all members of a cluster's groups.
type sessions struct {
	cluster *kfake.Cluster
	addrs   []string
	clock   clock.Machine

	mu     sync.Mutex // guards groups
	groups map[string]*group
}

// group is what was heard of one.
type group struct {
	session time.Duration        // the longest that a member asked for
	heard   map[string]time.Time // by member
}

// hear notes who sent a request. It is called by the cluster's goroutine.
func (s *sessions) hear(r kmsg.Request) {
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		s.note(r.Group, r.MemberID, time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
	case *kmsg.SyncGroupRequest:
		s.note(r.Group, r.MemberID, 0)
	case *kmsg.HeartbeatRequest:
		s.note(r.Group, r.MemberID, 0)
	case *kmsg.OffsetCommitRequest:
		s.note(r.Group, r.MemberID, 0)
	}
}

func (s *sessions) note(name, member string, session time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[name]
	if g == nil {
		g = &group{heard: map[string]time.Time{}}
		s.groups[name] = g
	}
	g.session = max(g.session, session)
	g.heard[member] = s.clock.Now()
}

// look has silent members leave, until ctx ends.
func (s *sessions) look(ctx context.Context) {
	for s.clock.Sleep(ctx, lookEvery) == nil {
		for _, name := range s.names() {
			info := s.cluster.GroupInfo(name)
			if info == nil || info.State != stable {
				continue // who joins is silent meanwhile, and kfake does not wait for ever
			}
			for _, m := range info.Members {
				if s.silent(name, m.MemberID) {
					_ = s.leave(name, m.MemberID) // or at the next look
				}
			}
		}
	}
}

func (s *sessions) names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.groups {
		names = append(names, name)
	}
	return names
}

// silent tells whether a member's session is over. One that is seen for the first
// time was heard just now.
func (s *sessions) silent(name, member string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, now := s.groups[name], s.clock.Now()
	last, known := g.heard[member]
	if !known {
		g.heard[member] = now
	}
	return known && g.session > 0 && now.Sub(last) > silences*g.session
}

// leave sends a member's LeaveGroup to all brokers: one of them is the coordinator.
func (s *sessions) leave(name, member string) error {
	for _, addr := range s.addrs {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group, r.MemberID = name, member
		answer := kmsg.NewPtrLeaveGroupResponse()
		if err := ask(addr, r, answer); err != nil {
			return fmt.Errorf("have %s leave %s: %w", member, name, err)
		}
		if answer.ErrorCode == 0 {
			return nil
		}
	}
	return nil
}

// patience bounds one request.
const patience = 5 * time.Second

// ask sends one request of a version without tags, over a connection of its own.
func ask(addr string, r kmsg.Request, answer kmsg.Response) error {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(clock.Machine{}.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 0)); err != nil {
		return err
	}
	return receive(c, answer)
}

// receive reads the answer to one request.
func receive(c io.Reader, answer kmsg.Response) error {
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if len(b) < correlation {
		return io.ErrUnexpectedEOF
	}
	return answer.ReadFrom(b[correlation:])
}

// correlation is the size of what every answer begins with.
const correlation = 4
