package catalog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"sluice/internal/catalog"
)

// failing is a store whose commits fail while fail is set.
type failing struct {
	catalog.Store
	fail error
}

func (f *failing) Commit(changes []catalog.Change) error {
	if f.fail != nil {
		return f.fail
	}
	return f.Store.Commit(changes)
}

func TestRefusedCommitChangesNothing(t *testing.T) {
	store := &failing{Store: catalog.NewMemory()}
	c := must[*catalog.Catalog](t)(catalog.Open(store))
	g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
	must[catalog.LogStream](t)(c.CreateLogStream(g.UID, "s", 1))
	f := must[catalog.SubscriptionFilter](t)(c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", DestinationARN: lake}, at(1), nil))
	d := must[catalog.DeliveryStream](t)(c.CreateDeliveryStream(catalog.DeliveryStream{Scope: here, Name: "lake"}))
	generation := c.Generation()

	store.fail = syscall.ENOSPC
	attempt := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: error %v, want the store's", name, err)
		}
	}
	_, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g2"})
	attempt("create group", err)
	_, err = c.UpdateLogGroup(here, "g", func(g *catalog.LogGroup) error { g.RetentionDays = 1; return nil })
	attempt("update group", err)
	_, err = c.DeleteLogGroup(here, "g", at(2))
	attempt("delete group", err)
	_, err = c.CreateLogStream(g.UID, "s2", 1)
	attempt("create stream", err)
	_, err = c.DeleteLogStream(g.UID, "s")
	attempt("delete stream", err)
	_, err = c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", DestinationARN: lake}, at(2), nil)
	attempt("put filter", err)
	_, err = c.DeleteSubscriptionFilter(g.UID, "f", at(2))
	attempt("delete filter", err)
	_, err = c.CreateDeliveryStream(catalog.DeliveryStream{Scope: here, Name: "lake2"})
	attempt("create delivery stream", err)
	_, err = c.UpdateDeliveryStream(here, "lake", 1, func(*catalog.DeliveryStream) error { return nil })
	attempt("update delivery stream", err)
	_, err = c.DeleteDeliveryStream(here, "lake")
	attempt("delete delivery stream", err)
	_, err = c.Route(lake + "3")
	attempt("route", err)

	same(t, c.Groups(here, "", "", 0), []catalog.LogGroup{g})
	same(t, len(c.Streams(g.UID, "", "", 0)), 1)
	same(t, c.FilterVersions(), []catalog.SubscriptionFilter{f})
	same(t, c.AllDeliveryStreams(), []catalog.DeliveryStream{d})
	same(t, c.Generation(), generation)
	store.fail = nil
	must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g2"}))
}

func TestClosedStoreRefusesChanges(t *testing.T) {
	c := must[*catalog.Catalog](t)(catalog.OpenFile(filepath.Join(t.TempDir(), "catalog.db")))
	g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateLogStream(g.UID, "s", 1)
	wantErr(t, err, catalog.ErrClosed)
	if _, ok := c.Group(here, "g"); !ok {
		t.Error("a closed catalog forgot its definitions")
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := must[*catalog.Catalog](t)(catalog.OpenFile(path))
	defer c.Close()
	if _, err := catalog.OpenFile(path); !errors.Is(err, bbolt.ErrTimeout) {
		t.Errorf("opened twice: %v", err)
	}
}

// TestConcurrentChanges lets many callers make and remove the same names: of
// each name exactly one caller may win, and the file must hold what memory holds.
func TestConcurrentChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		const callers, names = 8, 20
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := make(map[string]int)
		record := func(what string, err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won[what]++
			case !errors.Is(err, catalog.ErrExists) && !errors.Is(err, catalog.ErrNotFound):
				t.Errorf("%s: %v", what, err)
			}
		}
		for range callers {
			wg.Go(func() {
				for i := range names {
					name := fmt.Sprintf("g%02d", i)
					_, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: name})
					record("group "+name, err)
					g, _ := c.Group(here, name)
					_, err = c.CreateLogStream(g.UID, "s", 1)
					record("stream "+name, err)
					_, err = c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", DestinationARN: lake}, at(1), nil)
					record("filter "+name, err)
					_, err = c.Route(fmt.Sprint(lake, i))
					record("route", err)
					if i%2 == 1 {
						_, err = c.DeleteLogStream(g.UID, "s")
						record("delete "+name, err)
					}
				}
			})
		}
		wg.Wait()
		for i := range names {
			name := fmt.Sprintf("g%02d", i)
			if won["group "+name] != 1 || won["filter "+name] != callers {
				t.Errorf("%s was made %d times, its filter put %d times", name, won["group "+name], won["filter "+name])
			}
			g, _ := c.Group(here, name)
			if left := won["stream "+name] - won["delete "+name]; left != len(c.Streams(g.UID, "", "", 0)) {
				t.Errorf("%s: %d more streams made than deleted, %d there", name, left, len(c.Streams(g.UID, "", "", 0)))
			}
		}
		groups, versions := c.Groups(here, "", "", 0), c.FilterVersions()
		c.again()
		same(t, c.Groups(here, "", "", 0), groups)
		same(t, c.FilterVersions(), versions)
		inForce := 0
		for _, v := range versions {
			if v.To == nil {
				inForce++
			}
		}
		if inForce != names || len(versions) != names*callers {
			t.Errorf("%d versions, %d in force; want %d and %d", len(versions), inForce, names*callers, names)
		}
	})
}

// TestDeletionRaces deletes a group while streams are made in it: none may be
// left over.
func TestDeletionRaces(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		for round := range 10 {
			g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					if _, err := c.CreateLogStream(g.UID, fmt.Sprint(round, i), 1); err != nil && !errors.Is(err, catalog.ErrNotFound) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				if _, err := c.DeleteLogGroup(here, "g", at(1)); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
		}
		c.again() // an orphan would be reported as corrupt
	})
}

// TestCorruptValues changes what lies in the file and wants the bucket and the
// key named.
func TestCorruptValues(t *testing.T) {
	build := func() string {
		path := filepath.Join(t.TempDir(), "catalog.db")
		c := must[*catalog.Catalog](t)(catalog.OpenFile(path))
		g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
		must[catalog.LogStream](t)(c.CreateLogStream(g.UID, "s", 1))
		must[catalog.SubscriptionFilter](t)(c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", DestinationARN: lake}, at(1), nil))
		must[catalog.DeliveryStream](t)(c.CreateDeliveryStream(catalog.DeliveryStream{Scope: here, Name: "lake"}))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(bucket catalog.Bucket, what string, damage func(b *bbolt.Bucket, key, value []byte) error) {
		t.Helper()
		path := build()
		db := must[*bbolt.DB](t)(bbolt.Open(path, 0o600, nil))
		err := db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			key, value := b.Cursor().First()
			return damage(b, append([]byte(nil), key...), append([]byte(nil), value...))
		})
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		_, err = catalog.OpenFile(path)
		var corrupt *catalog.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Bucket != bucket {
			t.Errorf("%s of %s: error %v, want a CorruptError", what, bucket, err)
		}
	}
	for _, bucket := range []catalog.Bucket{catalog.LogGroups, catalog.LogStreams, catalog.SubscriptionFilters, catalog.DeliveryStreams, catalog.Routes, catalog.Sequence} {
		f(bucket, "flipped bit", func(b *bbolt.Bucket, key, value []byte) error {
			value[len(value)-1] ^= 1
			return b.Put(key, value)
		})
		f(bucket, "cut value", func(b *bbolt.Bucket, key, value []byte) error { return b.Put(key, value[:3]) })
		f(bucket, "newer version", func(b *bbolt.Bucket, key, value []byte) error {
			value[0] = 9
			return b.Put(key, value)
		})
		f(bucket, "moved value", func(b *bbolt.Bucket, key, value []byte) error {
			return b.Put(append(key, 'x'), value)
		})
	}
	f(catalog.LogStreams, "lost group", func(b *bbolt.Bucket, key, value []byte) error {
		groups := b.Tx().Bucket([]byte(catalog.LogGroups))
		key, _ = groups.Cursor().First()
		return groups.Delete(key)
	})
}

func TestNotACatalog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, []byte("no bbolt file, but long enough to look at, isn't it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog.OpenFile(path); err == nil {
		t.Error("opened a file of another kind")
	}
}

// TestDamagedPages overwrites the file's pages one after the other. Open must
// answer, with an error or with a catalog, and never fall over.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "catalog.db")
	c := must[*catalog.Catalog](t)(catalog.OpenFile(path))
	for i := range 200 {
		must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: fmt.Sprint("g", i)}))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	whole := must[[]byte](t)(os.ReadFile(path))
	refused := 0
	for at := 0; at < len(whole); at += 4096 {
		damaged := append([]byte(nil), whole...)
		for i := at; i < min(at+4096, len(whole)); i++ {
			damaged[i] = 0xa5
		}
		path := filepath.Join(dir, fmt.Sprint(at)) // bbolt may keep its lock on a file it fell over
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := catalog.OpenFile(path)
		if err != nil {
			refused++
			continue
		}
		c.Close()
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}
