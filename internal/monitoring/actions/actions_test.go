package actions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"go.uber.org/goleak"

	"sluice/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 2, 26, 10, 0, 0, 0, time.UTC)

func notice(state string) Notification {
	return Notification{
		ID: "11111111-2222-4333-8444-555555555555", ARN: "arn:aws:sns:us-east-1:000000000000:pages", Subject: state + `: "a" in here`,
		Message: `{"AlarmName":"<a>"}`, At: at, Account: "000000000000", Region: "us-east-1", AlarmName: "a", AlarmARN: "arn:alarm",
		State: state, Reason: "why", Labels: map[string]string{"metric": "m"},
	}
}

type fake struct {
	name string
	err  error
	sent int
}

func (f *fake) String() string { return f.name }

func (f *fake) Send(context.Context, Notification) error {
	f.sent++
	return f.err
}

// TestAttempts: a target that was reached is left alone afterwards.
func TestAttempts(t *testing.T) {
	good, bad := &fake{name: "good"}, &fake{name: "bad", err: errors.New("down")}
	n := notice("ALARM")
	d := NewTopics(map[string][]Target{n.ARN: {good, bad}}).Begin(n)
	if err := d.Attempt(t.Context()); err == nil || !strings.Contains(err.Error(), "notify bad: down") {
		t.Errorf("first attempt: %v", err)
	}
	bad.err = nil
	if err := d.Attempt(t.Context()); err != nil || good.sent != 1 || bad.sent != 2 {
		t.Errorf("second attempt: %v, sent %d and %d", err, good.sent, bad.sent)
	}
	if err := NewTopics(nil).Begin(n).Attempt(t.Context()); !errors.Is(err, ErrNoTarget) {
		t.Errorf("without targets: %v", err)
	}
}

func TestAlertmanager(t *testing.T) {
	var got []alert
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/api/v2/alerts" {
			t.Errorf("path %s", r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	a := &Alertmanager{URL: srv.URL + "/base/", Labels: map[string]string{"severity": "page"}, Client: NewClient()}
	f := func(state string, firing bool) {
		t.Helper()
		if err := a.Send(t.Context(), notice(state)); err != nil {
			t.Fatal(err)
		}
		if l := got[0].Labels; l["alertname"] != "a" || l["severity"] != "page" || l["metric"] != "m" || got[0].EndsAt.After(at) != firing {
			t.Errorf("%s: %+v", state, got[0])
		}
	}
	f("ALARM", true)
	f("OK", false)
}

func TestWebhookRefuses(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not today", http.StatusBadGateway)
	}))
	defer srv.Close()
	signer, err := OpenSigner(vfs.NewMem(), "/tls", at)
	if err != nil {
		t.Fatal(err)
	}
	w := &Webhook{URL: srv.URL, Signer: signer, CertURL: func() string { return "http://x" + signer.Path() }, Client: NewClient()}
	if err := w.Send(t.Context(), notice("ALARM")); err == nil || !strings.Contains(err.Error(), `502 Bad Gateway: "not today"`) {
		t.Error(err)
	}
}

// TestSignerStays: the key outlives the process, and a broken file is named.
// TestSigningKeyIsPrivate: no other user of the machine signs in our name.
func TestSigningKeyIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	if _, err := OpenSigner(vfs.OS, dir, at); err != nil {
		t.Fatal(err)
	}
	file, err := os.Stat(filepath.Join(dir, SigningFile))
	if err != nil {
		t.Fatal(err)
	}
	if mode := file.Mode().Perm(); mode != 0o600 {
		t.Errorf("the key's file has the mode %o", mode)
	}
}

func TestSignerStays(t *testing.T) {
	fsys := vfs.NewMem()
	first, err := OpenSigner(fsys, "/tls", at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenSigner(fsys.CrashClone(vfs.CrashOptions{}), "/tls", at)
	if err != nil || again.Path() != first.Path() {
		t.Errorf("after a crash: %v", err)
	}
	f, err := vfs.Create(fsys, "/tls/"+SigningFile)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := OpenSigner(fsys, "/tls", at); err == nil || !strings.Contains(err.Error(), SigningFile) {
		t.Errorf("an empty file: %v", err)
	}
}

func TestCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	c := &Command{Argv: []string{"sh", "-c", `cat > "$1"`, "sh", out}}
	if err := c.Send(t.Context(), notice("ALARM")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	var e Envelope
	if err != nil || json.Unmarshal(text, &e) != nil || e.MessageID != notice("").ID || e.Message != `{"AlarmName":"<a>"}` || e.Signature != "" {
		t.Errorf("%s: %v", text, err)
	}
	c.Argv = []string{"sh", "-c", "echo no pager >&2; exit 3"}
	if err := c.Send(t.Context(), notice("ALARM")); err == nil || err.Error() != `exit status 3: "no pager"` {
		t.Error(err)
	}
	c = &Command{Argv: []string{"sleep", "60"}, Timeout: 10 * time.Millisecond}
	if err := c.Send(t.Context(), notice("ALARM")); err == nil || !strings.Contains(err.Error(), "ran longer than 10ms") {
		t.Error(err)
	}
}

func TestSNS(t *testing.T) {
	var body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
	}))
	defer srv.Close()
	s := &SNS{TopicARN: "arn:aws:sns:us-east-1:1:real.fifo", Client: sns.New(sns.Options{
		Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: NewClient(),
	})}
	if err := s.Send(t.Context(), notice("ALARM")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Action=Publish", "MessageDeduplicationId=11111111-2222-4333-8444-555555555555", "MessageGroupId=arn"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
}
