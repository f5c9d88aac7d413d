package catalog_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/catalog"
)

var (
	here  = catalog.Scope{Account: "111111111111", Region: "us-east-1"}
	there = catalog.Scope{Account: "111111111111", Region: "eu-west-1"}
)

// reopened is a catalog that can be closed and opened again on what its store
// made durable.
type reopened struct {
	*catalog.Catalog
	t    *testing.T
	open func() (catalog.Store, error)
}

func (r *reopened) again() {
	r.t.Helper()
	if r.Catalog != nil {
		if err := r.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	store, err := r.open()
	if err != nil {
		r.t.Fatal(err)
	}
	if r.Catalog, err = catalog.Open(store); err != nil {
		r.t.Fatal(err)
	}
}

// onBoth runs a test on a bbolt file and on the store in memory.
func onBoth(t *testing.T, run func(t *testing.T, c *reopened)) {
	start := func(t *testing.T, open func() (catalog.Store, error)) {
		c := &reopened{t: t, open: open}
		c.again()
		t.Cleanup(func() { c.Close() })
		run(t, c)
	}
	t.Run("bolt", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "catalog.db")
		start(t, func() (catalog.Store, error) { return catalog.OpenBolt(path) })
	})
	t.Run("memory", func(t *testing.T) {
		store := catalog.NewMemory()
		start(t, func() (catalog.Store, error) { return store, nil })
	})
}

func at(positions ...uint64) func() []uint64 { return func() []uint64 { return positions } }

// must returns a value that an error would make meaningless.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestLogGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		group := must[catalog.LogGroup](t)
		in := catalog.LogGroup{Scope: here, Name: "/b", Class: "STANDARD", KmsKeyID: "k", Created: 5, Tags: map[string]string{"a": "1"}}
		b := group(c.CreateLogGroup(in))
		in.Tags["a"] = "changed by the caller"
		_, err := c.CreateLogGroup(in)
		wantErr(t, err, catalog.ErrExists)
		a := group(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "/a"}))
		group(c.CreateLogGroup(catalog.LogGroup{Scope: there, Name: "/b"}))

		b = group(c.UpdateLogGroup(here, "/b", func(g *catalog.LogGroup) error {
			g.RetentionDays, g.DeletionProtection, g.Name = 7, true, "names stay"
			g.Tags["b"] = "2"
			return nil
		}))
		same(t, b.Tags, map[string]string{"a": "1", "b": "2"})
		refused := errors.New("refused")
		_, err = c.UpdateLogGroup(here, "/b", func(g *catalog.LogGroup) error { g.RetentionDays = 1; return refused })
		wantErr(t, err, refused)
		_, err = c.UpdateLogGroup(here, "/c", func(*catalog.LogGroup) error { return nil })
		wantErr(t, err, catalog.ErrNotFound)
		_, err = c.DeleteLogGroup(here, "/b", at(1))
		wantErr(t, err, catalog.ErrProtected)
		_, err = c.DeleteLogGroup(here, "/c", at(1))
		wantErr(t, err, catalog.ErrNotFound)

		for range 2 { // before and after a restart
			same(t, c.Groups(here, "", "", 0), []catalog.LogGroup{a, b})
			got, ok := c.Group(here, "/b")
			byUID, _ := c.GroupByUID(b.UID)
			byBytes, _ := c.GroupBytes(here, []byte("/b"))
			if !ok {
				t.Error("/b is not there")
			}
			same(t, []catalog.LogGroup{got, byUID, byBytes}, []catalog.LogGroup{b, b, b})
			if n := len(c.AllGroups()); n != 3 {
				t.Errorf("%d groups in all scopes, want 3", n)
			}
			c.again()
		}

		deleted := group(c.DeleteLogGroup(here, "/a", at(1)))
		same(t, deleted, a)
		if made := group(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "/a"})); made.UID == a.UID {
			t.Error("a new group inherited the uid of the deleted one")
		}
	})
}

func TestPages(t *testing.T) {
	c := must[*catalog.Catalog](t)(catalog.Open(catalog.NewMemory()))
	g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
	for _, name := range []string{"web/2", "web/1", "db", "web", "weber", "a"} {
		must[catalog.LogStream](t)(c.CreateLogStream(g.UID, name, 1))
		must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: there, Name: name}))
		must[catalog.DeliveryStream](t)(c.CreateDeliveryStream(catalog.DeliveryStream{Scope: there, Name: name}))
	}
	f := func(prefix, after string, limit int, want string) {
		t.Helper()
		var streams, groups, deliveries []string
		for _, s := range c.Streams(g.UID, prefix, after, limit) {
			streams = append(streams, s.Name)
		}
		for _, g := range c.Groups(there, prefix, after, limit) {
			groups = append(groups, g.Name)
		}
		for _, d := range c.DeliveryStreams(there, after, limit) {
			deliveries = append(deliveries, d.Name)
		}
		same(t, strings.Join(streams, " "), want)
		same(t, strings.Join(groups, " "), want)
		if prefix == "" {
			same(t, strings.Join(deliveries, " "), want)
		}
	}
	f("", "", 0, "a db web web/1 web/2 weber")
	f("", "", 2, "a db")
	f("", "db", 2, "web web/1")
	f("", "c", 2, "db web")
	f("", "weber", 2, "")
	f("web", "", 0, "web web/1 web/2 weber")
	f("web", "web", 2, "web/1 web/2")
	f("web/", "", 1, "web/1")
	f("web/", "web/1", 5, "web/2")
	f("web", "a", 1, "web")
	f("x", "", 0, "")
	f("d", "web", 0, "")
}

func TestLogStreams(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		group, stream := must[catalog.LogGroup](t), must[catalog.LogStream](t)
		g := group(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
		other := group(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "other"}))
		s := stream(c.CreateLogStream(g.UID, "söme/stream", 7))
		kept := stream(c.CreateLogStream(other.UID, "s", 8))
		gone := stream(c.CreateLogStream(other.UID, "gone", 8))
		_, err := c.CreateLogStream(g.UID, "söme/stream", 9)
		wantErr(t, err, catalog.ErrExists)
		_, err = c.CreateLogStream(999_999, "s", 9)
		wantErr(t, err, catalog.ErrNotFound)
		_, err = c.DeleteLogStream(g.UID, "s")
		wantErr(t, err, catalog.ErrNotFound)
		same(t, stream(c.DeleteLogStream(other.UID, "gone")), gone)

		for range 2 {
			got, _ := c.Stream(g.UID, s.Name)
			byUID, _ := c.StreamByUID(s.UID)
			byBytes, _ := c.StreamBytes(g.UID, []byte(s.Name))
			want := catalog.LogStream{UID: s.UID, GroupUID: g.UID, Name: "söme/stream", Created: 7}
			same(t, []catalog.LogStream{got, byUID, byBytes}, []catalog.LogStream{want, want, want})
			same(t, c.Streams(other.UID, "", "", 0), []catalog.LogStream{kept})
			c.again()
		}
		group(c.DeleteLogGroup(here, "g", at(1)))
		for range 2 {
			if _, ok := c.StreamByUID(s.UID); ok {
				t.Error("a stream outlived its group")
			}
			if _, ok := c.Stream(g.UID, s.Name); ok {
				t.Error("a stream outlived its group")
			}
			same(t, c.Streams(other.UID, "", "", 0), []catalog.LogStream{kept})
			c.again()
		}
		if again := stream(c.CreateLogStream(other.UID, "gone", 9)); again.UID == gone.UID {
			t.Error("a new stream inherited the uid of the deleted one")
		}
	})
}

const lake = "arn:aws:firehose:us-east-1:111111111111:deliverystream/lake"

func TestSubscriptionFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		filter := must[catalog.SubscriptionFilter](t)
		g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
		first := catalog.SubscriptionFilter{GroupUID: g.UID, Name: "f", Pattern: "a", DestinationARN: lake, RoleARN: "r", Created: 10}
		before := c.Generation()
		v1 := filter(c.PutSubscriptionFilter(first, at(3, 4), nil))
		second := first
		second.Pattern, second.Created = "b", 20
		v2 := filter(c.PutSubscriptionFilter(second, at(5, 6), nil))
		e := filter(c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: g.UID, Name: "e", DestinationARN: lake}, at(7, 8), nil))
		if got := c.Generation(); got != before+3 {
			t.Errorf("generation rose by %d, want 3", got-before)
		}
		if v2.UID == v1.UID || v2.Created != 10 || v2.Route != v1.Route || v2.Route == 0 {
			t.Errorf("replaced %+v by %+v", v1, v2)
		}
		v1.To = []uint64{5, 6}

		refused := errors.New("refused")
		admitted := func(others []catalog.SubscriptionFilter) error {
			same(t, others, []catalog.SubscriptionFilter{e})
			return refused
		}
		_, err := c.PutSubscriptionFilter(first, at(9, 9), admitted)
		wantErr(t, err, refused)
		_, err = c.PutSubscriptionFilter(catalog.SubscriptionFilter{GroupUID: 999_999, DestinationARN: lake}, at(9, 9), nil)
		wantErr(t, err, catalog.ErrNotFound)
		_, err = c.DeleteSubscriptionFilter(g.UID, "x", at(9, 9))
		wantErr(t, err, catalog.ErrNotFound)

		for range 2 {
			same(t, c.SubscriptionFilters(g.UID), []catalog.SubscriptionFilter{e, v2})
			same(t, c.FilterVersions(), []catalog.SubscriptionFilter{v1, v2, e})
			c.again()
		}

		v2 = filter(c.DeleteSubscriptionFilter(g.UID, "f", at(11, 12)))
		same(t, v2.To, []uint64{11, 12})
		must[catalog.LogGroup](t)(c.DeleteLogGroup(here, "g", at(13, 14)))
		e.To = []uint64{13, 14}
		for range 2 {
			same(t, c.FilterVersions(), []catalog.SubscriptionFilter{v1, v2, e})
			same(t, len(c.SubscriptionFilters(g.UID)), 0)
			c.again()
		}

		if err := c.DropFilterVersions(func(f catalog.SubscriptionFilter) bool { return f.To[0] <= 11 }); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			same(t, c.FilterVersions(), []catalog.SubscriptionFilter{e})
			c.again()
		}
	})
}

func TestDeliveryStreams(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		delivery := must[catalog.DeliveryStream](t)
		in := catalog.DeliveryStream{Scope: here, Name: "lake", Created: 5, Type: "DirectPut", Config: json.RawMessage(`{"a":1}`)}
		d := delivery(c.CreateDeliveryStream(in))
		if d.Version != 1 || d.Updated != 5 || d.Route != must[uint64](t)(c.Route(lake)) {
			t.Errorf("created %+v", d)
		}
		_, err := c.CreateDeliveryStream(in)
		wantErr(t, err, catalog.ErrExists)
		_, err = c.UpdateDeliveryStream(here, "lake", 2, func(*catalog.DeliveryStream) error { return nil })
		wantErr(t, err, catalog.ErrVersion)
		_, err = c.UpdateDeliveryStream(here, "pond", 1, func(*catalog.DeliveryStream) error { return nil })
		wantErr(t, err, catalog.ErrNotFound)
		delivery(c.UpdateDeliveryStream(here, "lake", 1, func(d *catalog.DeliveryStream) error {
			d.Config, d.Updated, d.Route = json.RawMessage(`{"a":2}`), 6, 77
			return nil
		}))
		d2 := delivery(c.TagDeliveryStream(here, "lake", func(tags map[string]string) error { tags["k"] = "v"; return nil }))
		want := d
		want.Version, want.Updated, want.Config, want.Tags = 2, 6, json.RawMessage(`{"a":2}`), map[string]string{"k": "v"}
		same(t, d2, want)
		for range 2 {
			got, _ := c.DeliveryStream(here, "lake")
			same(t, got, want)
			same(t, c.AllDeliveryStreams(), []catalog.DeliveryStream{want})
			c.again()
		}
		same(t, delivery(c.DeleteDeliveryStream(here, "lake")), want)
		_, err = c.DeleteDeliveryStream(here, "lake")
		wantErr(t, err, catalog.ErrNotFound)
		c.again()
		made := delivery(c.CreateDeliveryStream(in))
		if made.UID == d.UID || made.Route != d.Route {
			t.Errorf("made again as %+v, was %+v", made, d)
		}
	})
}

func TestRoutes(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		route := must[uint64](t)
		first := route(c.Route(lake))
		if other := route(c.Route(lake + "2")); other == first {
			t.Error("two ARNs have one route")
		}
		c.again()
		if got := route(c.Route(strings.Replace(lake, "arn:aws:", "arn:aws-cn:", 1))); got != first {
			t.Errorf("route %d, was %d", got, first)
		}
		for _, bad := range []string{"", "lake", "arn:aws", "arn:aws:firehose:r:a", "firehose:x:y:z:a:b"} {
			if _, err := c.Route(bad); err == nil {
				t.Errorf("Route(%q) took it", bad)
			}
		}
	})
}

func TestUidsAreNeverReused(t *testing.T) {
	onBoth(t, func(t *testing.T, c *reopened) {
		var last uint64
		for i := range 5 {
			g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: "g"}))
			if g.UID <= last {
				t.Fatalf("round %d: uid %d after %d", i, g.UID, last)
			}
			last = must[catalog.LogStream](t)(c.CreateLogStream(g.UID, "s", 1)).UID
			must[catalog.LogGroup](t)(c.DeleteLogGroup(here, "g", nil))
			c.again()
		}
	})
}

func TestNamesOfOneScopeOnly(t *testing.T) {
	c := must[*catalog.Catalog](t)(catalog.Open(catalog.NewMemory()))
	if _, ok := c.Group(there, "g"); ok || c.Groups(there, "", "", 0) != nil {
		t.Error("an unknown scope has groups")
	}
	if _, ok := c.DeliveryStream(there, "g"); ok || c.DeliveryStreams(there, "", 0) != nil {
		t.Error("an unknown scope has delivery streams")
	}
	if slices.ContainsFunc(c.FilterVersions(), func(catalog.SubscriptionFilter) bool { return true }) {
		t.Error("an empty catalog has filters")
	}
}
