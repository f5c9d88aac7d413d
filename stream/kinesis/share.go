package kinesis

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// choose says which leases a member takes now, and which it asks their owners for.
// idle is for how long the member has known each row as it is.
//
// A lease is free when nobody has it, or when its owner gave no sign of life for
// the term. Of those a member takes its fair part; leases of the living it asks
// for one by one from whoever has two more than itself.
func choose(me string, rows []Row, held map[string]bool, idle map[string]time.Duration, term time.Duration) (take, want []Row) {
	load := map[string]int{me: 0}
	var free []Row
	owned := map[string][]Row{}
	total := 0
	for _, r := range rows {
		if r.ended() {
			continue
		}
		total++
		quiet := idle[r.Shard] >= term
		switch {
		case held[r.Shard]:
			load[me]++
		case r.Owner == me: // of a process that died, or taken by a write without an answer
			free = append(free, r)
		case r.Owner != "" && !quiet:
			load[r.Owner]++
			owned[r.Owner] = append(owned[r.Owner], r)
			if r.Wanted == me {
				load[me]++
				load[r.Owner]--
			}
		case r.Owner != "" || r.Wanted == "" || r.Wanted == me || quiet:
			free = append(free, r)
		}
	}
	fair := (total + len(load) - 1) / len(load)
	slices.SortFunc(free, func(a, b Row) int { return cmp.Compare(rank(me, a), rank(me, b)) })
	for _, r := range free {
		if load[me] < fair || r.Wanted == me {
			take = append(take, r)
			load[me]++
		}
	}
	for len(take) == 0 {
		r, ok := ask(me, load, owned)
		if !ok {
			break
		}
		want = append(want, r)
		load[me]++
		load[r.Owner]--
	}
	return take, want
}

// ask finds a lease of the member with the most that nobody asked for yet.
func ask(me string, load map[string]int, owned map[string][]Row) (Row, bool) {
	most := ""
	for owner, n := range load {
		if n >= load[me]+2 && (most == "" || cmp.Or(-cmp.Compare(n, load[most]), cmp.Compare(owner, most)) < 0) {
			most = owner
		}
	}
	rows := owned[most]
	for i, r := range rows {
		if r.Wanted == "" {
			owned[most] = slices.Delete(slices.Clone(rows), i, i+1)
			return r, true
		}
	}
	return Row{}, false
}

// rank orders free leases differently for each member, so that those who start
// together do not all try the same one first.
func rank(me string, r Row) uint64 {
	h := fnv.New64a()
	h.Write([]byte(me + "\x00" + r.Shard))
	return h.Sum64()
}
