package kafkadial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Config names a cluster and says how to talk to it.
type Config struct {
	// Brokers are HOST:PORT of some brokers of the cluster; the others are found.
	Brokers []string
	// ClientID is what brokers' logs and quotas know this client by. Default sluice.
	ClientID string
	TLS      TLS
	SASL     SASL
}

// TLS says how connections are encrypted.
type TLS struct {
	// Enabled turns TLS on.
	Enabled bool
	// CAFile holds the certificates to trust, PEM. Default: the system's.
	CAFile string
	// CertFile and KeyFile are the client's own certificate, if brokers want one.
	CertFile, KeyFile string
	// ServerName is what brokers' certificates are checked for. Default: the host
	// that is dialled.
	ServerName string
}

// Secret is a text that nothing prints.
type Secret string

const hidden = "(hidden)"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON, YAML and log lines.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

const (
	dialTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
)

// Cluster opens connections to one cluster. Its methods may be called
// concurrently.
type Cluster struct {
	brokers  []string
	clientID string
	tls      *tls.Config
	sasl     sasl.Mechanism
	patience time.Duration // with a broker, until a connection is of use
	silent   silence
}

// New checks the configuration and reads the certificates. It connects to
// nothing.
func New(cfg Config) (*Cluster, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: brokers are missing: give HOST:PORT of at least one")
	}
	for _, b := range cfg.Brokers {
		if host, port, err := net.SplitHostPort(b); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("kafka: broker %q is not HOST:PORT", b)
		}
	}
	c := &Cluster{brokers: cfg.Brokers, clientID: cfg.ClientID, patience: dialTimeout}
	if c.clientID == "" {
		c.clientID = "sluice"
	}
	var err error
	if c.tls, err = cfg.TLS.config(); err != nil {
		return nil, fmt.Errorf("kafka: tls: %w", err)
	}
	if c.sasl, err = cfg.SASL.mechanism(); err != nil {
		return nil, fmt.Errorf("kafka: sasl: %w", err)
	}
	return c, nil
}

func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		if t != (TLS{}) {
			return nil, errors.New("settings are given, but it is not enabled: set enabled: true")
		}
		return nil, nil
	}
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load cert_file and key_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Brokers lists the addresses that the cluster was named by.
func (c *Cluster) Brokers() []string { return c.brokers }

// String names the cluster for people.
func (c *Cluster) String() string { return strings.Join(c.brokers, ",") }

// Addr is the address for a kafka.Client.
func (c *Cluster) Addr() net.Addr { return kafka.TCP(c.brokers...) }

// Transport returns a transport of its own that learns within ttl when the
// leader of one of the topics moved; the client's default of 6 s holds a write up
// for as long. The caller ends it with CloseIdleConnections.
func (c *Cluster) Transport(ttl time.Duration, topics ...string) *kafka.Transport {
	return &kafka.Transport{
		Dial: c.dial, DialTimeout: c.patience, IdleTimeout: idleTimeout, MetadataTTL: ttl, MetadataTopics: topics,
		ClientID: c.clientID, TLS: c.tls, SASL: c.sasl,
	}
}

// Dialer returns what consumer groups connect with.
func (c *Cluster) Dialer() *kafka.Dialer {
	return &kafka.Dialer{DialFunc: c.dial, Timeout: c.patience, ClientID: c.clientID, TLS: c.tls, SASLMechanism: c.sasl}
}
