package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// MetricFilter is a metric filter with the versions of it that may still apply to
// a batch. All of it is one row, so that a version ends and the next one begins
// in one commit.
type MetricFilter struct {
	Scope    Scope                 `json:"-"`      // of the log group; only All fills it in
	Filter   uint64                `json:"filter"` // names the filter for good
	GroupUID uint64                `json:"groupUid"`
	Name     string                `json:"name"`
	Created  int64                 `json:"created"`  // ms, of the first version
	Versions []MetricFilterVersion `json:"versions"` // by log position
}

// MetricFilterVersion is what a metric filter was between two log positions.
type MetricFilterVersion struct {
	UID            uint64               `json:"uid"`
	Pattern        string               `json:"pattern"`
	Transformation MetricTransformation `json:"transformation"`

	ApplyOnTransformedLogs    bool     `json:"applyOnTransformedLogs,omitempty"`
	FieldSelectionCriteria    string   `json:"fieldSelectionCriteria,omitempty"`
	EmitSystemFieldDimensions []string `json:"emitSystemFieldDimensions,omitempty"`

	// From and To are log positions as those of a SubscriptionFilter.
	From []uint64 `json:"from"`
	To   []uint64 `json:"to,omitempty"`
}

// MetricTransformation says what sample an event becomes.
type MetricTransformation struct {
	Name         string            `json:"name"`
	Namespace    string            `json:"namespace"`
	Value        string            `json:"value"`
	DefaultValue *float64          `json:"defaultValue,omitempty"`
	Unit         string            `json:"unit,omitempty"`
	Dimensions   map[string]string `json:"dimensions,omitempty"` // name: selector
}

// InForce is the version that applies to what is stored now, nil when the filter
// was deleted.
func (f MetricFilter) InForce() *MetricFilterVersion {
	if n := len(f.Versions); n > 0 && f.Versions[n-1].To == nil {
		return &f.Versions[n-1]
	}
	return nil
}

// MetricFilterTable is the metric filters of all log groups. It is safe for
// concurrent use.
type MetricFilterTable struct {
	catalog    *Catalog
	table      *Table[MetricFilter]
	generation atomic.Uint64
}

// OpenMetricFilters opens the table, once in a process.
func OpenMetricFilters(c *Catalog) (*MetricFilterTable, error) {
	t, err := OpenTable[MetricFilter](c, MetricFilters)
	return &MetricFilterTable{catalog: c, table: t}, err
}

// rowOf is a filter's key: names are unique in a group.
func rowOf(group uint64, name string) string {
	return strconv.FormatUint(group, 10) + "/" + name
}

// Generation changes with every change of a filter.
func (t *MetricFilterTable) Generation() uint64 { return t.generation.Load() }

// Put makes a version the one in force of the filter with its name in a log
// group, from the positions on that at returns; the one before it ends there.
func (t *MetricFilterTable) Put(g LogGroup, name string, created int64, v MetricFilterVersion, at func() []uint64, admit func(others int) error) error {
	if _, ok := t.catalog.GroupByUID(g.UID); !ok {
		return fmt.Errorf("put metric filter in group %d: %w", g.UID, ErrNotFound)
	}
	uid, err := t.catalog.UID()
	if err != nil {
		return err
	}
	v.UID = uid
	_, err = t.table.Upsert(g.Scope, rowOf(g.UID, name), func(f *MetricFilter, there bool) error {
		if !there {
			*f = MetricFilter{Filter: uid, GroupUID: g.UID, Name: name, Created: created}
		}
		if f.InForce() == nil {
			f.Created = created // deleted before: it is another one to users
			if admit != nil {
				if err := admit(len(t.List(g))); err != nil {
					return err
				}
			}
		}
		v.From, v.To = slices.Clone(at()), nil
		f.Versions = append(ended(f.Versions, v.From), v)
		return nil
	})
	t.generation.Add(1)
	return err
}

// ended is versions with the last one ended, unless it was.
func ended(versions []MetricFilterVersion, to []uint64) []MetricFilterVersion {
	versions = slices.Clone(versions)
	if n := len(versions); n > 0 && versions[n-1].To == nil {
		versions[n-1].To = to
	}
	return versions
}

// Delete ends the version in force at the positions that at returns.
func (t *MetricFilterTable) Delete(g LogGroup, name string, at func() []uint64) error {
	_, err := t.table.Change(g.Scope, rowOf(g.UID, name), func(f *MetricFilter) error {
		if f.InForce() == nil {
			return fmt.Errorf("delete metric filter %q: %w", name, ErrNotFound)
		}
		f.Versions = ended(f.Versions, slices.Clone(at()))
		return nil
	})
	t.generation.Add(1)
	return err
}

// List returns the filters of a log group that are in force, in the order of
// their names.
func (t *MetricFilterTable) List(g LogGroup) []MetricFilter {
	all := t.table.List(g.Scope, rowOf(g.UID, ""), "", 0)
	return slices.DeleteFunc(all, func(f MetricFilter) bool { return f.InForce() == nil })
}

// Count is the number of filters of a log group that are in force.
func (t *MetricFilterTable) Count(g LogGroup) int { return len(t.List(g)) }

// InScope returns the filters of all log groups of a scope that are in force.
func (t *MetricFilterTable) InScope(s Scope) []MetricFilter {
	return slices.DeleteFunc(t.table.List(s, "", "", 0), func(f MetricFilter) bool {
		_, there := t.catalog.GroupByUID(f.GroupUID)
		return !there || f.InForce() == nil
	})
}

// All returns every filter with the versions that may still apply to a batch, in
// the order of their groups.
func (t *MetricFilterTable) All() []MetricFilter {
	var all []MetricFilter
	t.table.All(func(s Scope, _ string, f MetricFilter) {
		f.Scope = s
		all = append(all, f)
	})
	slices.SortFunc(all, func(a, b MetricFilter) int {
		return cmp.Or(cmp.Compare(a.GroupUID, b.GroupUID), strings.Compare(a.Name, b.Name))
	})
	return all
}

// Forget drops versions that nothing will be matched by again. Filters of log
// groups that were deleted end at the positions that at returns.
func (t *MetricFilterTable) Forget(at func() []uint64, unneeded func(to []uint64) bool) error {
	type place struct {
		scope Scope
		row   string
	}
	var stale []place
	t.table.All(func(s Scope, row string, f MetricFilter) {
		_, there := t.catalog.GroupByUID(f.GroupUID)
		orphan := !there && f.InForce() != nil
		if orphan || slices.ContainsFunc(f.Versions, func(v MetricFilterVersion) bool { return v.To != nil && unneeded(v.To) }) {
			stale = append(stale, place{s, row})
		}
	})
	for _, p := range stale {
		if err := t.trim(p.scope, p.row, at, unneeded); err != nil {
			return err
		}
	}
	return nil
}

func (t *MetricFilterTable) trim(s Scope, row string, at func() []uint64, unneeded func([]uint64) bool) error {
	var left int
	_, err := t.table.Change(s, row, func(f *MetricFilter) error {
		if _, there := t.catalog.GroupByUID(f.GroupUID); !there && f.InForce() != nil {
			f.Versions = ended(f.Versions, slices.Clone(at()))
		}
		f.Versions = slices.DeleteFunc(slices.Clone(f.Versions), func(v MetricFilterVersion) bool {
			return v.To != nil && unneeded(v.To)
		})
		left = len(f.Versions)
		return nil
	})
	t.generation.Add(1)
	if errors.Is(err, ErrNotFound) {
		return nil // somebody else forgot it
	}
	if err != nil || left > 0 {
		return err
	}
	return t.table.Drop(s, row, func(f MetricFilter) bool { return len(f.Versions) == 0 })
}
