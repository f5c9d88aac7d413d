package objput_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/internal/faultproxy"
	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
)

// logged makes a store's warnings readable.
func logged(to *bytes.Buffer) func(*objput.S3Config) {
	return func(c *objput.S3Config) { c.Logger = slog.New(slog.NewTextHandler(to, nil)) }
}

// TestStoreIgnoresConditions: what is left is to look first, and to say so.
func TestStoreIgnoresConditions(t *testing.T) {
	fake := objputtest.NewFake(t, "lake", "pond")
	fake.IgnoreOnPut, fake.IgnoreOnComplete = true, true
	var log bytes.Buffer
	s := openS3(t, fake.URL, logged(&log))
	if s.AtLeastOnce("lake") {
		t.Error("nobody can know yet")
	}
	for _, size := range []int64{10, large} {
		key := map[int64]string{10: "small", large: "large"}[size]
		body := objputtest.Random(size)
		if err := s.PutIfAbsent(t.Context(), "lake", key, objputtest.Object(body, meta)); err != nil {
			t.Error(err)
		}
		if err := s.PutIfAbsent(t.Context(), "lake", key, objputtest.Object([]byte("other"), meta)); err != objput.ErrExists {
			t.Error(err)
		}
		if !bytes.Equal(objputtest.Get(t, s, "lake", key), body) {
			t.Error("overwritten")
		}
	}
	if !s.AtLeastOnce("lake") || s.AtLeastOnce("pond") {
		t.Error("at least once:", s.AtLeastOnce("lake"), s.AtLeastOnce("pond"))
	}
	if n := strings.Count(log.String(), "at least once"); n != 1 || !strings.Contains(log.String(), "bucket=lake") {
		t.Errorf("%d warnings: %s", n, &log)
	}
}

// TestStoreIgnoresConditionsOfUploads: such a store stays exactly once by taking
// large objects whole.
func TestStoreIgnoresConditionsOfUploads(t *testing.T) {
	objputtest.Run(t, func(t testing.TB) objputtest.Opened {
		fake := objputtest.NewFake(t, "lake")
		fake.IgnoreOnComplete = true
		var log bytes.Buffer
		s := openS3(t, fake.URL, logged(&log))
		t.Cleanup(func() {
			if s.AtLeastOnce("lake") || len(fake.Uploads(t, "lake")) > 0 {
				t.Error("at least once:", s.AtLeastOnce("lake"), "uploads:", fake.Uploads(t, "lake"))
			}
		})
		return objputtest.Opened{Store: s, Bucket: "lake", Large: large}
	})
}

// TestStoreDoesNotImplementConditions is about stores that say so.
func TestStoreDoesNotImplementConditions(t *testing.T) {
	fake := objputtest.NewFake(t, "lake")
	proxy, err := faultproxy.ListenHTTP(fake.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	proxy.Play(faultproxy.Always(func(r faultproxy.Request) bool { return r.Header.Get("If-None-Match") != "" },
		faultproxy.Status(http.StatusNotImplemented, "NotImplemented")))
	s := openS3(t, proxy.URL())
	for _, want := range []error{nil, objput.ErrExists} {
		if err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil)); err != want {
			t.Error(err)
		}
	}
	if !s.AtLeastOnce("lake") {
		t.Error("not noticed")
	}
}

func TestProbeFails(t *testing.T) {
	f := func(fault faultproxy.Fault, want class) {
		t.Helper()
		fake := objputtest.NewFake(t, "lake")
		proxy, err := faultproxy.ListenHTTP(fake.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer proxy.Close()
		s := openS3(t, proxy.URL())
		proxy.Play(faultproxy.Once(calls["PutObject"], fault))
		err = s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil))
		if classOf(err) != want || !strings.Contains(err.Error(), "_sluice/probe-if-none-match") || s.AtLeastOnce("lake") {
			t.Errorf("%v: %v", fault, err)
		}
		if keys := fake.Keys(t, "lake"); len(keys) > 0 {
			t.Errorf("%v: %v was put unasked", fault, keys)
		}
		if err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil)); err != nil || s.AtLeastOnce("lake") {
			t.Errorf("after %v: %v", fault, err)
		}
	}
	f(faultproxy.Status(503, "SlowDown"), again)
	f(faultproxy.ResetAfter(), again)
	f(faultproxy.StatusAfter(500, "InternalError"), again)
	f(faultproxy.Status(403, "AccessDenied"), refused)
	f(faultproxy.Status(404, "NoSuchBucket"), refused)
}

// TestStoreWithoutChecksums is about stores that know none of what the SDK sends
// by default.
func TestStoreWithoutChecksums(t *testing.T) {
	objputtest.Run(t, func(t testing.TB) objputtest.Opened {
		fake := objputtest.NewFake(t, "lake")
		fake.RejectChecksums = true
		return objputtest.Opened{Store: openS3(t, fake.URL), Bucket: "lake", Large: large}
	})
	fake := objputtest.NewFake(t, "lake")
	fake.RejectChecksums = true
	s := openS3(t, fake.URL, func(c *objput.S3Config) { c.Checksums = objput.On })
	if err := s.PutIfAbsent(t.Context(), "lake", "k", objputtest.Object([]byte("x"), nil)); !errors.Is(err, objput.ErrRefused) {
		t.Error("checksums were asked for and not sent:", err)
	}
}

// TestRequests is what a store gets to see.
func TestRequests(t *testing.T) {
	r := newRig(t, func(c *objput.S3Config) {
		c.Checksums, c.SSE, c.SSEKMSKeyID = objput.On, "aws:kms", "key-1"
	})
	if err := r.store.PutIfAbsent(t.Context(), "lake", "small", objput.Object{
		Body: strings.NewReader("123456789"), Size: 9, ContentType: "text/plain", ContentEncoding: "gzip", Meta: meta,
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.store.PutIfAbsent(t.Context(), "lake", "large", objputtest.Object(objputtest.Random(large), meta)); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, q := range r.proxy.Seen() {
		headers := []string{"If-None-Match", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
			"X-Amz-Checksum-Algorithm", "X-Amz-Mp-Object-Size"}
		line := q.Method + " " + q.Path
		if q.Query.Has("partNumber") {
			line += " part " + q.Query.Get("partNumber")
		}
		for _, h := range headers {
			if v := q.Header.Get(h); v != "" {
				line += " " + v
			}
		}
		if q.Path == "/lake/small" {
			for _, h := range []string{"X-Amz-Checksum-Crc32c", "Content-Type", "Content-Encoding", "X-Amz-Meta-Sluice-Xxh64"} {
				line += " " + q.Header.Get(h)
			}
		} else if q.Query.Has("partNumber") && q.Header.Get("X-Amz-Checksum-Crc32c") == "" {
			line += " without a checksum"
		}
		if q.Header.Get("X-Amz-Trailer") != "" || strings.Contains(q.Header.Get("Content-Encoding"), "aws-chunked") {
			line += " with a trailer"
		}
		if strings.HasPrefix(q.Path, "/lake/") {
			seen = append(seen, line)
		}
	}
	slices.Sort(seen[3:10]) // parts go side by side
	want := []string{
		"PUT /lake/small * aws:kms key-1 4waSgw== text/plain gzip 00ff", // CRC-32C's check value, e3069283
		"HEAD /lake/large",
		"POST /lake/large aws:kms key-1 CRC32C",
		"PUT /lake/large part 1", "PUT /lake/large part 2", "PUT /lake/large part 3", "PUT /lake/large part 4",
		"PUT /lake/large part 5", "PUT /lake/large part 6", "PUT /lake/large part 7",
		"POST /lake/large * 102407",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

func TestBucketExists(t *testing.T) {
	r := newRig(t)
	f := func(bucket string, fault faultproxy.Fault, want bool, wantErr class) {
		t.Helper()
		r.proxy.Play(faultproxy.Once(calls["HeadObject"], fault))
		if there, err := r.store.BucketExists(t.Context(), bucket); there != want || classOf(err) != wantErr {
			t.Errorf("%s, %v: %t %v", bucket, fault, there, err)
		}
	}
	f("lake", faultproxy.Fault{}, true, fine)
	f("no-such-bucket", faultproxy.Fault{}, false, fine)
	f("lake", faultproxy.Status(403, ""), false, refused)
	f("lake", faultproxy.Status(301, ""), false, refused)
	f("lake", faultproxy.Status(503, ""), false, again)
	f("", faultproxy.Fault{}, false, refused)
}
