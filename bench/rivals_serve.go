package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"sluice/ingest/putlogevents"
)

// serves is a server that takes the input over HTTP and delivers it.
func serves(path string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		w, err := parseWay(path)
		if err != nil {
			return cost{}, err
		}
		return r.serve(ctx, w, func(s *server, sc *scene) (cost, error) {
			return cost{}, sc.send(ctx, s, r.options, r.load, r.options.Connections, 0, nil)
		})
	}
}

// ships is a server, and sluice ship which reads the input and sends it.
func ships(path string) func(ctx context.Context, r *race) (cost, error) {
	return func(ctx context.Context, r *race) (cost, error) {
		w, err := parseWay(path)
		if err != nil {
			return cost{}, err
		}
		return r.serve(ctx, w, func(s *server, _ *scene) (cost, error) {
			cmd := exec.CommandContext(ctx, r.options.Binary, "ship", "--group", group(0), "--stream", "ship", "--endpoint-url", s.url, r.input)
			cmd.Env = append(cmd.Environ(), "AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-east-1", "AWS_SESSION_TOKEN=")
			took, err := run(cmd)
			return took, err
		})
	}
}

// serve runs a server until what feed sends is delivered.
func (r *race) serve(ctx context.Context, w way, feed func(s *server, sc *scene) (cost, error)) (took cost, err error) {
	sc := newScene(r.options, w)
	stop, err := sc.start(ctx, r.options, r.dir)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s, err := startServer(ctx, r.options, r.dir, sc)
	if err != nil {
		return took, err
	}
	began := time.Now()
	took, err = feed(s, sc)
	if err == nil && r.expected >= 0 {
		err = newDeliveries(s.bucket).await(ctx, r.expected)
	}
	wall := time.Since(began)
	used, usedErr := s.usage()
	if err = errors.Join(err, usedErr); err == nil {
		took.rss += used.rss
	}
	if stopped := s.stop(); stopped != nil || err != nil {
		return took, errors.Join(err, stopped)
	}
	took.wall, took.cpu = wall, took.cpu+ended(s.cmd, began, 0).cpu
	switch {
	case r.expected < 0:
	case w.format == "parquet":
		took.out = func() (int64, int64, error) { return countObjects(s.bucket, w.format) }
	default:
		took.out = linesBelow(r.options.Corpus, s.bucket, w.format)
	}
	return took, nil
}

// accepts is a server whose filter selects nothing: it only stores.
func accepts(ctx context.Context, r *race) (cost, error) {
	return r.serve(ctx, way{ingest: "bulk", format: "gzip", keep: "none"}, func(s *server, sc *scene) (cost, error) {
		return cost{}, sc.send(ctx, s, r.options, r.load, r.options.Connections, 0, nil)
	})
}

func otlpAccepts(ctx context.Context, r *race) (cost, error) {
	return r.accept(ctx, "/v1/logs", "application/x-protobuf", asOTLP, func(address string) ([]string, error) {
		file, err := r.settle("otelcol.yaml", fmt.Sprintf(`receivers:
  otlp: {protocols: {http: {endpoint: "%s"}}}
exporters:
  nop: {}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    logs: {receivers: [otlp], exporters: [nop]}
`, address))
		return []string{"--config", "file:" + file}, err
	})
}

func benthosAccepts(ctx context.Context, r *race) (cost, error) {
	return r.accept(ctx, "/post", "application/x-ndjson", func(q *request) []byte { return q.lines }, func(address string) ([]string, error) {
		file, err := r.settle("benthos.yaml", fmt.Sprintf(benthosConfig+`input: {http_server: {address: "%s", path: /post}}
pipeline: {processors: [{unarchive: {format: lines}}]}
output: {drop: {}}
`, address))
		return []string{"-c", file}, err
	})
}

func asOTLP(q *request) []byte {
	var events []putlogevents.Event
	now := time.Now().UnixMilli()
	for line := range bytes.Lines(q.lines) {
		events = append(events, putlogevents.Event{Timestamp: now, Message: line[:len(line)-1]})
	}
	return appendOTLP(nil, events)
}

// accept posts the input to a rival.
func (r *race) accept(ctx context.Context, path, mediaType string, form func(q *request) []byte, configure func(address string) ([]string, error)) (cost, error) {
	address, err := freeAddress()
	if err != nil {
		return cost{}, err
	}
	args, err := configure(address)
	if err != nil {
		return cost{}, err
	}
	cmd := exec.CommandContext(ctx, r.program, args...)
	cmd.Dir = filepath.Clean(r.dir)
	var began time.Time
	took, err := follow(ctx, cmd, func() (bool, error) {
		if resp, err := http.Get("http://" + address); err != nil {
			return false, nil // not yet
		} else if err := resp.Body.Close(); err != nil {
			return false, err
		}
		began = time.Now()
		return true, post(ctx, r, "http://"+address+path, mediaType, form)
	})
	took.wall = time.Since(began)
	return took, err
}

func post(ctx context.Context, r *race, url, mediaType string, form func(q *request) []byte) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: r.options.Connections}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	out := &sender{deliver: func(ctx context.Context, _ int, q *request) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(form(q)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", mediaType)
		return ask(client, req)
	}}
	return out.run(ctx, r.load, r.options.Connections)
}
