package logsapi

import "slices"

// least keeps the least elements of a long row, in the sense of compare: as many
// as fit under a count and a weight. What it keeps is a prefix of the sorted row
// without a hole, whatever order the row comes in.
type least[T any] struct {
	compare func(a, b T) int
	weigh   func(T) int // nil weighs nothing
	count   int         // at most so many
	weight  int         // of what is kept together, at most

	kept  []T // a heap, the greatest first
	held  int // weight of kept
	bound *T  // the least element given up: nothing from here on is wanted
}

// wants tells whether an element would be kept, so that it is worth copying.
func (l *least[T]) wants(v T) bool {
	if l.bound != nil && l.compare(v, *l.bound) >= 0 {
		return false
	}
	return len(l.kept) < l.count || l.compare(v, l.kept[0]) < 0
}

// add keeps an element, and gives up the greatest ones that do not fit any more.
func (l *least[T]) add(v T) {
	l.kept = append(l.kept, v)
	l.rise(len(l.kept) - 1)
	l.held += l.weighed(v)
	for len(l.kept) > l.count || l.weigh != nil && l.held > l.weight {
		out := l.popGreatest()
		l.held -= l.weighed(out)
		l.bound = &out
	}
}

// full tells that something did not fit.
func (l *least[T]) full() bool { return l.bound != nil || len(l.kept) >= l.count }

// sorted returns what was kept, the least first.
func (l *least[T]) sorted() []T {
	slices.SortFunc(l.kept, l.compare)
	return l.kept
}

func (l *least[T]) weighed(v T) int {
	if l.weigh == nil {
		return 0
	}
	return l.weigh(v)
}

// popGreatest, rise and sink keep the heap. Package container/heap would make an
// interface of every element.
func (l *least[T]) popGreatest() T {
	last := len(l.kept) - 1
	out := l.kept[0]
	l.kept[0] = l.kept[last]
	clear(l.kept[last:])
	l.kept = l.kept[:last]
	l.sink(0)
	return out
}

func (l *least[T]) rise(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if l.compare(l.kept[i], l.kept[parent]) <= 0 {
			return
		}
		l.kept[i], l.kept[parent] = l.kept[parent], l.kept[i]
		i = parent
	}
}

func (l *least[T]) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(l.kept) {
			return
		}
		if right := child + 1; right < len(l.kept) && l.compare(l.kept[right], l.kept[child]) > 0 {
			child = right
		}
		if l.compare(l.kept[child], l.kept[i]) <= 0 {
			return
		}
		l.kept[i], l.kept[child] = l.kept[child], l.kept[i]
		i = child
	}
}
