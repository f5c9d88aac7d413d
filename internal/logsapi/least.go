package logsapi

import (
	"container/heap"
	"slices"
)

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
	heap.Push((*greatestFirst[T])(l), v)
	l.held += l.weighed(v)
	for len(l.kept) > l.count || l.weigh != nil && l.held > l.weight {
		out := heap.Pop((*greatestFirst[T])(l)).(T)
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

// greatestFirst is kept as a heap.
type greatestFirst[T any] least[T]

func (h *greatestFirst[T]) Len() int           { return len(h.kept) }
func (h *greatestFirst[T]) Less(i, j int) bool { return h.compare(h.kept[i], h.kept[j]) > 0 }
func (h *greatestFirst[T]) Swap(i, j int)      { h.kept[i], h.kept[j] = h.kept[j], h.kept[i] }
func (h *greatestFirst[T]) Push(v any)         { h.kept = append(h.kept, v.(T)) }
func (h *greatestFirst[T]) Pop() any {
	last := len(h.kept) - 1
	v := h.kept[last]
	var zero T
	h.kept[last] = zero
	h.kept = h.kept[:last]
	return v
}
