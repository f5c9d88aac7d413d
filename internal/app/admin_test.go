package app

import (
	"net/http/httptest"
	"testing"
)

// TestAdminOfOthers: the admin port knows no credentials, so that from elsewhere
// there is only what monitoring asks for.
func TestAdminOfOthers(t *testing.T) {
	f := func(insecure bool, from, path string, want bool) {
		t.Helper()
		a := &App{cfg: Config{Insecure: insecure}}
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = from
		if err := a.allowAdmin(r); (err == nil) != want {
			t.Errorf("%s from %s: %v", path, from, err)
		}
	}
	const here, here6, there = "127.0.0.1:4000", "[::1]:4000", "192.0.2.7:4000"
	for _, path := range []string{"/debug/pprof/heap", "/debug/pprof/"} {
		f(false, here, path, true)
		f(false, here6, path, true)
		f(false, there, path, false)
		f(true, there, path, true)
	}
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/replicas", "/clock/advance"} {
		f(false, there, path, true)
	}
}
