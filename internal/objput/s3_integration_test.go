//go:build integration

package objput_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/internal/faultproxy"
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
				return objputtest.Opened{Store: openGateway(t, gateway, gateway.SecretKey, checksums), Bucket: bucket, Large: 12 << 20, Name: 255}
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

// TestVersityGWRefusals is about what only a real server refuses.
func TestVersityGWRefusals(t *testing.T) {
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, "lake")
	f := func(secret, bucket, want string) {
		t.Helper()
		s := openGateway(t, gateway, secret, objput.Auto)
		err := s.PutIfAbsent(t.Context(), bucket, "k", objputtest.Object([]byte("x"), nil))
		if !errors.Is(err, objput.ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", bucket, err, want)
		}
	}
	f("wrong", "lake", "SignatureDoesNotMatch")
	f(gateway.SecretKey, "no-such-bucket", "NoSuchBucket")
	s := openGateway(t, gateway, gateway.SecretKey, objput.Auto)
	for bucket, want := range map[string]bool{"lake": true, "no-such-bucket": false} {
		if there, err := s.BucketExists(t.Context(), bucket); there != want || err != nil {
			t.Error(bucket, there, err)
		}
	}
	if s.AtLeastOnce("lake") {
		t.Error("conditions are not honoured")
	}
}

// TestVersityGWLostAnswers loses the answer of every call once, after the server
// acted, and ends with one object and no upload.
func TestVersityGWLostAnswers(t *testing.T) {
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, "lake")
	proxy, err := faultproxy.ListenHTTP(gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	behind := *gateway
	behind.URL = proxy.URL()
	s := openGateway(t, &behind, gateway.SecretKey, objput.On)
	f := func(call string, size int64, want ...class) {
		t.Helper()
		body := objputtest.Random(size)
		if err := s.PutIfAbsent(t.Context(), "lake", "before "+call, objputtest.Object(body, meta)); err != nil {
			t.Fatal(err)
		}
		proxy.Play(faultproxy.Once(calls[call], faultproxy.ResetAfter()))
		r := rig{store: s}
		if came := r.deliver(t, call, body); !slices.Equal(came, want) {
			t.Errorf("%s: came to %v, want %v", call, came, want)
		}
		proxy.Play(nil)
		if !bytes.Equal(objputtest.Get(t, s, "lake", call), body) {
			t.Errorf("%s: other bytes are there", call)
		}
		if err := s.AbortOrphans(t.Context()); err != nil {
			t.Error(err)
		}
		if left := gateway.Uploads(t, "lake"); len(left) > 0 {
			t.Errorf("%s left uploads %v", call, left)
		}
	}
	f("PutObject", 1000, again, exists)
	f("CreateMultipartUpload", 12<<20, again, fine)
	f("UploadPart", 12<<20, fine)
	f("CompleteMultipartUpload", 12<<20, again, exists)
}

// TestVersityGWRegistersConform replaces registers on a server of its own mind.
func TestVersityGWRegistersConform(t *testing.T) {
	gateway := objputtest.StartVersityGW(t)
	var n atomic.Int64
	objputtest.RunRegisters(t, func(t testing.TB) objputtest.OpenedRegisters {
		bucket := fmt.Sprintf("registers-%d", n.Add(1))
		gateway.MakeBucket(t, bucket)
		return objputtest.OpenedRegisters{Registers: openGateway(t, gateway, gateway.SecretKey, objput.On), Bucket: bucket}
	})
}
