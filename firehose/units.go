package firehose

import (
	"sluice/firehose/process"
	"sluice/internal/envelope"
	"sluice/internal/event"
)

// unit is what a parcel holds for one partition, in one piece: selected events of
// one batch as they came, or one record that processors made. It and what it
// refers to are valid until the visitor that got it returns.
type unit struct {
	partition []byte // its name
	// delivery holds events, if it has any; else record is what is delivered.
	delivery event.Delivery
	record   []byte
	arrived  int64            // ms
	instant  int64            // of the earliest event (ms) by event time, else arrived
	failure  *process.Failure // in an error partition: why
	// count and bytes are the events and records of the parcel that are done when
	// this is delivered: the first unit of a source record counts it, units that
	// de-aggregation or backup add count nothing.
	count, bytes int64
	size         int64 // of what it brings into an object, roughly
}

// splitter takes parcels apart into units, the same way each time it sees one. It
// belongs to one goroutine.
//
// Events of one delivery that fall into one partition are one unit, so that a
// delivery of which all events do passes as it is: nothing is copied.
type splitter struct {
	told *settings
	// records and events are nil where no processor needs to look.
	records, events process.Processors

	packer *envelope.Packer // for documents and members that processors look at
	period period
	visit  func(*unit)
	take   func(*process.Outcome) // outcome, as a value made once

	unit   unit
	name   []byte
	groups []group
	open   int            // groups in use
	byName map[string]int // those, by name; the index is used only beyond a few

	// of the source record that processors look at
	source  []byte
	counted int64 // events and records that it stands for; 0 once counted
	parcel  *event.Parcel
	batch   event.Batch
	index   int // of the event, -1 for a record or a document
	filter  event.Delivery
	at      int64 // instant
}

// group collects the events of a delivery that fall into one partition.
type group struct {
	name    []byte
	sel     event.Selection
	bytes   int64
	instant int64
}

func (c *settings) newSplitter() *splitter {
	s := &splitter{told: c, byName: map[string]int{}}
	s.period = period{unit: c.period, zone: c.zone}
	if c.records != nil {
		s.records = c.records.NewChain()
	}
	if c.events != nil {
		s.events = c.events.NewChain()
	}
	s.take = s.outcome
	return s
}

// release gives back what is pooled.
func (s *splitter) release() {
	if s.packer != nil {
		s.packer.Release()
		s.packer = nil
	}
}

// split visits the units of a parcel: within a partition they come in order.
func (s *splitter) split(p *event.Parcel, visit func(*unit)) {
	s.parcel, s.visit = p, visit
	for _, r := range p.Records {
		s.record(r)
	}
	for _, d := range p.Deliveries {
		s.delivery(d)
	}
	s.parcel, s.visit, s.batch, s.filter, s.source = nil, nil, event.Batch{}, event.Delivery{}, nil
}

func (s *splitter) emit(u unit) {
	s.unit = u
	s.visit(&s.unit)
}

// dataName starts the name of a data partition for an instant.
func (s *splitter) dataName(at int64) {
	s.name = append(s.name[:0], byte(classData))
	if s.told.byEventTime() {
		s.name = appendPeriod(s.name, s.period.of(at))
	}
}

func (s *splitter) record(r []byte) {
	size := int64(len(r))
	if s.told.backup != nil {
		s.emit(unit{partition: backupName, record: r, arrived: s.parcel.Arrived, instant: s.parcel.Arrived, size: size})
	}
	if s.records == nil {
		s.dataName(s.parcel.Arrived)
		s.emit(unit{partition: s.name, record: r, arrived: s.parcel.Arrived, instant: s.parcel.Arrived, count: 1, bytes: size, size: size})
		return
	}
	s.begin(r, -1, 1, s.parcel.Arrived)
	s.records.Record(r, s.take)
	s.end(size)
}

var backupName = []byte{byte(classBackup)}

// begin has outcomes belong to a source record that stands for n events.
func (s *splitter) begin(source []byte, index int, n, at int64) {
	s.source, s.index, s.counted, s.at = source, index, n, at
}

// end counts a source of which nothing became.
func (s *splitter) end(bytes int64) {
	if s.counted > 0 {
		s.emit(unit{partition: droppedName, arrived: s.parcel.Arrived, instant: s.parcel.Arrived, count: s.counted, bytes: bytes})
	}
}

var droppedName = []byte{byte(classDropped)}

// outcome files one outcome of the source record.
func (s *splitter) outcome(o *process.Outcome) {
	if o.Failure == nil && !o.Dropped {
		s.dataName(s.at)
		s.name = append(s.name, o.Partition...)
		if o.Whole && s.index >= 0 {
			s.counted = 0 // its group counts it
			s.collect(s.index, int64(len(o.Data)), s.at)
			return
		}
	}
	u := unit{partition: s.name, record: o.Data, arrived: s.parcel.Arrived, instant: s.at, size: int64(len(o.Data))}
	switch {
	case o.Dropped:
		u.partition, u.record, u.size = droppedName, nil, 0
	case o.Failure != nil:
		s.name = errorPartition(s.name[:0], o.Failure.Type)
		u.partition, u.failure, u.instant = s.name, o.Failure, s.parcel.Arrived
		if u.record == nil {
			u.record, u.size = s.source, int64(len(s.source))
		}
	}
	if s.counted > 0 {
		u.count, u.bytes, s.counted = s.counted, s.sourceBytes(), 0
	}
	if s.open > 0 {
		s.flush() // what came before stays before
	}
	s.emit(u)
}

// sourceBytes is the size of the source as the stream counts it: that of the
// messages, for a document.
func (s *splitter) sourceBytes() int64 {
	if s.index < 0 && s.filter.Batch.Len() > 0 {
		return int64(s.filter.Bytes())
	}
	return int64(len(s.source))
}

func (s *splitter) delivery(d event.Delivery) {
	if s.told.backup != nil {
		s.emit(unit{partition: backupName, delivery: d, arrived: s.parcel.Arrived, instant: s.parcel.Arrived, size: int64(d.Bytes())})
	}
	s.batch, s.filter = d.Batch, d
	looks := s.events != nil
	switch {
	case looks && s.told.form() == formMessages:
		s.messages(d)
	case s.told.byEventTime() && !s.onePeriod(d):
		s.periods(d)
	case looks:
		s.documents(d, s.earliest(d))
	default:
		at := s.earliest(d)
		s.dataName(at)
		size := int64(d.Bytes())
		s.emit(unit{partition: s.name, delivery: d, arrived: s.parcel.Arrived, instant: at, count: int64(d.Events()), bytes: size, size: size})
	}
}

// onePeriod tells whether all events of a batch lie in one period.
func (s *splitter) onePeriod(d event.Delivery) bool {
	least, greatest := d.Batch.Span()
	return s.period.of(least) == s.period.of(greatest)
}

// earliest is the instant of a delivery of one period.
func (s *splitter) earliest(d event.Delivery) int64 {
	if !s.told.byEventTime() {
		return s.parcel.Arrived
	}
	if d.Selection == nil {
		least, _ := d.Batch.Span()
		return least
	}
	at := d.Batch.Timestamp(int(d.Selection[0]))
	for _, i := range d.Selection {
		at = min(at, d.Batch.Timestamp(int(i)))
	}
	return at
}

// messages has processors look at each event.
func (s *splitter) messages(d event.Delivery) {
	for lo, hi := range d.Batch.Runs(d.Selection) {
		for i := lo; i < hi; i++ {
			at := s.parcel.Arrived
			if s.told.byEventTime() {
				at = d.Batch.Timestamp(i)
			}
			message := d.Batch.Message(i)
			s.begin(message, i, 1, at)
			s.events.Message(message, s.take)
			s.end(int64(len(message)))
		}
	}
	s.flush()
}

// periods files each event by its period alone.
func (s *splitter) periods(d event.Delivery) {
	for lo, hi := range d.Batch.Runs(d.Selection) {
		for i := lo; i < hi; i++ {
			at := d.Batch.Timestamp(i)
			s.dataName(at)
			s.collect(i, int64(len(d.Batch.Message(i))), at)
		}
	}
	if s.events == nil {
		s.flush()
		return
	}
	groups, n := s.groups, s.open // documents of each period for themselves
	s.groups, s.open = nil, 0
	clear(s.byName)
	for i := range groups[:n] {
		part := d
		part.Selection = groups[i].sel
		s.filter = part
		s.documents(part, groups[i].instant)
	}
	s.groups = groups
}

// documents has processors look at the payloads of a delivery.
func (s *splitter) documents(d event.Delivery, at int64) {
	if s.packer == nil {
		s.packer = envelope.GetPacker()
	}
	for part := range envelope.Parts(d) {
		document := s.packer.Document(d, part)
		if s.told.form() == formMembers {
			document = s.packer.Compress(document)
		}
		s.filter = cut(d, part)
		s.begin(document, -1, int64(part.To-part.From), at)
		s.events.Message(document, s.take)
		s.end(int64(s.filter.Bytes()))
	}
}

// cut is the events of one part of a delivery.
func cut(d event.Delivery, p envelope.Part) event.Delivery {
	if d.Selection != nil {
		d.Selection = d.Selection[p.From:p.To]
		return d
	}
	if p.From > 0 || p.To < d.Batch.Len() {
		d.Selection = make(event.Selection, 0, p.To-p.From)
		for i := p.From; i < p.To; i++ {
			d.Selection = append(d.Selection, uint32(i))
		}
	}
	return d
}

// collect adds an event to the group that s.name names.
func (s *splitter) collect(i int, bytes, at int64) {
	g := s.group()
	if len(g.sel) == 0 || at < g.instant {
		g.instant = at
	}
	g.sel = append(g.sel, uint32(i))
	g.bytes += bytes
}

// fewGroups are found faster by looking at each.
const fewGroups = 4

func (s *splitter) group() *group {
	for i := s.open - 1; i >= max(0, s.open-fewGroups); i-- {
		if string(s.groups[i].name) == string(s.name) {
			return &s.groups[i]
		}
	}
	if i, ok := s.byName[string(s.name)]; ok {
		return &s.groups[i]
	}
	if s.open == len(s.groups) {
		s.groups = append(s.groups, group{})
	}
	g := &s.groups[s.open]
	g.name, g.sel, g.bytes = append(g.name[:0], s.name...), g.sel[:0], 0
	if s.open >= fewGroups {
		if len(s.byName) == 0 {
			for j := range s.groups[:s.open] {
				s.byName[string(s.groups[j].name)] = j
			}
		}
		s.byName[string(g.name)] = s.open
	}
	s.open++
	return g
}

// flush emits the groups. One that holds the whole delivery is the delivery.
func (s *splitter) flush() {
	n := s.open
	s.open = 0
	if len(s.byName) > 0 {
		clear(s.byName)
	}
	for i := range s.groups[:n] {
		g := &s.groups[i]
		d := s.filter
		if len(g.sel) < d.Events() {
			d.Selection = g.sel
		}
		s.emit(unit{
			partition: g.name, delivery: d, arrived: s.parcel.Arrived, instant: g.instant,
			count: int64(len(g.sel)), bytes: g.bytes, size: g.bytes,
		})
	}
}
