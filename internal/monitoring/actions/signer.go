package actions

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"sluice/internal/vfs"
)

// SigningFile is the signer's file in its folder.
const SigningFile = "sns-signing.pem"

// Signer signs messages as SNS does. It never changes.
type Signer struct {
	key  *rsa.PrivateKey
	cert []byte // PEM
	path string
}

// OpenSigner loads the key of a folder, or makes it. now begins the validity of
// a certificate that is made.
func OpenSigner(fsys vfs.FS, dir string, now time.Time) (*Signer, error) {
	text, err := vfs.ReadFile(fsys, filepath.Join(dir, SigningFile), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = makeSigningFile(now); err == nil {
			err = store(fsys, dir, text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open signing key %s in %s: %w", SigningFile, dir, err)
	}
	s, err := parseSigner(text)
	if err != nil {
		return nil, fmt.Errorf("read signing key %s in %s: %w", SigningFile, dir, err)
	}
	return s, nil
}

func parseSigner(text []byte) (*Signer, error) {
	cert, rest := pem.Decode(text)
	key, _ := pem.Decode(rest)
	if cert == nil || key == nil || cert.Type != "CERTIFICATE" {
		return nil, errors.New("it does not hold a certificate and a key: remove it and it is made anew")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(key.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is not RSA")
	}
	sum := sha256.Sum256(cert.Bytes)
	return &Signer{
		key: private, cert: pem.EncodeToMemory(cert),
		path: "/SimpleNotificationService-" + hex.EncodeToString(sum[:16]) + ".pem",
	}, nil
}

// signingLifetime is long: who receives a message years later can still check it.
const signingLifetime = 20 * 365 * 24 * time.Hour

func makeSigningFile(now time.Time) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sluice notifications"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(signingLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// store writes the file so that a crash leaves all of it or none.
func store(fsys vfs.FS, dir string, text []byte) error {
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return err
	}
	name := filepath.Join(dir, SigningFile)
	f, err := vfs.CreatePrivate(fsys, name+".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(name+".new", name); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// Path is where ServeHTTP answers; it changes with the certificate.
func (s *Signer) Path() string { return s.path }

// ServeHTTP answers with the certificate.
func (s *Signer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Write(s.cert) // who left has nobody to tell
}

// Sign returns the signature of an envelope by its SignatureVersion.
func (s *Signer) Sign(e Envelope) (string, error) {
	text := e.canonical()
	var signature []byte
	var err error
	if e.SignatureVersion == "2" {
		sum := sha256.Sum256([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	} else {
		sum := sha1.Sum([]byte(text)) // version 1 of SNS is SHA-1
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA1, sum[:])
	}
	if err != nil {
		return "", fmt.Errorf("sign message %s: %w", e.MessageID, err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// canonical is the text that SNS signs.
func (e Envelope) canonical() string {
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", e.Message)
	add("MessageId", e.MessageID)
	if e.Subject != "" {
		add("Subject", e.Subject)
	}
	add("Timestamp", e.Timestamp)
	add("TopicArn", e.TopicARN)
	add("Type", e.Type)
	return b.String()
}
