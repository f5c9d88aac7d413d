package app_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/vfs"
)

const pagesTopic = "arn:aws:sns:us-east-1:000000000000:pages"

// subscriber is an HTTP subscription of a topic.
type subscriber struct {
	url string

	mu   sync.Mutex
	got  []map[string]string
	deaf bool // answers 503
}

func newSubscriber(t *testing.T) *subscriber {
	s := &subscriber{}
	s.url = newLoopbackServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m map[string]string
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("X-Amz-Sns-Message-Id") != m["MessageId"] {
			t.Errorf("body %v, headers %v: %v", m, r.Header, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, m)
		if s.deaf {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	return s
}

func (s *subscriber) refuse(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = on
}

func (s *subscriber) messages() []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]string(nil), s.got...)
}

// TestLogLineToPage is the whole way, in milliseconds: events, a metric filter,
// an alarm of five minutes, a signed message that verifies with the certificate
// it names.
func TestLogLineToPage(t *testing.T) {
	box := newSubscriber(t)
	p := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		c.TestClock = time.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
		c.Topics = []app.Topic{{ARN: pagesTopic, Webhooks: []string{box.url}}}
	})
	must := func(target string, in map[string]any) {
		t.Helper()
		if code, body := p.call(target, in); code != http.StatusOK {
			t.Fatalf("%s: %d %s", target, code, body)
		}
	}
	must("Logs_20140328.PutMetricFilter", map[string]any{
		"logGroupName": group, "filterName": "errors", "filterPattern": wanted,
		"metricTransformations": []any{map[string]any{"metricName": "Errors", "metricNamespace": "shop", "metricValue": "1"}},
	})
	must("GraniteServiceVersion20100801.PutMetricAlarm", map[string]any{
		"AlarmName": "errors", "Namespace": "shop", "MetricName": "Errors", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
		"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold", "AlarmActions": []string{pagesTopic},
	})
	if !p.put("s0", "ERROR one", "ERROR two", "fine") {
		t.Fatal("events were refused")
	}
	p.advance(t.Context(), 7*time.Minute)
	got := box.messages()
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	m := got[0]
	if m["Subject"] != `ALARM: "errors" in US East (N. Virginia)` || !strings.Contains(m["Message"], "1 datapoint [2.0 (") {
		t.Errorf("%v", m)
	}
	verifySignature(t, m)
}

func verifySignature(t *testing.T, m map[string]string) {
	t.Helper()
	resp, err := http.Get(m["SigningCertURL"])
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s: %s %q", m["SigningCertURL"], resp.Status, text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	var canonical string
	for _, name := range []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"} {
		canonical += name + "\n" + m[name] + "\n"
	}
	signature, err := base64.StdEncoding.DecodeString(m["Signature"])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum([]byte(canonical))
	if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA1, sum[:], signature); err != nil {
		t.Error(err)
	}
}

func TestTopicsAreChecked(t *testing.T) {
	f := func(topic app.Topic, want string) {
		t.Helper()
		_, err := app.New(app.Config{DataDir: "/data", FS: vfs.NewMem(), Catalog: catalog.NewMemory(), Topics: []app.Topic{topic}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", topic, err, want)
		}
	}
	f(app.Topic{ARN: "pages"}, "topics[0]: arn: parse ARN")
	f(app.Topic{ARN: pagesTopic}, "has no target")
	f(app.Topic{ARN: pagesTopic, Webhooks: []string{"example"}}, "is no http or https URL")
	f(app.Topic{ARN: pagesTopic, Command: []string{"true"}, SignatureVersion: 3}, "neither 1 nor 2")
}
