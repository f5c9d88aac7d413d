package kinesistest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"sluice/internal/clock"
)

// Kinesalite is a running kinesalite: a Kinesis server of its own mind, in memory.
type Kinesalite struct {
	URL string
}

// launcher is the module's own command but for two things: it listens on the
// loopback interface alone, and a client that breaks a request off does not end the
// server.
const launcher = `
const [module, port] = process.argv.slice(1)
process.on('uncaughtException', err => { if (err.code !== 'ECONNRESET') throw err })
require(module)({shardLimit: 100, createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0}).listen(+port, '127.0.0.1')
`

// StartKinesalite starts one on the loopback interface and ends it with the test.
// Its module is in the folder that SLUICETEST_KINESALITE names (or where .ci/run keeps
// it); without it, or without node, the test is skipped and says so.
func StartKinesalite(t testing.TB) *Kinesalite {
	t.Helper()
	folder := os.Getenv("SLUICETEST_KINESALITE")
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skipf("no kinesalite: %v", err)
		}
		folder = filepath.Join(cache, "sluice-ci", "bench", "clients", "kinesalite")
	}
	module := filepath.Join(folder, "node_modules", "kinesalite")
	if _, err := os.Stat(module); err != nil {
		t.Skipf("no kinesalite: %v: install bench/clients/kinesalite with npm, and name its folder in SLUICETEST_KINESALITE", err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("no kinesalite: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // for the server to listen there
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, node, "-e", launcher, module, port)
	output := &strings.Builder{}
	server.Stdout, server.Stderr = output, output
	if err := server.Start(); err != nil {
		cancel()
		t.Skipf("no kinesalite: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Wait() // killed below, or failed, which await sees
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("kinesalite said: %s", output)
		}
	})
	if err := await("127.0.0.1:"+port, ended); err != nil {
		cancel()
		<-ended
		t.Skipf("kinesalite does not start: %v: %s", err, output)
	}
	return &Kinesalite{URL: "http://127.0.0.1:" + port}
}

// await returns when somebody listens at an address.
func await(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("it ended: %w", err)
		default:
		}
		if err := (clock.Machine{}).Sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// Client is an SDK's client of a server at a URL, which tries nothing twice. Its
// connections end with the test.
func Client(t testing.TB, url string) *kinesis.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return kinesis.New(kinesis.Options{
		BaseEndpoint: &url, Region: "us-east-1", Retryer: aws.NopRetryer{}, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// CreateStream makes a stream and waits until it takes records.
func (k *Kinesalite) CreateStream(t testing.TB, name string, shards int32) {
	t.Helper()
	if _, err := Client(t, k.URL).CreateStream(t.Context(), &kinesis.CreateStreamInput{StreamName: &name, ShardCount: &shards}); err != nil {
		t.Fatal(err)
	}
	k.Settle(t, name)
}

// Settle waits until a change of a stream is done.
func (k *Kinesalite) Settle(t testing.TB, name string) {
	t.Helper()
	client := Client(t, k.URL)
	for {
		d, err := client.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: &name})
		if err != nil {
			t.Fatal(err)
		}
		if d.StreamDescriptionSummary.StreamStatus == types.StreamStatusActive {
			return
		}
		if err := (clock.Machine{}).Sleep(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}
