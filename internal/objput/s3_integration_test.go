//go:build integration

package objput_test

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
)

// TestVersityGWConforms runs the suite against a server that checks signatures,
// checksums and conditions, once with our checksums and once without.
func TestVersityGWConforms(t *testing.T) {
	gateway := objputtest.StartVersityGW(t)
	for _, checksums := range []objput.Switch{objput.On, objput.Off} {
		t.Run("checksums "+string(checksums), func(t *testing.T) {
			var n atomic.Int64
			objputtest.Run(t, func(t testing.TB) objputtest.Opened {
				bucket := fmt.Sprintf("lake-%s-%d", checksums, n.Add(1))
				gateway.MakeBucket(t, bucket)
				return objputtest.Opened{Store: openGateway(t, gateway, gateway.SecretKey, checksums), Bucket: bucket, Large: 12 << 20}
			})
		})
	}
}

func openGateway(t testing.TB, g *objputtest.Gateway, secret string, checksums objput.Switch) *objput.S3 {
	t.Helper()
	objputtest.SetCredentials(t, g.AccessKey, secret)
	s, err := objput.OpenS3(t.Context(), objput.S3Config{
		Endpoint: g.URL, PartSize: 5 << 20, Checksums: checksums, Timeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
