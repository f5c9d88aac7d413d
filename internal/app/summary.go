package app

// Summary is what went through the process, stage by stage, since its data
// folder was made.
type Summary struct {
	Received  uint64 // events in accepted requests
	Stored    Amount
	Rejected  uint64
	Matched   Amount // by all subscription filters
	Delivered Amount
	InFlight  int64 // events that wait to be delivered
	Objects   Amount
	// Unfiltered is how many log frames the filters have not read.
	Unfiltered uint64
}

// Amount is a number of things and their bytes: messages, or objects as put.
type Amount struct{ Count, Bytes uint64 }

// Resting tells whether everything that was stored is filtered and delivered.
func (s Summary) Resting() bool { return s.Unfiltered == 0 && s.InFlight == 0 }

// Summary sums up all log groups, filters and delivery streams.
func (a *App) Summary() Summary {
	var s Summary
	for shard := range uint32(a.store.Shards()) {
		s.Unfiltered += a.dispatcher.Lag(shard) // first: what it has passed is counted below
	}
	t := a.store.Totals()
	s.Received = a.metrics.received.Load()
	s.Stored, s.Rejected = Amount{t.Events, t.Bytes}, t.Rejected.Sum()
	for _, f := range a.tallies() {
		s.Matched.Count += f.Matched
		s.Matched.Bytes += f.Bytes
	}
	for _, d := range a.deliveryStatus() {
		s.Delivered.Count += uint64(d.Delivered)
		s.Delivered.Bytes += uint64(d.DeliveredBytes)
		s.Objects.Count += uint64(d.Objects)
		s.Objects.Bytes += uint64(d.ObjectBytes)
		s.InFlight += d.totals.InFlight
	}
	return s
}
