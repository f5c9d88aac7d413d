package objput_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sluice/internal/objput"
	"sluice/internal/objput/objputtest"
	"sluice/internal/vfs"
)

// openS3 opens a store at an endpoint, with parts small enough for tests.
func openS3(t testing.TB, endpoint string, change ...func(*objput.S3Config)) *objput.S3 {
	t.Helper()
	objputtest.SetCredentials(t, "AKIDEXAMPLE", "secret")
	cfg := objput.S3Config{Endpoint: endpoint, PartSize: 16 << 10, Timeout: 30 * time.Second, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	s, err := objput.OpenS3(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

const large = 100<<10 + 7 // seven parts

func TestFolderConforms(t *testing.T) {
	objputtest.Run(t, func(t testing.TB) objputtest.Opened {
		return objputtest.Opened{Store: open(t, vfs.NewMem()), Bucket: "lake", Large: large}
	})
}

func TestS3Conforms(t *testing.T) {
	objputtest.Run(t, func(t testing.TB) objputtest.Opened {
		fake := objputtest.NewFake(t, "lake")
		return objputtest.Opened{Store: openS3(t, fake.URL), Bucket: "lake", Large: large}
	})
}
