package outbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"sluice/internal/envelope"
)

// Webhook sends records as AWS hands them to a Lambda function, by POST:
//
//	{"awslogs":{"data":"<base64 of the gzip member>"}}
//
// The header X-Sluice-Record-Id names the record for good: what came again has the
// same. 2xx says that it arrived. 401, 403, 404 and 410 refuse; 413 gives the record
// up; everything else is tried again. Redirects are not followed.
type Webhook struct {
	url    string
	header http.Header
	client *http.Client
	width  int
}

// WebhookConfig is where a webhook posts.
type WebhookConfig struct {
	// URL is http or https. Required.
	URL string
	// Header is added to each request.
	Header http.Header
	// Concurrency bounds the requests at once; those of one log stream follow each
	// other. Default 4.
	Concurrency int
}

// NewWebhook checks the configuration. It connects to nothing; Close it.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("make webhook: %q is no URL like https://host/path", cfg.URL)
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 4
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Concurrency
	return &Webhook{url: cfg.URL, header: cfg.Header, width: cfg.Concurrency, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close closes idle connections.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Send implements Sender.
func (w *Webhook) Send(ctx context.Context, records []*Record) error {
	keys := byKey(records)
	errs := make([]error, len(keys))
	turns := make(chan struct{}, w.width)
	var wg sync.WaitGroup
	for i, key := range keys {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			for _, r := range key {
				if errs[i] = w.post(ctx, r); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// byKey splits records by key, in the order of each key's first.
func byKey(records []*Record) (keys [][]*Record) {
	at := map[string]int{}
	for _, r := range records {
		i, known := at[r.Key]
		if !known {
			i = len(keys)
			at[r.Key] = i
			keys = append(keys, nil)
		}
		keys[i] = append(keys[i], r)
	}
	return keys
}

// post sends one record and notes what became of it.
func (w *Webhook) post(ctx context.Context, r *Record) error {
	status, err := w.request(ctx, r.ID.String(), r.Data)
	switch {
	case err != nil:
		return err
	case status/100 == 2:
		r.Delivered()
		return nil
	case status == http.StatusRequestEntityTooLarge:
		r.GiveUp(TooLarge)
		return nil
	}
	return refusalOf(status)
}

func refusalOf(status int) error {
	err := fmt.Errorf("the webhook answered %d", status)
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return &Refusal{err}
	}
	return err
}

func (w *Webhook) request(ctx context.Context, id string, data []byte) (status int, err error) {
	body := append(base64.StdEncoding.AppendEncode([]byte(`{"awslogs":{"data":"`), data), `"}}`...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, values := range w.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Sluice-Record-Id", id)
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	return resp.StatusCode, resp.Body.Close()
}

// Probe implements Sender.
func (w *Webhook) Probe(ctx context.Context, at time.Time) error {
	status, err := w.request(ctx, "probe", controlMember("Lambda", at))
	if err == nil && status/100 != 2 {
		err = refusalOf(status)
	}
	return err
}

// controlMember is AWS's test message.
func controlMember(destination string, at time.Time) []byte {
	p := envelope.GetPacker()
	defer p.Release()
	return bytes.Clone(p.Compress(envelope.AppendControl(nil, destination, at.UnixMilli())))
}
