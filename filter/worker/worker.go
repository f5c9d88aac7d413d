package worker

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"

	"sluice/filter"
	"sluice/internal/catalog"
	"sluice/internal/event"
)

// Producer stores parcels of one stream, in their order; *kafka.Producer of package
// stream/kafka is one.
type Producer interface {
	// Produce returns nil when everything is durable. After an error the same
	// parcels come again.
	Produce(ctx context.Context, stream uint64, parcels ...event.Parcel) error
}

// Filter is a subscription filter of a log group that exists by its name alone. Its
// uids and versions mean nothing here.
type Filter struct {
	catalog.SubscriptionFilter
	Scope    catalog.Scope
	LogGroup string
}

// Destination takes what filters with its ARN select.
type Destination struct {
	ARN      string
	Producer Producer
}

// Config is what a worker needs. A worker without filters reads and selects nothing.
type Config struct {
	Filters      []Filter
	Destinations []Destination
	// Generation is part of every record's key: another one makes readers forget
	// what they have seen.
	Generation int
}

// Worker matches batches. It never changes; its methods may be called concurrently.
type Worker struct {
	cfg          Config
	groups       map[string]*group // by groupKey
	filters      []*counted
	destinations []*destination
	rounds       sync.Pool

	events, unfiltered, foreign atomic.Int64 // see Status
}

// groupKey is the name of a log group as batches have it in Parts.Source, without
// the log stream: three lengths, then account, region and name.
func groupKey(dst []byte, source []byte) []byte {
	const lengths, whole = 3 * 2, 4 * 2
	n := 0
	for i := range 3 {
		n += int(binary.LittleEndian.Uint16(source[2*i:]))
	}
	return append(append(dst, source[:lengths]...), source[whole:whole+n]...)
}

// key is the group key of a filter's log group.
func (f Filter) key() string {
	var key []byte
	names := []string{f.Scope.Account, f.Scope.Region, f.LogGroup}
	for _, name := range names {
		key = binary.LittleEndian.AppendUint16(key, uint16(len(name)))
	}
	for _, name := range names {
		key = append(key, name...)
	}
	return string(key)
}

// group is what is known of a log group with filters.
type group struct {
	matcher *filter.Matcher
	filters []*counted // as the matcher numbers them: by rank
}

// New compiles the filters. It starts nothing.
func New(cfg Config) (*Worker, error) {
	w := &Worker{cfg: cfg, groups: map[string]*group{}}
	places := map[string]int{}
	for i, d := range cfg.Destinations {
		if _, twice := places[d.ARN]; twice {
			return nil, fmt.Errorf("make filter worker: destination %s is there twice", d.ARN)
		}
		places[d.ARN] = i
		w.destinations = append(w.destinations, &destination{arn: d.ARN, producer: d.Producer, waiting: map[lane]int64{}})
	}
	members := map[string][]*counted{}
	for _, f := range cfg.Filters {
		to, ok := places[f.DestinationARN]
		if !ok {
			return nil, fmt.Errorf("make filter worker: subscription filter %s of %s: there is no destination %s", f.Name, f.LogGroup, f.DestinationARN)
		}
		name := f.key()
		if slices.ContainsFunc(members[name], func(other *counted) bool { return other.Name == f.Name }) {
			return nil, fmt.Errorf("make filter worker: subscription filter %s of %s is there twice", f.Name, f.LogGroup)
		}
		c := &counted{Filter: f, to: to, rank: rankOf(f.Name)}
		members[name] = append(members[name], c)
		w.filters = append(w.filters, c)
	}
	for name, filters := range members {
		g, err := newGroup(filters)
		if err != nil {
			return nil, fmt.Errorf("make filter worker: log group %s: %w", filters[0].LogGroup, err)
		}
		w.groups[name] = g
	}
	w.rounds.New = func() any { return &round{out: make([][]event.Parcel, len(w.destinations))} }
	return w, nil
}

func newGroup(filters []*counted) (*group, error) {
	slices.SortFunc(filters, func(a, b *counted) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.Name, b.Name))
	})
	var definitions []catalog.SubscriptionFilter
	for _, f := range filters {
		definitions = append(definitions, f.SubscriptionFilter)
	}
	matcher, err := filter.NewMatcher(definitions...)
	return &group{matcher, filters}, err
}

// rankOf is a filter's part of the number: the same in every process and with
// every other filter beside it.
func rankOf(name string) uint16 {
	h := fnv.New32a()
	h.Write([]byte(name))
	sum := h.Sum32()
	return uint16(sum ^ sum>>16)
}

// Source names the batches of one topic. Name must be the topic's for good.
func (w *Worker) Source(name string) *Source {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s", w.cfg.Generation, name)
	return &Source{worker: w, name: name, stream: h.Sum64()}
}
