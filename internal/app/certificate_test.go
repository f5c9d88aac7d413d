package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/app"
	"sluice/internal/awsapi"
)

// certificates is the folder of the pair that all tests share.
var certificates string

// makeCertificate makes the self-signed pair the way the app does.
func makeCertificate(t *testing.T) app.TLS {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-test-tls") // outlives the first test that wants it
	if err != nil {
		t.Fatal(err)
	}
	certificates = dir
	if _, err := awsapi.NewTLSConfig(awsapi.TLSFiles{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	return app.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
}
