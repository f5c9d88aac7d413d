package kinesis

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/fnv"

	"sluice/internal/envelope"
	"sluice/internal/event"
)

// outgoing is one record on its way.
type outgoing struct {
	key     string
	value   []byte
	arrived int64
	origin  Origin
}

// size is what a record counts for.
func (o *outgoing) size() int { return len(o.key) + len(o.value) }

// encoder makes the records of parcels. What it makes is a function of the parcel
// alone: a retry makes the same.
type encoder struct {
	payload   Payload
	lanes     int
	maxRecord int // bytes of a record with its key
	stream    uint64
	packer    *envelope.Packer

	out  []outgoing
	part uint32
}

// parcel appends the records of one parcel.
func (e *encoder) parcel(p event.Parcel) error {
	e.part = 0
	for _, d := range p.Deliveries {
		if d.Events() == 0 {
			continue
		}
		if err := e.delivery(p, d); err != nil {
			return err
		}
	}
	for _, r := range p.Records {
		e.add(p, e.spread(p, ""), r)
	}
	return nil
}

func (e *encoder) delivery(p event.Parcel, d event.Delivery) error {
	s := d.Batch.Source()
	name := s.Account + ":" + s.Region + ":" + s.LogGroup + ":" + s.LogStream
	if e.payload == Batch {
		return e.batches(p, e.lane(name), d)
	}
	key := func() string {
		if d.Traits.Has(event.TraitRandom) {
			return e.spread(p, d.Filter)
		}
		return hashed(name)
	}
	if e.payload == Raw {
		for from, to := range d.Batch.Runs(d.Selection) {
			for i := from; i < to; i++ {
				e.add(p, key(), d.Batch.Message(i))
			}
		}
		return nil
	}
	for part := range envelope.Parts(d) {
		var value []byte
		if e.payload == CloudWatchGzip {
			value = append(value, e.packer.Member(d, part)...)
		} else {
			value = envelope.Append(nil, d, part)
		}
		e.add(p, key(), value)
	}
	return nil
}

// hashed is a partition key: 32 hexadecimal digits.
func hashed(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// spread is a partition key of a record's own, the same at a replay.
func (e *encoder) spread(p event.Parcel, filter string) string {
	return hashed(fmt.Sprintf("%d/%s/%d/%d/%d", e.stream, filter, p.Position.Shard, p.Position.Number, e.part))
}

// lane is the partition key of a log stream's batches. There are few of them, so
// that readers can remember each one's greatest origin.
func (e *encoder) lane(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return fmt.Sprintf("sluice-%d-%d", e.lanes, h.Sum32()%uint32(e.lanes))
}

// batches sends the sealed record itself, or sealed copies of what is selected,
// each as large as a record may be.
func (e *encoder) batches(p event.Parcel, key string, d event.Delivery) error {
	room := e.maxRecord - len(key) - batchHeader - min(len(d.Filter), maxFilter) - batchCRC
	record := d.Batch.Record()
	if d.Selection == nil && len(record) <= room {
		e.addBatch(p, key, d.Filter, record)
		return nil
	}
	const perEvent = 11                           // line feed, end, delta, index
	overhead := len(record) - len(d.Batch.Text()) // header and names, with room to spare
	sel, size := event.Selection{}, overhead-8*d.Batch.Len()
	empty := size
	cut := func() error {
		if len(sel) == 0 {
			return nil
		}
		part, err := event.AppendSelected(nil, d.Batch, sel)
		if err != nil {
			return err
		}
		e.addBatch(p, key, d.Filter, part)
		sel, size = sel[:0], empty
		return nil
	}
	for from, to := range d.Batch.Runs(d.Selection) {
		for i := from; i < to; i++ {
			n := len(d.Batch.Message(i)) + perEvent
			if size+n > room {
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

func (e *encoder) addBatch(p event.Parcel, key, filter string, record []byte) {
	value := make([]byte, 0, batchHeader+len(filter)+batchCRC+len(record))
	e.add(p, key, appendBatch(value, e.origin(p), filter, record))
}

func (e *encoder) origin(p event.Parcel) Origin {
	return Origin{Stream: e.stream, Shard: p.Position.Shard, First: p.Position.Number, Part: e.part}
}

func (e *encoder) add(p event.Parcel, key string, value []byte) {
	e.out = append(e.out, outgoing{key: key, value: value, arrived: p.Arrived, origin: e.origin(p)})
	e.part++
}
