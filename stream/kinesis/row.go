package kinesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sluice/internal/objput"
)

// Checkpoint is what a consumer has done of a shard.
type Checkpoint struct {
	// Position is behind the last record that is done.
	Position Position `json:"position"`
	// Until is a time, ms: all that arrived earlier is done (Page.Until of the
	// page that Position comes from). By it one knows after a long absence whether
	// records may have been trimmed unread. 0 is unknown.
	Until int64 `json:"until,omitempty"`
	// Intent says what the consumer is about to do behind Position, for whoever
	// holds the lease next: opaque, at most MaxIntent bytes of UTF-8.
	Intent string `json:"intent,omitempty"`
	// Marks tell records that producers sent again: what AppendTo made.
	Marks []byte `json:"marks,omitempty"`
}

// MaxIntent bounds an intent, in bytes.
const MaxIntent = 16 << 10

func (c Checkpoint) check() error {
	switch {
	case !c.Position.Valid():
		return fmt.Errorf("position %q is none", c.Position)
	case len(c.Intent) > MaxIntent:
		return fmt.Errorf("intent of %d bytes, at most %d are kept", len(c.Intent), MaxIntent)
	}
	return nil
}

// Row is the lease of one shard as a LeaseTable keeps it.
type Row struct {
	Shard string `json:"shard"`
	// Parents are the shards that this one came from, Start where the consumer
	// began with the oldest of its line.
	Parents []string `json:"parents,omitempty"`
	Start   Position `json:"start"`
	// Owner holds the lease, nobody when "". Epoch counts owners, Counter writes:
	// an owner whose row does not change for the term is gone.
	Owner   string `json:"owner,omitempty"`
	Epoch   uint64 `json:"epoch"`
	Counter uint64 `json:"counter"`
	// Wanted is the member that asks the owner for the lease.
	Wanted string `json:"wanted,omitempty"`
	Checkpoint

	tag string // of the state that was read
}

// same tells whether two rows say the same, whatever their tags.
func (r Row) same(s Row) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(s)
	return errA == nil && errB == nil && string(a) == string(b)
}

// ended tells whether the shard was read to its end.
func (r Row) ended() bool { return r.Position == End }

// LeaseTable keeps the rows of one consumer, for all processes that share it.
type LeaseTable interface {
	// Rows returns all rows.
	Rows(ctx context.Context) ([]Row, error)
	// Row returns the row of a shard, ErrNoRow if there is none.
	Row(ctx context.Context, shard string) (Row, error)
	// Swap replaces a row that is still as old was read, or makes it where old has
	// never been read; durable when it returns. ErrChanged says that another
	// writer was first; after any other error nobody knows.
	Swap(ctx context.Context, old, next Row) (Row, error)
}

var (
	// ErrNoRow says that a table has no row of a shard.
	ErrNoRow = errors.New("no lease of the shard")
	// ErrChanged says that a row is not as it was read.
	ErrChanged = objput.ErrChanged
)

// registerTable is a LeaseTable of one register a row.
type registerTable struct {
	registers      objput.Registers
	bucket, folder string

	cached chan map[string]Row // one map, by key: rows whose tag stands need not be read
}

// NewLeaseTable keeps rows in registers: of the object store, which all processes
// reach, or of a folder for one process. The consumer's name tells the tables of a
// bucket apart:
//
//	_sluice/leases/<consumer>/<stream>/<shard>.json
func NewLeaseTable(registers objput.Registers, bucket, consumer, stream string) LeaseTable {
	t := &registerTable{registers: registers, bucket: bucket, cached: make(chan map[string]Row, 1)}
	t.folder = "_sluice/leases/" + pathSegment(consumer) + "/" + pathSegment(stream) + "/"
	t.cached <- map[string]Row{}
	return t
}

// pathSegment makes a name one part of a key: ARNs have slashes.
func pathSegment(name string) string {
	return strings.NewReplacer("/", ":", "%", "%25").Replace(name)
}

func (t *registerTable) key(shard string) string { return t.folder + pathSegment(shard) + ".json" }

// Rows implements LeaseTable. It reads what changed since the last time.
func (t *registerTable) Rows(ctx context.Context) ([]Row, error) {
	known := <-t.cached
	now := map[string]Row{}
	defer func() { t.cached <- now }()
	var keys []string
	err := t.registers.ListRegisters(ctx, t.bucket, t.folder, func(key, tag string) error {
		if r, ok := known[key]; ok && r.tag == tag {
			now[key] = r
		} else {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil && !errors.Is(err, objput.ErrNotFound) {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	for _, key := range keys {
		r, err := t.read(ctx, key)
		if err != nil {
			return nil, err
		}
		now[key] = r
	}
	var rows []Row
	for _, r := range now {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Shard, b.Shard) })
	return rows, nil
}

// Row implements LeaseTable.
func (t *registerTable) Row(ctx context.Context, shard string) (Row, error) {
	return t.read(ctx, t.key(shard))
}

func (t *registerTable) read(ctx context.Context, key string) (Row, error) {
	value, tag, err := t.registers.ReadRegister(ctx, t.bucket, key)
	if errors.Is(err, objput.ErrNotFound) {
		return Row{}, fmt.Errorf("%w: %w", ErrNoRow, err)
	}
	if err != nil {
		return Row{}, fmt.Errorf("read lease: %w", err)
	}
	r, err := parseRow(value)
	if err != nil {
		return Row{}, fmt.Errorf("read lease %s: %w", key, err)
	}
	r.tag = tag
	return r, nil
}

// parseRow reads a row's JSON.
func parseRow(value []byte) (r Row, err error) {
	if err := json.Unmarshal(value, &r); err != nil {
		return Row{}, err
	}
	if r.Shard == "" {
		return Row{}, errors.New("no row of a lease: it names no shard")
	}
	return r, r.check()
}

// Swap implements LeaseTable.
func (t *registerTable) Swap(ctx context.Context, old, next Row) (Row, error) {
	value, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return Row{}, err
	}
	tag, err := t.registers.SwapRegister(ctx, t.bucket, t.key(next.Shard), old.tag, value)
	if err != nil {
		return Row{}, fmt.Errorf("write lease of %s: %w", next.Shard, err)
	}
	next.tag = tag
	return next, nil
}
