package actions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Webhook posts what SNS posts to an HTTP subscription.
type Webhook struct {
	URL     string
	Signer  *Signer
	CertURL func() string // where receivers find the signer's certificate
	// SHA256 signs by signature version 2. Default is version 1 with SHA-1, as
	// topics of SNS have it.
	SHA256 bool
	Client *http.Client
}

// Envelope is SNS's JSON around a message.
type Envelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Subject          string
	Message          string
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	UnsubscribeURL   string
}

// String implements Target.
func (w *Webhook) String() string { return "webhook " + w.URL }

// Send implements Target.
func (w *Webhook) Send(ctx context.Context, n Notification) error {
	e := envelope(n)
	e.SignatureVersion = "1"
	if w.SHA256 {
		e.SignatureVersion = "2"
	}
	e.SigningCertURL = w.CertURL()
	var err error
	if e.Signature, err = w.Signer.Sign(e); err != nil {
		return err
	}
	body, err := encode(e)
	if err != nil {
		return err
	}
	return post(ctx, w.Client, w.URL, body, http.Header{
		"Content-Type":               {"text/plain; charset=UTF-8"},
		"User-Agent":                 {"Amazon Simple Notification Service Agent"},
		"X-Amz-Sns-Message-Type":     {e.Type},
		"X-Amz-Sns-Message-Id":       {e.MessageID},
		"X-Amz-Sns-Topic-Arn":        {e.TopicARN},
		"X-Amz-Sns-Subscription-Arn": {e.TopicARN + ":sluice"},
	})
}

// envelope is a notification before it is signed.
func envelope(n Notification) Envelope {
	return Envelope{
		Type: "Notification", MessageID: n.ID, TopicARN: n.ARN, Subject: n.Subject, Message: n.Message,
		Timestamp: n.At.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// encode writes JSON without escaping for HTML, as AWS does.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// answerTimeout is how long a target may take to answer; SNS gives 15 s.
const answerTimeout = 15 * time.Second

// post takes any 2xx for an answer.
func post(ctx context.Context, client *http.Client, url string, body []byte, header http.Header) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = header
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 200)) // what can be read of it is better than nothing
		return fmt.Errorf("it answered %s: %q", answer.Status, strings.TrimSpace(string(text)))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	return err
}

// NewClient makes the client of webhooks and Alertmanagers. Notifications are
// rare, so it keeps no connection.
func NewClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true
	return &http.Client{Transport: t}
}
