package catalog_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"sluice/internal/catalog"
)

func filled(t testing.TB, c *catalog.Catalog, groups, streams, callers int) {
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := caller; i < groups; i += callers {
				g, err := c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: fmt.Sprintf("/aws/lambda/function-%05d", i), Class: "STANDARD", Created: 1767600000000})
				if err != nil {
					t.Error(err)
					return
				}
				for j := range streams {
					if _, err := c.CreateLogStream(g.UID, fmt.Sprintf("2026/11/22/[$LATEST]%032d", j), 1767600000000); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkCreate makes 10,000 groups with 10 streams each by 64 callers, and
// reports what a definition costs in memory and what opening the file takes.
func BenchmarkCreate(b *testing.B) {
	const groups, streams, callers = 10_000, 10, 64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "catalog.db")
		before := heap()
		c, err := catalog.OpenFile(path)
		if err != nil {
			b.Fatal(err)
		}
		filled(b, c, groups, streams, callers)
		b.ReportMetric(float64(heap()-before)/(groups*(streams+1)), "B/definition")
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/(groups*(streams+1)), "µs/create")
}

func BenchmarkOpen(b *testing.B) {
	store := catalog.NewMemory()
	c, err := catalog.Open(store)
	if err != nil {
		b.Fatal(err)
	}
	filled(b, c, 1000, 10, 1)
	for b.Loop() {
		if _, err := catalog.Open(store); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/11000, "ns/definition")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func lookups(t testing.TB) (*catalog.Catalog, uint64, []byte, []byte) {
	c, err := catalog.Open(catalog.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	filled(t, c, 100, 10, 1)
	g, _ := c.Group(here, "/aws/lambda/function-00050")
	return c, g.UID, []byte(g.Name), []byte(fmt.Sprintf("2026/11/22/[$LATEST]%032d", 5))
}

func BenchmarkGroup(b *testing.B) {
	c, _, name, _ := lookups(b)
	for b.Loop() {
		if _, ok := c.GroupBytes(here, name); !ok {
			b.Fatal("not there")
		}
	}
}

func BenchmarkStream(b *testing.B) {
	c, uid, _, name := lookups(b)
	for b.Loop() {
		if _, ok := c.StreamBytes(uid, name); !ok {
			b.Fatal("not there")
		}
	}
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c, uid, group, stream := lookups(t)
	groupName, streamName := string(group), string(stream)
	n := testing.AllocsPerRun(100, func() {
		c.GroupBytes(here, group)
		c.Group(here, groupName)
		c.StreamBytes(uid, stream)
		c.Stream(uid, streamName)
		c.GroupByUID(uid)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
