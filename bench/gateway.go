package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// gateway is a versitygw in a process of its own: S3 over a folder, with
// signatures and conditions checked.
type gateway struct {
	cmd    *exec.Cmd
	ended  chan error
	url    string
	folder string // a bucket is a subfolder
}

const gatewayKey, gatewaySecret = "bench-gateway", "a-secret-of-the-gateway"

// startGateway starts one with the bucket that paths end in, below dir.
func startGateway(ctx context.Context, binary, dir string) (*gateway, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	g := &gateway{url: "http://" + address, folder: filepath.Join(dir, "gateway"), ended: make(chan error, 1)}
	if err := os.MkdirAll(filepath.Join(g.folder, bucket), 0o700); err != nil {
		return nil, err
	}
	var said bytes.Buffer
	g.cmd = exec.CommandContext(ctx, binary, "--access", gatewayKey, "--secret", gatewaySecret, "--port", address, "--quiet", "posix", g.folder)
	g.cmd.Stdout, g.cmd.Stderr = &said, &said
	if err := g.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	go func() { g.ended <- g.cmd.Wait() }()
	for deadline := time.Now().Add(startWithin); ; {
		if resp, err := http.Get(g.url); err == nil {
			return g, resp.Body.Close()
		}
		select {
		case err := <-g.ended:
			return nil, fmt.Errorf("%s ended: %w: %s", binary, errors.Join(err), said.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%s does not serve after %v", binary, startWithin), g.stop())
		}
	}
}

// environ is what an AWS client finds the gateway's credentials in.
func (g *gateway) environ() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + gatewayKey, "AWS_SECRET_ACCESS_KEY=" + gatewaySecret, "AWS_REGION=us-east-1", "AWS_SESSION_TOKEN="}
}

// stop kills it: it has nothing that must survive.
func (g *gateway) stop() error {
	if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-g.ended
	return nil
}

// freeAddress is one that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
