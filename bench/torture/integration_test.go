//go:build integration

package torture

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/objput/objputtest"
)

// TestTorture is a short form, with a store that has bad days.
func TestTorture(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sluice")
	if out, err := exec.Command("go", "build", "-o", binary, "sluice/cmd/sluice").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, bucket)
	objputtest.SetCredentials(t, gateway.AccessKey, gateway.SecretKey)
	report, err := Run(t.Context(), Options{
		Binary: binary, Dir: t.TempDir(), Duration: 20 * time.Second, Seed: uint64(time.Now().UnixNano()), S3: gateway.URL,
	})
	if report != nil {
		var table strings.Builder
		if err := report.WriteTable(&table); err != nil {
			t.Error(err)
		}
		t.Log("\n" + table.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	if report.Acknowledged == 0 || report.Restarts == 0 {
		t.Error("nothing happened: the test shows nothing")
	}
}
