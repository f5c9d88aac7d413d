package kafkatest

import (
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member that waits for its leader's assignments sends no heartbeats: kfake is to
// give the leader up before it takes the member for gone.
const (
	session   = 300 * time.Millisecond
	rebalance = session / 2
)

// member is one as clients of that time were: version 2 of JoinGroup.
type member struct {
	net.Conn
	t  testing.TB
	id string
	in *kmsg.JoinGroupResponse // its generation
}

func newMember(t testing.TB, c *kfake.Cluster) *member {
	t.Helper()
	conn, err := net.Dial("tcp", c.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &member{Conn: conn, t: t}
}

func (m *member) send(r kmsg.Request) {
	m.t.Helper()
	if _, err := m.Write(kmsg.NewRequestFormatter().AppendRequest(nil, r, 0)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) receive(answer kmsg.Response) {
	m.t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	if err := receive(m, answer); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) begin() {
	m.t.Helper()
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.ProtocolType = 2, "g", m.id, "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = int32(session.Milliseconds()), int32(rebalance.Milliseconds())
	p, topics := kmsg.NewJoinGroupRequestProtocol(), kmsg.NewConsumerMemberMetadata()
	topics.Topics = []string{"t"}
	p.Name, p.Metadata = "range", topics.AppendTo(nil)
	r.Protocols = append(r.Protocols, p)
	m.send(r)
}

// join joins and hands out partitions to all, until the group takes it.
func (m *member) join() {
	m.t.Helper()
	for code := int16(-1); code != 0; {
		m.begin()
		m.in = kmsg.NewPtrJoinGroupResponse()
		m.in.Version = 2
		m.receive(m.in)
		if m.in.ErrorCode != 0 {
			m.t.Fatal(kerr.ErrorForCode(m.in.ErrorCode))
		}
		m.id = m.in.MemberID
		r := kmsg.NewPtrSyncGroupRequest()
		r.Group, r.Generation, r.MemberID = "g", m.in.Generation, m.id
		for _, other := range m.in.Members {
			r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: other.MemberID, MemberAssignment: []byte{0}})
		}
		m.send(r)
		answer := kmsg.NewPtrSyncGroupResponse()
		m.receive(answer)
		code = answer.ErrorCode
	}
}

// heartbeat tells whether the generation goes on.
func (m *member) heartbeat() bool {
	m.t.Helper()
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.Generation, r.MemberID = "g", m.in.Generation, m.id
	m.send(r)
	answer := kmsg.NewPtrHeartbeatResponse()
	m.receive(answer)
	return answer.ErrorCode == 0
}

// TestMembersThatAreGoneLeave: a process is killed, the next one while it joins; the
// third has everything for itself soon. Without Expire it does not in every other
// round.
func TestMembersThatAreGoneLeave(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(session))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Cleanup(Expire(c))
	for round := range 5 {
		first, second, third := newMember(t, c), newMember(t, c), newMember(t, c)
		first.join()
		before := c.GroupInfo("g")
		second.begin()
		for len(c.GroupInfo("g").Members) == len(before.Members) { // until it joins
			time.Sleep(time.Millisecond)
		}
		second.Close()
		first.Close()
		third.join()
		began := time.Now()
		for g := c.GroupInfo("g"); g.State != stable || len(g.Members) > 1; g = c.GroupInfo("g") {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("round %d: %+v: only %s is there", round, g, third.id)
			}
			if time.Sleep(session / 10); !third.heartbeat() {
				third.join()
			}
		}
		third.Close()
		for g := c.GroupInfo("g"); len(g.Members) > 0; g = c.GroupInfo("g") {
			if time.Since(began) > 30*time.Second {
				t.Fatalf("round %d: %+v: nobody is there", round, g)
			}
			time.Sleep(session / 10)
		}
	}
}
