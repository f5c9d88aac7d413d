package objputtest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/clock"
)

// versityGW is the gateway's module and the version that the tests were made with.
const (
	versityGW        = "github.com/versity/versitygw/cmd/versitygw"
	versityGWVersion = "v1.8.0"
)

// Gateway is a running versitygw: S3 over a folder, with signatures, checksums
// and conditional writes checked.
type Gateway struct {
	URL                  string
	AccessKey, SecretKey string
	Folder               string // a bucket is a subfolder
}

// StartVersityGW starts a gateway on a random port of the loopback interface,
// and ends it with the test. The binary is built once, into the user's cache
// folder (some 100 s of CPU time); where that cannot be, or the folder takes no
// extended attributes, the test is skipped and says why.
func StartVersityGW(t testing.TB) *Gateway {
	t.Helper()
	binary, err := versityGWBinary(t.Context())
	if err != nil {
		t.Skipf("no versitygw: %v", err)
	}
	port, err := freePort()
	if err != nil {
		t.Skipf("no versitygw: %v", err)
	}
	g := &Gateway{URL: "http://" + port, AccessKey: "admin", SecretKey: "password123", Folder: t.TempDir()}
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, binary, "--access", g.AccessKey, "--secret", g.SecretKey,
		"--port", port, "--quiet", "posix", g.Folder)
	output := &tail{}
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		cancel()
		t.Skipf("no versitygw: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Wait() // killed below, or failed, which await sees
	}()
	t.Cleanup(func() { cancel(); <-ended })
	if err := await(g.URL, ended); err != nil {
		cancel()
		<-ended
		t.Skipf("versitygw does not start: %v: %s", err, output.text)
	}
	return g
}

// MakeBucket makes a bucket.
func (g *Gateway) MakeBucket(t testing.TB, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(g.Folder, name), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Uploads lists the multipart uploads that are open, as the gateway keeps them:
// a folder each in the bucket's .sgwtmp/multipart/<hash of the key>.
func (g *Gateway) Uploads(t testing.TB, bucket string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(g.Folder, bucket, ".sgwtmp", "multipart", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// versityGWBinary finds the gateway or builds it.
func versityGWBinary(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "sluice", "versitygw-"+versityGWVersion)
	binary := filepath.Join(folder, "versitygw")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	build := exec.CommandContext(ctx, "go", "install", versityGW+"@"+versityGWVersion)
	build.Env = append(os.Environ(), "GOBIN="+folder, "GOFLAGS=", "CGO_ENABLED=0")
	build.Dir = os.TempDir() // outside of this module
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	return binary, nil
}

// freePort is an address nobody listens at now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await returns when a server answers at all, or with an error when it ended.
func await(url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(r); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended")
		default:
		}
		if err := (clock.Machine{}).Sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// tail keeps the last that a process wrote.
type tail struct{ text []byte }

func (w *tail) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-4096):]
	return len(p), nil
}
