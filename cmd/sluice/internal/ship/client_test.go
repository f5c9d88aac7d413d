package ship_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/cmd/sluice/internal/logstest"
	"sluice/cmd/sluice/internal/ship"
)

// cleanEnv hides the AWS configuration of whoever runs the tests.
func cleanEnv(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_MAX_ATTEMPTS",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

func TestClientChoosesEndpointAndCredentials(t *testing.T) {
	f := func(flag string, env map[string]string, wantEndpoint, wantRegion, wantKey string) {
		t.Helper()
		cleanEnv(t)
		for name, value := range env {
			t.Setenv(name, value)
		}
		client, endpoint, err := ship.NewClient(t.Context(), flag, 1)
		if err != nil {
			t.Errorf("%s %v: %v", flag, env, err)
			return
		}
		key, err := client.Options().Credentials.Retrieve(t.Context())
		if err != nil {
			t.Errorf("%s %v: credentials: %v", flag, env, err)
		}
		got := []string{endpoint, client.Options().Region, key.AccessKeyID}
		if diff := cmp.Diff([]string{wantEndpoint, wantRegion, wantKey}, got); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", flag, env, diff)
		}
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}
	with := func(name, value string) map[string]string {
		env := map[string]string{name: value}
		for k, v := range keys {
			env[k] = v
		}
		return env
	}
	f("", nil, "http://127.0.0.1:4580", "us-east-1", "sluice")
	f("http://localhost:9", nil, "http://localhost:9", "us-east-1", "sluice")
	f("http://[::1]:9", nil, "http://[::1]:9", "us-east-1", "sluice")
	f("", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:7"}, "http://127.0.0.1:7", "us-east-1", "sluice")
	f("", map[string]string{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": "http://127.0.0.1:8"}, "http://127.0.0.1:8", "us-east-1", "sluice")
	f("http://127.0.0.1:9", map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:7"}, "http://127.0.0.1:9", "us-east-1", "sluice")
	f("", keys, "http://127.0.0.1:4580", "eu-west-1", "123456789012")
	f("https://logs.example.com", with("X", "y"), "https://logs.example.com", "eu-west-1", "123456789012")
}

func TestClientDemandsARegionElsewhere(t *testing.T) {
	cleanEnv(t)
	_, _, err := ship.NewClient(t.Context(), "https://logs.example.com", 1)
	if err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("error %v, want one that asks for a region", err)
	}
}

// shipTo runs a real AWS client against a server.
func shipTo(t *testing.T, server http.Handler, streams []string, create bool, content string) (ship.Report, error) {
	t.Helper()
	cleanEnv(t)
	listener := httptest.NewServer(server)
	defer listener.Close()
	client, _, err := ship.NewClient(t.Context(), listener.URL, len(streams))
	if err != nil {
		t.Fatal(err)
	}
	if create {
		for range 2 { // the second finds everything there
			if err := ship.Create(t.Context(), client, "g", streams); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ship.New(config(streams...), client).Run(t.Context(), []ship.Input{text("a", content)})
}

func TestRealClient(t *testing.T) {
	server := &logstest.Server{}
	const n = 30_000
	report, err := shipTo(t, server, []string{"s-1", "s-2"}, true, lines(n))
	if err != nil {
		t.Fatal(err)
	}
	got := len(server.Events("g", "s-1")) + len(server.Events("g", "s-2"))
	if got != n || report.Events != n || report.Requests != 3 || server.Requests() != 3 {
		t.Errorf("%d events are stored by %d requests; report %+v", got, server.Requests(), report)
	}
}

func TestRealClientSurvivesAwkwardMessages(t *testing.T) {
	server := &logstest.Server{}
	messages := []string{`quote " and \ slash`, "tab\tand nul\x00", "日本 😀", strings.Repeat("\x01", 1<<20-26)}
	if _, err := shipTo(t, server, []string{"s"}, true, strings.Join(messages, "\n")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range server.Events("g", "s") {
		got = append(got, e.Message)
	}
	if diff := cmp.Diff(messages, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestSDKRepeatsWhatIsTransient(t *testing.T) {
	attempts := 0
	server := &logstest.Server{Answer: func(string, []logstest.Event) (int, string) {
		attempts++
		if attempts < 3 {
			return 503, "ServiceUnavailableException"
		}
		return 0, ""
	}}
	report, err := shipTo(t, server, []string{"s"}, true, "one\n")
	if err != nil || report.Events != 1 || report.Requests != 1 || attempts != 3 {
		t.Errorf("%d attempts, %+v, error %v", attempts, report, err)
	}
}

func TestErrorsComeWithAHint(t *testing.T) {
	_, err := shipTo(t, &logstest.Server{}, []string{"s"}, false, "one\n")
	if err == nil || !strings.Contains(ship.Hint(err, ""), "--no-create") {
		t.Errorf("error %v, hint %q", err, ship.Hint(err, ""))
	}

	cleanEnv(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	gone := httptest.NewServer(nil)
	gone.Close()
	client, endpoint, err := ship.NewClient(t.Context(), gone.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	err = ship.Create(t.Context(), client, "g", nil)
	if err == nil || !strings.Contains(ship.Hint(err, endpoint), "start sluice serve") {
		t.Errorf("error %v, hint %q", err, ship.Hint(err, endpoint))
	}
	if hint := ship.Hint(err, "https://logs.example.com"); hint != "" {
		t.Errorf("hint %q for another machine", hint)
	}
}

// answered is an error as the SDK wraps it.
type answered struct{ error }

func (answered) Operation() string    { return "PutLogEvents" }
func (answered) ErrorCode() string    { return "ThrottlingException" }
func (answered) ErrorMessage() string { return "Rate exceeded" }

func TestPlain(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		plain := ship.Plain(err, "http://127.0.0.1:9")
		if plain.Error() != want || !errors.Is(plain, err) {
			t.Errorf("%q, want %q", plain, want)
		}
	}
	broken := errors.New("open app.log: permission denied")
	f(broken, "open app.log: permission denied")
	f(fmt.Errorf("put log events: %w", answered{errors.New("exceeded maximum number of attempts, 3, StatusCode: 400, RequestID: 1")}),
		"PutLogEvents: ThrottlingException: Rate exceeded")
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	f(fmt.Errorf("filter log events: %w", dial), "nothing answers at http://127.0.0.1:9: start sluice serve, or give --endpoint-url")
}
