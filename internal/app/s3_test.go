package app_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

// The chain into a store that speaks S3, over a restart with a full buffer.
func TestObjectsGoToS3(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	backend := s3mem.New()
	if err := backend.CreateBucket("lake"); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(backend).Server()
	endpoint := newLoopbackServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && (r.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" || r.Header.Get("X-Amz-Checksum-Crc32c") == "") {
			t.Errorf("%s without the encryption and checksum that were asked for: %v", r.URL, r.Header)
		}
		fake.ServeHTTP(w, r)
	}))
	into := func(c *app.Config) {
		c.S3 = endpoint
		c.S3Options = app.S3Options{Checksums: "on", SSE: "AES256"}
	}
	fsys, defs := vfs.NewMem(), catalog.NewMemory()
	p := begin(t, fsys, defs, into)
	p.put("s0", "ERROR before the restart", "fine")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = begin(t, fsys, defs, into)
	p.put("s0", "ERROR after it")
	p.await()
	p.identities()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()

	list, err := backend.ListBucket("lake", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	manifests := 0
	for _, item := range list.Contents {
		o, err := backend.GetObject("lake", item.Key, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(o.Contents)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasPrefix(item.Key, "_sluice/commit/"):
			manifests++
		case strings.HasSuffix(item.Key, ".gz"):
			zr, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(item.Key, err)
			}
			text, err := io.ReadAll(zr)
			if err != nil {
				t.Fatal(item.Key, err)
			}
			lines = append(lines, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
		}
	}
	slices.Sort(lines)
	if !slices.Equal(lines, []string{"ERROR after it", "ERROR before the restart"}) || manifests == 0 {
		t.Errorf("%d manifests, lines %q", manifests, lines)
	}
}
