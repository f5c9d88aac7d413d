package kinesis

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// listShards returns all shards that the stream still knows.
func listShards(ctx context.Context, client ReadClient, stream stream) ([]types.Shard, error) {
	var all []types.Shard
	in := &kinesis.ListShardsInput{StreamARN: stream.arn, StreamName: stream.name}
	for {
		out, err := client.ListShards(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list shards: %w", err)
		}
		all = append(all, out.Shards...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

// parentsOf is the shards that one came from: one after a split, two after a
// merge.
func parentsOf(s types.Shard) (parents []string) {
	for _, p := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
		if aws.ToString(p) != "" {
			parents = append(parents, *p)
		}
	}
	return parents
}

// makeRows makes the rows of shards that may be read now: those without parents,
// and those whose parents were read to their ends. It returns what it made.
func (m *leaseMember) makeRows(ctx context.Context, rows []Row) (made []Row, err error) {
	shards, err := listShards(ctx, m.cfg.Client, newStream(m.cfg.Stream))
	if err != nil {
		return nil, err
	}
	for _, r := range newRows(shards, rows, m.start(rows)) {
		stored, err := swap(ctx, m.cfg.Table, Row{}, r)
		switch {
		case err == nil:
			made = append(made, stored)
		case !errors.Is(err, ErrChanged): // else another member was first
			return made, err
		}
	}
	return made, nil
}

// start is where shards of unknown parents begin: where the others did, whatever
// the configuration says by now.
func (m *leaseMember) start(rows []Row) Position {
	if len(rows) == 0 {
		if m.cfg.Start == Latest {
			return AtTime(m.clock.Now())
		}
		return m.cfg.Start
	}
	start := rows[0].Start
	for _, r := range rows[1:] {
		at, isTime := r.Start.Time()
		if least, ok := start.Time(); !isTime || ok && at.Before(least) {
			start = r.Start
		}
	}
	return start
}

// newRows are the rows to be made for shards without one.
func newRows(shards []types.Shard, rows []Row, start Position) (made []Row) {
	known := map[string]Row{}
	for _, r := range rows {
		known[r.Shard] = r
	}
	listed := map[string]bool{}
	for _, s := range shards {
		listed[aws.ToString(s.ShardId)] = true
	}
	for _, s := range shards {
		id := aws.ToString(s.ShardId)
		if _, ok := known[id]; ok {
			continue
		}
		r := Row{Shard: id, Parents: parentsOf(s), Start: start}
		if !inherit(&r, known, listed) {
			continue
		}
		r.Position = r.Start
		made = append(made, r)
	}
	slices.SortFunc(made, func(a, b Row) int { return slices.Compare([]string{a.Shard}, []string{b.Shard}) })
	return made
}

// inherit takes over what parents leave to a shard, and reports false while one of
// them is still to be read. Parents that the stream forgot before this consumer
// began leave nothing.
func inherit(r *Row, known map[string]Row, listed map[string]bool) bool {
	first := true
	for _, id := range r.Parents {
		parent, ok := known[id]
		switch {
		case ok && !parent.ended(), !ok && listed[id]:
			return false
		case !ok:
			continue
		}
		if first || parent.Until < r.Until {
			r.Start, r.Until = parent.Start, parent.Until
		}
		r.Marks = mergeMarks(r.Marks, parent.Marks)
		first = false
	}
	return true
}
