package firehose

import (
	"context"
	"maps"
	"slices"
	"time"

	"sluice/firehose/process"
	"sluice/internal/event"
	"sluice/internal/format"
)

// whole makes the objects of a plan that covers everything in its range: one, or
// several after a backlog, each of a range of its own, several at once. Records
// that processors refuse make an object more, for each type of error: an attempt
// over the same range meets the same.
func (l *lane) whole(ctx context.Context, a *attempt) error {
	return l.each(ctx, len(a.done), func(ctx context.Context, i int) (err error) {
		if a.done[i] == nil {
			a.done[i], err = l.wholePart(ctx, a, &a.plan.parts[i])
		}
		return err
	})
}

func (l *lane) wholePart(ctx context.Context, a *attempt, p *part) (*result, error) {
	if err := l.room.uploads.acquire(ctx); err != nil {
		return nil, err
	}
	defer l.room.uploads.release()
	var e *encoding
	err := l.room.encode(ctx, true, func() (err error) {
		e, err = l.encodeWhole(ctx, a, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer e.release()
	for i := range e.objects {
		m, err := l.put(ctx, a, &e.parts[i], e.objects[i])
		if err != nil {
			return nil, err
		}
		e.result.objects = append(e.result.objects, m)
	}
	return &e.result, nil
}

// encoding is the objects of a whole part in the making: errors, by type, and
// then what is delivered.
type encoding struct {
	attempt *attempt
	part    *part
	name    string // of the delivery stream
	uuid    func(partition string) string
	body    body
	errors  map[string]body
	line    []byte
	result  result

	parts   []part
	objects []format.Object
}

// encodeWhole makes the objects of a part from the log.
func (l *lane) encodeWhole(ctx context.Context, a *attempt, p *part) (*encoding, error) {
	e := &encoding{attempt: a, part: p, name: l.stream.Name, body: a.told.shape(classData).open(), errors: map[string]body{}}
	e.uuid = func(partition string) string { return l.uuid(partition, p.first) }
	defer e.discard()
	visit := e.parcel
	if a.told.records != nil {
		split := a.told.newSplitter()
		defer split.release()
		visit = func(p *event.Parcel) { split.split(p, e.unit) }
	}
	err := l.feed.parcels(ctx, p.first, a.plan.endOf(p), func(p event.Parcel) error {
		visit(&p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := e.close(); err != nil {
		e.release()
		return nil, err
	}
	return e, nil
}

// parcel writes what no processor looks at.
//
// hot: BenchmarkDelivery
func (e *encoding) parcel(p *event.Parcel) {
	e.result.add(classData, int64(p.Count()), int64(p.Bytes()))
	for _, r := range p.Records {
		e.body.record(p.Arrived, r)
	}
	for _, d := range p.Deliveries {
		e.body.delivery(d)
	}
}

// unit writes what processors made.
func (e *encoding) unit(u *unit) {
	k := class(u.partition[0])
	e.result.add(k, u.count, u.bytes)
	switch {
	case k == classDropped:
	case k == classError:
		t := string(u.partition[1:])
		if e.errors[t] == nil {
			e.errors[t] = e.attempt.told.shape(classError).open()
		}
		e.line = u.appendError(e.line[:0])
		e.errors[t].record(u.arrived, e.line)
	case u.delivery.Batch.Len() > 0:
		e.body.delivery(u.delivery)
	default:
		e.body.record(u.arrived, u.record)
	}
}

// appendError appends the line that a failure becomes. Its instants follow from
// the record: another attempt must write the same.
func (u *unit) appendError(dst []byte) []byte {
	r := process.ErrorRecord{
		Attempts: 1, Arrived: u.arrived, Ended: u.arrived,
		Code: u.failure.Code, Message: u.failure.Message, Raw: u.record,
	}
	return r.Append(dst)
}

// close ends the bodies; those that hold nothing make no object.
func (e *encoding) close() error {
	whole := *e.part
	for _, t := range slices.Sorted(maps.Keys(e.errors)) {
		of := whole
		of.name = string(errorPartition(nil, process.ErrorType(t)))
		of.key = e.attempt.told.errorKey(e.name, t, time.UnixMilli(whole.oldest), e.uuid(of.name))
		if err := e.end(of, e.errors[t]); err != nil {
			return err
		}
	}
	return e.end(whole, e.body)
}

func (e *encoding) end(p part, b body) error {
	object, err := b.close()
	if err != nil {
		return err
	}
	if object.Count == 0 {
		object.Release()
		return nil
	}
	e.parts, e.objects = append(e.parts, p), append(e.objects, object)
	return nil
}

func (e *encoding) discard() {
	e.body.discard()
	for _, b := range e.errors {
		b.discard()
	}
}

func (e *encoding) release() {
	for _, o := range e.objects {
		o.Release()
	}
}
