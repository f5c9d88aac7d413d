package catalog

import (
	"slices"
	"strings"
)

// directory finds definitions by name and lists them in the order of names.
type directory[V any] struct {
	entries map[string]V
	names   []string // sorted, unless bulk was used
}

func (d *directory[V]) put(name string, v V) {
	_, known := d.entries[name]
	d.set(name, v)
	if known {
		return
	}
	if n := len(d.names); n == 0 || d.names[n-1] < name { // rising names are the rule
		d.names = append(d.names, name)
		return
	}
	at, _ := slices.BinarySearch(d.names, name)
	d.names = slices.Insert(d.names, at, name)
}

// bulk adds a name that was not there without keeping the order; sort follows.
func (d *directory[V]) bulk(name string, v V) {
	d.set(name, v)
	d.names = append(d.names, name)
}

func (d *directory[V]) sort() { slices.Sort(d.names) }

func (d *directory[V]) set(name string, v V) {
	if d.entries == nil {
		d.entries = make(map[string]V)
	}
	d.entries[name] = v
}

func (d *directory[V]) remove(name string) {
	if _, known := d.entries[name]; !known {
		return
	}
	delete(d.entries, name)
	at, _ := slices.BinarySearch(d.names, name)
	d.names = slices.Delete(d.names, at, at+1)
}

// page returns the entries with this prefix whose names come behind after, at
// most limit of them; all for a limit of 0. An empty after starts at the first.
func (d *directory[V]) page(prefix, after string, limit int) []V {
	at, found := slices.BinarySearch(d.names, max(prefix, after))
	if found && after >= prefix && after != "" {
		at++
	}
	rest := d.names[at:]
	n := 0
	for n < len(rest) && strings.HasPrefix(rest[n], prefix) && (limit <= 0 || n < limit) {
		n++
	}
	out := make([]V, n)
	for i, name := range rest[:n] {
		out[i] = d.entries[name]
	}
	return out
}
