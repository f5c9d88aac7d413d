package kafkadial_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/kafkadial"
)

func TestSecretsAreNotPrinted(t *testing.T) {
	cfg := kafkadial.Config{SASL: kafkadial.SASL{Mechanism: "plain", Username: "u", Password: "hunter2"}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "password", cfg.SASL.Password)
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%q", cfg.SASL.Password), string(text), log.String()} {
		if strings.Contains(printed, "hunter2") {
			t.Errorf("a secret is printed: %s", printed)
		}
	}
}

func TestCheck(t *testing.T) {
	f := func(cfg kafkadial.Config, want string) {
		t.Helper()
		_, err := kafkadial.New(cfg)
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%+v: %s, want %q", cfg, got, want)
		}
	}
	some := []string{"127.0.0.1:9092"}
	f(kafkadial.Config{Brokers: some}, "<nil>")
	f(kafkadial.Config{}, "brokers are missing")
	f(kafkadial.Config{Brokers: []string{"host"}}, `"host" is not HOST:PORT`)
	f(kafkadial.Config{Brokers: some, TLS: kafkadial.TLS{CAFile: "x"}}, "not enabled")
	f(kafkadial.Config{Brokers: some, TLS: kafkadial.TLS{Enabled: true, CAFile: "no-such-file"}}, "read ca_file")
	f(kafkadial.Config{Brokers: some, TLS: kafkadial.TLS{Enabled: true, CertFile: "no-such-file"}}, "cert_file")
	f(kafkadial.Config{Brokers: some, SASL: kafkadial.SASL{Username: "u"}}, "no mechanism")
	f(kafkadial.Config{Brokers: some, SASL: kafkadial.SASL{Mechanism: "plain", Username: "u"}}, "wants a username and a password")
	f(kafkadial.Config{Brokers: some, SASL: kafkadial.SASL{Mechanism: "gssapi", Username: "u", Password: "p"}}, `"gssapi" is not one of`)
	f(kafkadial.Config{Brokers: some, SASL: kafkadial.SASL{Mechanism: "aws-msk-iam"}}, "region")
	f(kafkadial.Config{Brokers: some, SASL: kafkadial.SASL{Mechanism: "aws-msk-iam", Region: "eu-west-1"}}, "<nil>")
}

// TestSASL signs in to a broker by each mechanism that has a password, over the
// transport and over the dialer, and fails with a wrong one.
func TestSASL(t *testing.T) {
	f := func(mechanism string) {
		t.Helper()
		broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "right"))
		if err != nil {
			t.Fatal(err)
		}
		defer broker.Close()
		for _, password := range []kafkadial.Secret{"right", "wrong"} {
			c, err := kafkadial.New(kafkadial.Config{
				Brokers: broker.ListenAddrs(), SASL: kafkadial.SASL{Mechanism: mechanism, Username: "u", Password: password},
			})
			if err != nil {
				t.Fatal(err)
			}
			transport := c.Transport(time.Second, "t")
			defer transport.CloseIdleConnections()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, err = (&kafka.Client{Addr: c.Addr(), Transport: transport}).ListOffsets(ctx, &kafka.ListOffsetsRequest{
				Topics: map[string][]kafka.OffsetRequest{"t": {kafka.LastOffsetOf(0)}},
			})
			if (err == nil) != (password == "right") {
				t.Errorf("%s with the %s password: %v", mechanism, string(password), err)
			}
			conn, err := c.Dialer().DialContext(ctx, "tcp", c.Brokers()[0])
			if (err == nil) != (password == "right") {
				t.Errorf("dial by %s with the %s password: %v", mechanism, string(password), err)
			}
			if err == nil {
				conn.Close()
			}
			cancel()
		}
	}
	f("plain")
	f("scram-sha-256")
	f("scram-sha-512")
}
