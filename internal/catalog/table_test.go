package catalog_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sluice/internal/catalog"
)

type alarm struct {
	Name  string
	Count int
}

func openTable(t *testing.T, c *catalog.Catalog) *catalog.Table[alarm] {
	t.Helper()
	table, err := catalog.OpenTable[alarm](c, catalog.Alarms)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func names(list []alarm) string {
	var out []string
	for _, a := range list {
		out = append(out, fmt.Sprint(a.Name, a.Count))
	}
	return strings.Join(out, " ")
}

// TestTableSurvivesRestart makes, changes and deletes definitions of two scopes
// in a file and finds what is left in it.
func TestTableSurvivesRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c, err := catalog.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table := openTable(t, c)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b", "a", "c\x00d", "e"} {
		must(table.Create(here, name, alarm{Name: name}))
	}
	must(table.Put(there, "a", alarm{Name: "a", Count: 7}))
	if err := table.Create(here, "a", alarm{}); !errors.Is(err, catalog.ErrExists) {
		t.Error(err)
	}
	_, err = table.Change(here, "a", func(a *alarm) error { a.Count++; return nil })
	must(err)
	refused := errors.New("refused")
	if _, err = table.Change(here, "a", func(a *alarm) error { a.Count = 9; return refused }); err != refused {
		t.Error(err)
	}
	if _, err = table.Change(here, "nobody", func(*alarm) error { return nil }); !errors.Is(err, catalog.ErrNotFound) {
		t.Error(err)
	}
	_, err = table.Upsert(here, "f", func(a *alarm, _ bool) error { *a = alarm{Name: "f", Count: 3}; return nil })
	must(err)
	gone, err := table.Delete(here, "e")
	must(err)
	if gone.Name != "e" {
		t.Errorf("deleted %+v", gone)
	}
	check := func(table *catalog.Table[alarm]) {
		t.Helper()
		if got := names(table.List(here, "", "", 0)); got != "a1 b0 c\x00d0 f3" {
			t.Errorf("here: %q", got)
		}
		if got := names(table.List(here, "", "a", 1)); got != "b0" {
			t.Errorf("after a: %q", got)
		}
		if got := names(table.List(there, "", "", 0)); got != "a7" || table.Len(there) != 1 {
			t.Errorf("there: %q", got)
		}
		seen := 0
		table.All(func(catalog.Scope, string, alarm) { seen++ })
		if seen != 5 {
			t.Errorf("%d in all", seen)
		}
	}
	check(table)
	must(c.Close())
	if c, err = catalog.OpenFile(path); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check(openTable(t, c))
}

func TestTableChangesFollowEachOther(t *testing.T) {
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	table := openTable(t, c)
	if err := table.Create(here, "n", alarm{Name: "n"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := table.Change(here, "n", func(a *alarm) error { a.Count++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, _ := table.Get(here, "n"); got.Count != 50 {
		t.Errorf("%d changes, want 50", got.Count)
	}
}

// TestTwoForgetAtOnce: of two who forget the same versions one comes too late, which
// is no error of what he does besides.
func TestTwoForgetAtOnce(t *testing.T) {
	c := must[*catalog.Catalog](t)(catalog.Open(catalog.NewMemory()))
	filters := must[*catalog.MetricFilterTable](t)(catalog.OpenMetricFilters(c))
	g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
	at := func() []uint64 { return []uint64{7} }
	always := func([]uint64) bool { return true }
	for _, err := range []error{
		filters.Put(g, "f", 1, catalog.MetricFilterVersion{}, at, nil),
		filters.Delete(g, "f", at),
		filters.Forget(at, func(to []uint64) bool {
			if err := filters.Forget(at, always); err != nil {
				t.Error(err)
			}
			return always(to)
		}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if all := filters.All(); len(all) != 0 {
		t.Errorf("%+v are left", all)
	}
}

func TestDropLooksAgain(t *testing.T) {
	c := must[*catalog.Catalog](t)(catalog.Open(catalog.NewMemory()))
	table := must[*catalog.Table[int]](t)(catalog.OpenTable[int](c, catalog.Destinations))
	unneeded := func(v int) bool { return v == 0 }
	f := func(want bool) {
		t.Helper()
		if err := table.Drop(here, "d", unneeded); err != nil {
			t.Error(err)
		}
		if _, there := table.Get(here, "d"); there != want {
			t.Error("there:", there)
		}
	}
	f(false)
	if err := table.Put(here, "d", 1); err != nil { // put again meanwhile
		t.Fatal(err)
	}
	f(true)
	if err := table.Put(here, "d", 0); err != nil {
		t.Fatal(err)
	}
	f(false)
}
