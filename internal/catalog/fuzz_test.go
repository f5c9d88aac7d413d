package catalog_test

import (
	"errors"
	"testing"

	"sluice/internal/catalog"
)

// FuzzOpen puts one value of any bytes, raw or rightly framed, beside those of a
// small catalog. Open must answer with a catalog that can be read, or name the
// value.
func FuzzOpen(f *testing.F) {
	whole := catalog.NewMemory()
	c, err := catalog.Open(whole)
	if err != nil {
		f.Fatal(err)
	}
	g, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := c.CreateLogStream(g.UID, "s", 1); err != nil {
		f.Fatal(err)
	}
	if _, err := c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", DestinationARN: lake}, at(1), nil); err != nil {
		f.Fatal(err)
	}
	if _, err := c.CreateDeliveryStream(catalog.DeliveryStream{Scope: here, Name: "lake"}); err != nil {
		f.Fatal(err)
	}
	type entry struct {
		bucket     catalog.Bucket
		key, value []byte
	}
	var entries []entry
	err = whole.Load(func(b catalog.Bucket, key, value []byte) error {
		entries = append(entries, entry{b, key, value})
		f.Add(string(b), key, value[5:], true)
		f.Add(string(b), key, value, false)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, bucket string, key, value []byte, framed bool) {
		store := catalog.NewMemory()
		for _, e := range entries {
			if err := store.Commit([]catalog.Change{{Bucket: e.bucket, Key: e.key, Value: e.value}}); err != nil {
				t.Fatal(err)
			}
		}
		if framed {
			value = catalog.Frame(catalog.Bucket(bucket), key, value)
		} else if value == nil {
			value = []byte{}
		}
		if err := store.Commit([]catalog.Change{{Bucket: catalog.Bucket(bucket), Key: key, Value: value}}); err != nil {
			t.Fatal(err)
		}
		c, err := catalog.Open(store)
		var corrupt *catalog.CorruptError
		if err != nil {
			if !errors.As(err, &corrupt) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		for _, g := range c.AllGroups() {
			c.Streams(g.UID, "", "", 0)
			c.SubscriptionFilters(g.UID)
		}
		c.FilterVersions()
		if _, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "another"}); err != nil && !errors.Is(err, catalog.ErrExists) {
			t.Error(err)
		}
	})
}
