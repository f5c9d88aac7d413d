package objputtest

import (
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Fake is an S3 in memory: gofakes3, which obeys If-None-Match on PutObject, and
// around it what it lacks and what other stores lack. Its fields may be set
// before the first request. It checks no signature and no checksum.
type Fake struct {
	URL string

	// IgnoreOnPut and IgnoreOnComplete make it a store that takes
	// If-None-Match and does not care.
	IgnoreOnPut, IgnoreOnComplete bool
	// IgnoreIfMatch does the same with If-Match.
	IgnoreIfMatch bool
	// RejectChecksums makes it a store that knows none of the newer checksum
	// headers and no trailers: 400, or the body's framing stored as data.
	RejectChecksums bool

	backend *s3mem.Backend
	s3      http.Handler

	mu sync.Mutex // a check and the write that rests on it
}

// NewFake starts one with the given buckets.
func NewFake(t testing.TB, buckets ...string) *Fake {
	t.Helper()
	f := &Fake{backend: s3mem.New()}
	f.s3 = gofakes3.New(f.backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	for _, b := range buckets {
		if err := f.backend.CreateBucket(b); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // gofakes3 answers twice when a body breaks off
	server.Start()
	t.Cleanup(server.Close)
	f.URL = server.URL
	return f
}

// ServeHTTP implements http.Handler.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.RejectChecksums {
		if name := checksumHeader(r.Header); name != "" {
			refuse(w, http.StatusBadRequest, "InvalidArgument", name)
			return
		}
	}
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && !query.Has("partNumber"):
		if f.IgnoreOnPut {
			r.Header.Del("If-None-Match")
		}
		if f.IgnoreIfMatch {
			r.Header.Del("If-Match")
		}
		f.mu.Lock()
		defer f.mu.Unlock()
	case r.Method == http.MethodPost && query.Has("uploadId"):
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.IgnoreOnComplete && r.Header.Get("If-None-Match") == "*" && f.has(r.URL.Path) {
			refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "If-None-Match")
			return
		}
	}
	f.s3.ServeHTTP(w, r)
}

// checksumHeader is the first header that came to S3 with the newer checksums.
func checksumHeader(h http.Header) string {
	for name, values := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-checksum-") || name == "x-amz-trailer" || name == "x-amz-sdk-checksum-algorithm" ||
			name == "x-amz-mp-object-size" || name == "content-encoding" && strings.Contains(values[0], "aws-chunked") {
			return name
		}
	}
	return ""
}

func refuse(w http.ResponseWriter, status int, code, about string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, about)
}

func (f *Fake) has(urlPath string) bool {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(urlPath, "/"), "/")
	_, err := f.backend.HeadObject(bucket, key)
	return err == nil
}

// Keys lists what a bucket holds, without sluice's own probe.
func (f *Fake) Keys(t testing.TB, bucket string) []string {
	t.Helper()
	list, err := f.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, o := range list.Contents {
		if !strings.HasPrefix(o.Key, "_sluice/probe") {
			keys = append(keys, o.Key)
		}
	}
	return keys
}

// Uploads lists the keys of the multipart uploads that are open.
func (f *Fake) Uploads(t testing.TB, bucket string) []string {
	t.Helper()
	resp, err := http.Get(f.URL + "/" + bucket + "?uploads")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Upload []struct{ Key string }
	}
	if err := xml.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, u := range list.Upload {
		keys = append(keys, u.Key)
	}
	return keys
}

// SetCredentials makes the SDK find these keys and no others, and no
// configuration of this machine.
func SetCredentials(t testing.TB, accessKey, secretKey string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
	} {
		t.Setenv(name, value)
	}
}
