package kafka

import (
	"hash/fnv"

	"sluice/internal/envelope"
	"sluice/internal/event"
)

// outgoing is one record on its way.
type outgoing struct {
	partition int
	key       []byte
	value     []byte
	filter    string // of the subscription filter, or ""
	reason    string // why it is dead-lettered
	time      int64  // Unix milliseconds
	origin    Origin
}

// size is what a record adds to a batch, at most.
func (o *outgoing) size() int {
	return recordOverhead + len(o.key) + len(o.value) + len(o.filter) + len(o.reason)
}

// recordOverhead is the numbers around a record and its headers without their
// values.
const recordOverhead = 140

// encoder makes the records of parcels. What it makes is a function of the
// parcel alone: a retry makes the same.
type encoder struct {
	payload    Payload
	maxRecord  int // bytes of a value
	partitions int
	stream     uint64
	packer     *envelope.Packer

	key       []byte // of the records that follow, and where they go
	partition int
	out       []outgoing
	part      uint32
}

// parcel appends the records of one parcel.
func (e *encoder) parcel(p event.Parcel) error {
	e.part = 0
	for _, d := range p.Deliveries {
		if err := e.delivery(p, d); err != nil {
			return err
		}
	}
	if len(p.Records) == 0 {
		return nil
	}
	e.to(nil)
	for _, r := range p.Records {
		e.add(p, Raw, "", p.Arrived, r)
	}
	return nil
}

func (e *encoder) delivery(p event.Parcel, d event.Delivery) error {
	if d.Events() == 0 {
		return nil
	}
	s := d.Batch.Source()
	e.to([]byte(s.Account + "/" + s.Region + "/" + s.LogGroup + "/" + s.LogStream))
	switch e.payload {
	case Batch:
		return e.batches(p, d)
	case Raw:
		for from, to := range d.Batch.Runs(d.Selection) {
			for i := from; i < to; i++ {
				e.add(p, Raw, d.Filter, d.Batch.Timestamp(i), d.Batch.Message(i))
			}
		}
	default:
		for part := range envelope.Parts(d) {
			var value []byte
			if e.payload == CloudWatchGzip {
				value = append(value, e.packer.Member(d, part)...)
			} else {
				value = envelope.Append(nil, d, part)
			}
			e.add(p, e.payload, d.Filter, d.Batch.Base(), value)
		}
	}
	return nil
}

// batches sends the sealed record itself, or sealed copies of what is selected,
// each as large as a record may be.
func (e *encoder) batches(p event.Parcel, d event.Delivery) error {
	if d.Selection == nil && len(d.Batch.Record()) <= e.maxRecord {
		e.add(p, Batch, d.Filter, d.Batch.Base(), d.Batch.Record())
		return nil
	}
	const perEvent = 11                                     // line feed, end, delta, index
	overhead := len(d.Batch.Record()) - len(d.Batch.Text()) // header and names, with room to spare
	overhead -= 8 * d.Batch.Len()
	var sel event.Selection
	size := overhead
	cut := func() error {
		if len(sel) == 0 {
			return nil
		}
		record, err := event.AppendSelected(nil, d.Batch, sel)
		if err != nil {
			return err
		}
		e.add(p, Batch, d.Filter, d.Batch.Base(), record)
		sel, size = sel[:0], overhead
		return nil
	}
	for from, to := range d.Batch.Runs(d.Selection) {
		for i := from; i < to; i++ {
			n := len(d.Batch.Message(i)) + perEvent
			if size+n > e.maxRecord {
				if err := cut(); err != nil {
					return err
				}
			}
			sel = append(sel, uint32(i))
			size += n
		}
	}
	return cut()
}

func (e *encoder) add(p event.Parcel, payload Payload, filter string, timestamp int64, value []byte) {
	e.out = append(e.out, outgoing{
		partition: e.partition, key: e.key, value: value, filter: filter, time: timestamp,
		origin: Origin{Payload: payload, Stream: e.stream, Shard: p.Position.Shard, First: p.Position.Number, End: p.Position.Number + 1, Part: e.part},
	})
	e.part++
}

// to chooses the partition of the records that follow: those without a key go to
// that of their stream.
func (e *encoder) to(key []byte) {
	h := fnv.New32a()
	if e.key = key; key == nil {
		key = le.AppendUint64(nil, e.stream)
	}
	h.Write(key)
	e.partition = int(h.Sum32() % uint32(e.partitions))
}
