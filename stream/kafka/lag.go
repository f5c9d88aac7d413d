package kafka

// PartitionStatus is one partition that this member reads.
type PartitionStatus struct {
	Partition int
	// Next is the offset behind what was visited and committed, End that behind the
	// partition's last record when it was asked last.
	Next, End int64
}

// Lag is the number of offsets that are not visited yet; 0 while they are not known.
func (p PartitionStatus) Lag() int64 { return max(0, p.End-max(p.Next, 0)) }

// Partitions lists what this member reads now.
func (c *Consumer) Partitions() []PartitionStatus {
	c.mu.Lock()
	lanes := c.lanes
	c.mu.Unlock()
	out := make([]PartitionStatus, len(lanes))
	for i, l := range lanes {
		l.mu.Lock()
		out[i] = PartitionStatus{l.id, l.next, l.end}
		l.mu.Unlock()
	}
	return out
}

// read notes the lanes of a generation; nil is the end of one.
func (c *Consumer) read(lanes []*lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lanes = lanes
}
