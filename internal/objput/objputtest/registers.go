package objputtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/internal/objput"
)

// OpenedRegisters is a store of registers under test.
type OpenedRegisters struct {
	Registers objput.Registers
	Bucket    string // empty, and this test's alone
}

// RunRegisters runs the suite of registers; every test opens its own bucket.
func RunRegisters(t *testing.T, open func(testing.TB) OpenedRegisters) {
	for _, c := range []struct {
		name string
		test func(*testing.T, OpenedRegisters)
	}{
		{"a register is made once and replaced by who saw it", testSwap},
		{"a register that is not there is not found", testNoRegister},
		{"many writers, no update lost", testSwapRace},
		{"a list has the registers with the prefix and their tags", testListRegisters},
		{"an ended context changes nothing", testSwapCanceled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func swap(t testing.TB, o OpenedRegisters, key, tag, value string) string {
	t.Helper()
	tag, err := o.Registers.SwapRegister(t.Context(), o.Bucket, key, tag, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func testSwap(t *testing.T, o OpenedRegisters) {
	changed := func(key, tag string) {
		t.Helper()
		if _, err := o.Registers.SwapRegister(t.Context(), o.Bucket, key, tag, []byte("x")); !errors.Is(err, objput.ErrChanged) {
			t.Errorf("swap of %s at %q: %v, want ErrChanged", key, tag, err)
		}
	}
	read := func(key, want, wantTag string) {
		t.Helper()
		got, tag, err := o.Registers.ReadRegister(t.Context(), o.Bucket, key)
		if err != nil || string(got) != want || tag != wantTag {
			t.Errorf("read %s: %q at %q, %v; want %q at %q", key, got, tag, err, want, wantTag)
		}
	}
	first := swap(t, o, "leases/a.json", "", "1")
	read("leases/a.json", "1", first)
	changed("leases/a.json", "")
	second := swap(t, o, "leases/a.json", first, "2")
	changed("leases/a.json", first)
	read("leases/a.json", "2", second)
	changed("leases/b.json", second)
	third := swap(t, o, "leases/a.json", second, "3")
	read("leases/a.json", "3", third)
}

func testNoRegister(t *testing.T, o OpenedRegisters) {
	if _, _, err := o.Registers.ReadRegister(t.Context(), o.Bucket, "leases/none"); !errors.Is(err, objput.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

// testSwapRace counts in a register from many goroutines.
func testSwapRace(t *testing.T, o OpenedRegisters) {
	const writers, each = 4, 10
	swap(t, o, "count", "", "0")
	increment := func() error {
		for {
			value, tag, err := o.Registers.ReadRegister(t.Context(), o.Bucket, "count")
			if err != nil {
				return err
			}
			var n int
			if _, err := fmt.Sscan(string(value), &n); err != nil {
				return err
			}
			_, err = o.Registers.SwapRegister(t.Context(), o.Bucket, "count", tag, fmt.Append(nil, n+1))
			if !errors.Is(err, objput.ErrChanged) {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := increment(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	value, _, err := o.Registers.ReadRegister(t.Context(), o.Bucket, "count")
	if err != nil || string(value) != fmt.Sprint(writers*each) {
		t.Errorf("counted to %s, %v; want %d", value, err, writers*each)
	}
}

func testListRegisters(t *testing.T, o OpenedRegisters) {
	want := map[string]string{
		"leases/s/a": swap(t, o, "leases/s/a", "", "1"),
		"leases/s/b": swap(t, o, "leases/s/b", "", "2"),
	}
	swap(t, o, "leases/t/c", "", "3")
	got := map[string]string{}
	err := o.Registers.ListRegisters(t.Context(), o.Bucket, "leases/s/", func(key, tag string) error {
		got[key] = tag
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}

func testSwapCanceled(t *testing.T, o OpenedRegisters) {
	first := swap(t, o, "a", "", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Registers.SwapRegister(ctx, o.Bucket, "a", first, []byte("2")); err == nil {
		t.Error("swapped after the context ended")
	}
	if value, _, err := o.Registers.ReadRegister(t.Context(), o.Bucket, "a"); err != nil || string(value) != "1" {
		t.Errorf("%q, %v; want the value of before", value, err)
	}
}
