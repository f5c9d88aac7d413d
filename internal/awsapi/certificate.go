package awsapi

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/internal/clock"
)

// TLSFiles says where a listener's certificate comes from.
type TLSFiles struct {
	// CertFile and KeyFile are a given PEM pair. Without them a self-signed
	// certificate is made.
	CertFile, KeyFile string
	// Dir is the folder of the self-signed pair, cert.pem and key.pem (mode
	// 0600). The pair is used again after a restart and made anew when it is
	// about to expire or lacks a name. Clients may take cert.pem as their CA.
	Dir string
	// HostNames are added to the self-signed certificate's names, which are
	// localhost, *.localhost, 127.0.0.1, ::1 and what SDKs make of localhost.
	HostNames []string
}

// NewTLSConfig loads or makes the certificate.
func NewTLSConfig(files TLSFiles) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if files.CertFile != "" || files.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load TLS certificate %s with key %s: %w", files.CertFile, files.KeyFile, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
		return cfg, nil
	}
	s := &selfSigned{dir: files.Dir, names: append(loopbackNames(), files.HostNames...), clock: clock.Machine{}}
	if _, err := s.get(nil); err != nil {
		return nil, err
	}
	cfg.GetCertificate = s.get
	return cfg, nil
}

// loopbackNames spells some names under .localhost out, because OpenSSL takes
// no wildcard directly below a top-level name.
func loopbackNames() []string {
	return []string{
		"localhost", "*.localhost", "stream-localhost", "streaming-localhost",
		"sluice.localhost", "stream-sluice.localhost", "streaming-sluice.localhost",
	}
}

const (
	// certLifetime is below the 825 days that some clients allow.
	certLifetime = 820 * 24 * time.Hour
	renewBefore  = 30 * 24 * time.Hour
)

// selfSigned keeps a valid pair in its folder, also in a process that outlives
// a certificate.
type selfSigned struct {
	dir   string
	names []string
	clock clock.Clock

	mu   sync.Mutex // held across the rare file I/O: handshakes wait for their certificate
	pair *tls.Certificate
}

func (s *selfSigned) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pair != nil && s.fresh(s.pair) {
		return s.pair, nil
	}
	if pair, err := tls.LoadX509KeyPair(s.path("cert.pem"), s.path("key.pem")); err == nil && s.fresh(&pair) {
		s.pair = &pair
		return s.pair, nil
	}
	pair, err := s.make()
	if err != nil {
		return nil, fmt.Errorf("make self-signed certificate in %s: %w", s.dir, err)
	}
	s.pair = pair
	return pair, nil
}

func (s *selfSigned) path(name string) string { return filepath.Join(s.dir, name) }

func (s *selfSigned) fresh(pair *tls.Certificate) bool {
	now := s.clock.Now()
	if pair.Leaf == nil || now.Before(pair.Leaf.NotBefore) || now.Add(renewBefore).After(pair.Leaf.NotAfter) {
		return false
	}
	have := make(map[string]bool)
	for _, name := range pair.Leaf.DNSNames {
		have[name] = true
	}
	for _, ip := range pair.Leaf.IPAddresses {
		have[ip.String()] = true
	}
	for _, name := range s.names {
		if !have[name] {
			return false
		}
	}
	return true
}

// make writes the key first: a crash in between leaves a pair that does not fit
// together, which the next start replaces.
func (s *selfSigned) make() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := s.template()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := writeFile(s.path("key.pem"), keyPEM, 0o600); err != nil {
		return nil, err
	}
	if err := writeFile(s.path("cert.pem"), certPEM, 0o644); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	return &pair, err
}

// template is no CA: some TLS stacks refuse a CA as a server's certificate, and
// all of them take a self-signed leaf from their trust store.
func (s *selfSigned) template() (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "sluice self-signed"},
		NotBefore:             now.Add(-time.Hour), // clocks of clients may be behind
		NotAfter:              now.Add(certLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t, nil
}

// writeFile replaces a file whole and durably.
func writeFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // finds nothing after the rename
	_, err = f.Write(content)
	err = cmp.Or(err, f.Chmod(mode), f.Sync())
	if err := cmp.Or(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
