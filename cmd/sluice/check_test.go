package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/cmd/sluice/internal/check"
	"sluice/internal/app"
	"sluice/internal/vfs"
)

// checked runs sluice check.
func checked(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(append([]string{"check"}, args...), &process{stdin: strings.NewReader(""), stdout: &out, stderr: &err})
	return code, out.String(), err.String()
}

// dataDir makes what a server that never stored anything leaves.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	a, err := app.New(app.Config{DataDir: dir, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCheckOfAServersFolder(t *testing.T) {
	dir := dataDir(t)
	code, stdout, stderr := checked(dir)
	if code != exitDone || stderr != "" || !strings.Contains(stdout, "\ncatalog") || !strings.HasSuffix(stdout, dir+" is sound\n") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "catalog.db"), []byte("this is none"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ = checked(dir)
	if code != exitFailed || !strings.Contains(stdout, "damaged: catalog.db: ") || !strings.HasSuffix(stdout, dir+" is damaged\n") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	code, stdout, _ = checked("-o", "json", dir)
	var report check.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != exitFailed || report.Sound || len(report.Damage) != 1 || report.Damage[0].Part != "catalog" {
		t.Errorf("exit code %d, report %+v (%v)", code, report, err)
	}
}

func TestCheckRefusesAFolderInUse(t *testing.T) {
	dir := dataDir(t)
	lock, err := app.LockDataDir(vfs.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if code, _, stderr := checked(dir); code != exitUsage || !strings.Contains(stderr, "is in use by a sluice process: stop it first") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
