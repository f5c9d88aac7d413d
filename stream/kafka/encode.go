package kafka

import (
	"hash/fnv"
	"time"

	"github.com/segmentio/kafka-go"

	"sluice/internal/envelope"
	"sluice/internal/event"
)

// outgoing is one record on its way.
type outgoing struct {
	partition int
	key       []byte
	value     []byte
	headers   []kafka.Header
	time      time.Time
	origin    Origin
}

// size is what a record adds to a request, at most.
func (o *outgoing) size() int {
	n := recordOverhead + len(o.key) + len(o.value)
	for _, h := range o.headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}

// recordOverhead is the lengths and deltas around a record.
const recordOverhead = 40

// encoder makes the records of parcels. What it makes is a function of the
// parcel alone: a retry makes the same.
type encoder struct {
	payload    Payload
	maxRecord  int // bytes of a value
	partitions int
	stream     uint64
	packer     *envelope.Packer

	out  []outgoing
	part uint32
}

// parcel appends the records of one parcel.
func (e *encoder) parcel(p event.Parcel) error {
	e.part = 0
	for _, d := range p.Deliveries {
		if err := e.delivery(p, d); err != nil {
			return err
		}
	}
	for _, r := range p.Records {
		e.add(p, nil, Raw, "", p.Arrived, r)
	}
	return nil
}

func (e *encoder) delivery(p event.Parcel, d event.Delivery) error {
	if d.Events() == 0 {
		return nil
	}
	s := d.Batch.Source()
	key := []byte(s.Account + "/" + s.Region + "/" + s.LogGroup + "/" + s.LogStream)
	switch e.payload {
	case Batch:
		return e.batches(p, key, d)
	case Raw:
		for from, to := range d.Batch.Runs(d.Selection) {
			for i := from; i < to; i++ {
				e.add(p, key, Raw, d.Filter, d.Batch.Timestamp(i), d.Batch.Message(i))
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
			e.add(p, key, e.payload, d.Filter, d.Batch.Base(), value)
		}
	}
	return nil
}

// batches sends the sealed record itself, or sealed copies of what is selected,
// each as large as a record may be.
func (e *encoder) batches(p event.Parcel, key []byte, d event.Delivery) error {
	if d.Selection == nil && len(d.Batch.Record()) <= e.maxRecord {
		e.add(p, key, Batch, d.Filter, d.Batch.Base(), d.Batch.Record())
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
		e.add(p, key, Batch, d.Filter, d.Batch.Base(), record)
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

func (e *encoder) add(p event.Parcel, key []byte, payload Payload, filter string, timestamp int64, value []byte) {
	o := Origin{Payload: payload, Stream: e.stream, Shard: p.Position.Shard, First: p.Position.Number, End: p.Position.Number + 1, Part: e.part}
	headers := []kafka.Header{{Key: originHeader, Value: appendOrigin(nil, o)}}
	if filter != "" {
		headers = append(headers, kafka.Header{Key: filterHeader, Value: []byte(filter)})
	}
	e.out = append(e.out, outgoing{
		partition: e.choose(key), key: key, value: value, headers: headers, time: time.UnixMilli(timestamp), origin: o,
	})
	e.part++
}

// choose is the partition of a key; records without one go to that of their
// stream.
func (e *encoder) choose(key []byte) int {
	h := fnv.New32a()
	if key == nil {
		key = le.AppendUint64(nil, e.stream)
	}
	h.Write(key)
	return int(h.Sum32() % uint32(e.partitions))
}
