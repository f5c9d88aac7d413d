package objput

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"sluice/internal/vfs"
)

// recorder is a transport that says yes to everything.
type recorder struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Body != nil {
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, q.Body, make([]byte, 32<<10)); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, q)
	answer := ""
	switch {
	case q.Method == http.MethodPost && q.URL.Query().Has("uploads"):
		answer = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
	case q.Method == http.MethodPost:
		answer = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
	case q.Method == http.MethodHead:
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: q}, nil
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"e"`}}, ContentLength: int64(len(answer)),
		Body: io.NopCloser(strings.NewReader(answer)), Request: q,
	}, nil
}

// onRecorder is an S3 whose requests go nowhere.
func onRecorder(t *testing.T, cfg S3Config, env map[string]string) (*S3, *recorder) {
	t.Helper()
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	s, err := OpenS3(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	if s.client, err = newClient(context.Background(), s.cfg, r); err != nil {
		t.Fatal(err)
	}
	return s, r
}

// TestWhereRequestsGo: AWS, or the endpoint; never where AWS_ENDPOINT_URL points,
// which is sluice itself.
func TestWhereRequestsGo(t *testing.T) {
	f := func(cfg S3Config, env map[string]string, want ...string) {
		t.Helper()
		s, r := onRecorder(t, cfg, env)
		if err := s.PutIfAbsent(t.Context(), "lake", "k", Object{Body: strings.NewReader("x"), Size: 1}); err != nil {
			t.Error(err)
		}
		var got []string
		for _, q := range r.seen {
			url := q.URL.Scheme + "://" + q.URL.Host + q.URL.Path
			if q.Header.Get("X-Amz-Checksum-Crc32c") != "" {
				url += " crc32c"
			}
			got = append(got, url)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v %v: %v, want %v", cfg, env, got, want)
		}
	}
	const aws = "https://lake.s3.eu-central-1.amazonaws.com/k crc32c"
	f(S3Config{Region: "eu-central-1"}, nil, aws)
	f(S3Config{}, map[string]string{"AWS_REGION": "eu-central-1"}, aws)
	f(S3Config{Region: "eu-central-1"}, map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4580"}, aws)
	f(S3Config{Region: "eu-central-1", Checksums: Off, PathStyle: On}, nil, "https://s3.eu-central-1.amazonaws.com/lake/k")
	// The recorder takes the probe twice, and is asked by HEAD then.
	probes := func(url, head string) []string {
		return []string{url + probeKey, url + probeKey, head + "k", url + "k"}
	}
	at := "http://127.0.0.1:9000/lake/"
	f(S3Config{}, map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}, probes(at, at)...)
	f(S3Config{Endpoint: "http://127.0.0.1:9000"}, map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4580"}, probes(at, at)...)
	hosted := "https://lake.store.example/"
	f(S3Config{Endpoint: "https://store.example", PathStyle: Off}, nil, probes(hosted, hosted)...)
}

func TestParts(t *testing.T) {
	f := func(size, partSize int64, want int) {
		t.Helper()
		s, r := onRecorder(t, S3Config{Region: "us-east-1", PartSize: partSize}, nil)
		if err := s.PutIfAbsent(t.Context(), "lake", "k", Object{Body: zeros{}, Size: size}); err != nil {
			t.Error(err)
		}
		parts, bytes := 0, int64(0)
		for _, q := range r.seen {
			if q.Method == http.MethodPut {
				parts++
				bytes += q.ContentLength
			}
		}
		if parts != want || bytes != size {
			t.Errorf("%d bytes at %d: %d parts of %d bytes, want %d", size, partSize, parts, bytes, want)
		}
	}
	f(16, 16, 1)
	f(17, 16, 2)
	f(32, 16, 2)
	f(33, 16, 3)
	f(0, 16, 1)
	f(maxParts+1, 1, maxParts/2+1) // more would not be taken
}

// zeros is a body of any size.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// TestMemoryIsBounded puts 64 MiB without holding a sixteenth of it.
func TestMemoryIsBounded(t *testing.T) {
	s, _ := onRecorder(t, S3Config{Region: "us-east-1", PartSize: 5 << 20}, nil)
	if err := s.PutIfAbsent(t.Context(), "lake", "first", Object{Body: zeros{}, Size: 6 << 20}); err != nil {
		t.Fatal(err) // what is made once is made here
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.PutIfAbsent(t.Context(), "lake", "k", Object{Body: zeros{}, Size: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

func TestJournal(t *testing.T) {
	const dir = "/data/uploads"
	write := func(mem *vfs.Mem, name, text string) {
		t.Helper()
		file, err := vfs.Create(mem, dir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	mem := vfs.NewMem()
	if err := mem.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	write(mem, "named.json", `{"endpoint":"here","bucket":"b","key":"k1"}`+"\n"+`{"uploadId":"u"}`+"\n")
	write(mem, "unnamed.json", `{"endpoint":"here","bucket":"b","key":"k2"}`+"\n")
	write(mem, "half-named.json", `{"endpoint":"here","bucket":"c","key":"k3"}`+"\n"+`{"uploadId":"u`)
	write(mem, "elsewhere.json", `{"endpoint":"there","bucket":"b","key":"k4"}`+"\n")
	write(mem, "torn.json", `{"endpoint":"here","buc`)
	write(mem, "empty.json", "")
	write(mem, "README", "somebody else's\n")
	j, err := openJournal(mem, dir, "here")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, bucket := range []string{"b", ""} {
		for _, e := range j.take(bucket) {
			got = append(got, bucket+":"+e.Key+":"+e.UploadID)
			j.end(e)
		}
	}
	slices.Sort(got)
	if want := []string{":k3:", "b:k1:u", "b:k2:"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	var left []string
	files, err := mem.ReadDir(dir)
	for _, f := range files {
		left = append(left, f.Name())
	}
	if want := []string{"README", "elsewhere.json"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("%v %v, want %v", left, err, want)
	}
}

// TestJournalFails: a disk that takes nothing must not stop what empties it.
func TestJournalFails(t *testing.T) {
	mem := vfs.NewMem()
	full := false
	faulty := vfs.Fault(mem, func(op vfs.Op) error {
		if full && op.Kind.Changes() {
			return errors.New("disk full")
		}
		return nil
	})
	var log bytes.Buffer
	s, _ := onRecorder(t, S3Config{Region: "us-east-1", PartSize: 16, FS: faulty, Journal: "/uploads"}, nil)
	s.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	full = true
	if err := s.PutIfAbsent(t.Context(), "lake", "k", Object{Body: zeros{}, Size: 100}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "without a journal") || mem.OpenFiles() > 0 {
		t.Errorf("%q, %d open files", &log, mem.OpenFiles())
	}
}

// FuzzParseEntry: whatever a crash left of a journal's file is an upload or not,
// and what was written whole is read whole.
func FuzzParseEntry(f *testing.F) {
	f.Add([]byte(`{"endpoint":"e","bucket":"b","key":"k"}`+"\n"+`{"uploadId":"u"}`+"\n"), 50)
	f.Add([]byte("{}\n"), 0)
	f.Add([]byte("\n\n"), 1)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		e, whole := parseEntry(text)
		if whole != (e != nil) {
			t.Fatal(e, whole)
		}
		if !whole {
			return
		}
		if e.Bucket == "" || e.Key == "" {
			t.Fatal("an upload of nothing")
		}
		// A cut within the second line loses the id and nothing else.
		first := bytes.IndexByte(text, '\n') + 1
		if cut >= first && cut < len(text) {
			if again, whole := parseEntry(text[:cut]); !whole || again.Key != e.Key || again.Bucket != e.Bucket {
				t.Fatalf("cut at %d: %+v", cut, again)
			}
		}
	})
}
