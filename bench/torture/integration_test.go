//go:build integration

package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/bench/kafkaserver"
	"sluice/internal/objput/objputtest"
)

// TestTorture is a short form, with a store and a Kafka that have bad days.
func TestTorture(t *testing.T) {
	dir := t.TempDir()
	binary, broker := filepath.Join(dir, "sluice"), filepath.Join(dir, kafkaserver.Name)
	for file, source := range map[string]string{binary: "sluice/cmd/sluice", broker: "sluice/bench/broker"} {
		if out, err := exec.Command("go", "build", "-o", file, source).CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	gateway := objputtest.StartVersityGW(t)
	gateway.MakeBucket(t, bucket)
	objputtest.SetCredentials(t, gateway.AccessKey, gateway.SecretKey)
	files := t.TempDir()
	report, err := Run(t.Context(), Options{
		Binary: binary, Dir: files, Duration: 20 * time.Second, Seed: uint64(time.Now().UnixNano()), S3: gateway.URL, Broker: broker,
	})
	if report != nil {
		var table strings.Builder
		if err := report.WriteTable(&table); err != nil {
			t.Error(err)
		}
		t.Log("\n" + table.String())
	}
	if err != nil {
		text, logErr := os.ReadFile(filepath.Join(files, "server.log"))
		t.Logf("the server said last:\n%s%v", text[max(0, len(text)-20_000):], logErr)
		t.Fatal(err)
	}
	if report.Acknowledged == 0 || report.Restarts == 0 {
		t.Error("nothing happened: the test shows nothing")
	}
}
