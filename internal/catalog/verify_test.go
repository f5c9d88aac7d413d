package catalog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/catalog"
)

// catalogFile is a closed catalog with definitions on several pages.
func catalogFile(t *testing.T) (path string, content []byte) {
	path = filepath.Join(t.TempDir(), "catalog.db")
	c := must[*catalog.Catalog](t)(catalog.OpenFile(path))
	for i := range 40 {
		g := must[catalog.LogGroup](t)(c.CreateLogGroup(catalog.LogGroup{Scope: here, Name: fmt.Sprint("group-", i)}))
		must[catalog.LogStream](t)(c.CreateLogStream(g.UID, "s", 1))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path, must[[]byte](t)(os.ReadFile(path))
}

func verify(t *testing.T, path string) (definitions int, damage []error) {
	t.Helper()
	definitions, err := catalog.Verify(path, func(err error) { damage = append(damage, err) })
	if err != nil {
		t.Fatal(err)
	}
	return definitions, damage
}

func TestVerify(t *testing.T) {
	path, content := catalogFile(t)
	if n, damage := verify(t, path); n < 80 || damage != nil {
		t.Errorf("%d definitions, damage %v", n, damage)
	}
	if now := must[[]byte](t)(os.ReadFile(path)); !bytes.Equal(now, content) {
		t.Error("verify changed the file")
	}
	if _, err := catalog.Verify(path+".not", nil); !os.IsNotExist(err) && err == nil {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestVerifyFindsWhatOpenRefuses damages the file all over, and cuts it short.
func TestVerifyFindsWhatOpenRefuses(t *testing.T) {
	first, whole := catalogFile(t)
	tried := 0
	f := func(what string, content []byte, want bool) (found bool) {
		t.Helper()
		tried++
		path := fmt.Sprint(first, tried) // bbolt may keep its lock on a file it fell over
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, damage := verify(t, path)
		c, err := catalog.OpenFile(path)
		if err == nil {
			c.Close()
		}
		if (err != nil || want) && damage == nil {
			t.Errorf("%s: nothing found, Open says %v", what, err)
		}
		return damage != nil
	}
	found := 0
	for at := 0; at+64 <= len(whole); at += 1021 {
		damaged := bytes.Clone(whole)
		for i := range 64 {
			damaged[at+i] ^= 0xa5
		}
		if f(fmt.Sprint("64 bytes at ", at), damaged, false) {
			found++
		}
	}
	if found == 0 {
		t.Error("no damage was found")
	}
	f("first half", whole[:len(whole)/2], false)
	f("two pages", whole[:8192], true)
	f("text", bytes.Repeat([]byte("no catalog\n"), 1000), true)
	f("nothing", nil, false)
}
