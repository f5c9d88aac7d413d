package obs

import (
	"io"
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"
)

// Admin is what the admin port serves.
type Admin struct {
	// Registry is scraped at /metrics.
	Registry *Registry
	// Ready answers /readyz.
	Ready *Readiness
	// Allow refuses a request, as the data port does for a foreign Host or
	// Origin; its error is the answer's text. Nil allows everything.
	Allow func(*http.Request) error
	// More adds handlers by http.ServeMux pattern, as "/clock/".
	More map[string]http.Handler
}

// Handler builds the admin port's handler.
func (a Admin) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /readyz", a.Ready)
	mux.Handle("GET /metrics", a.Registry.Handler())
	// Explicit, because importing net/http/pprof for its effect would serve
	// profiles on whatever port uses the default mux.
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	for pattern, handler := range a.More {
		mux.Handle(pattern, handler)
	}
	return a.guard(mux)
}

// index lists what there is.
func (a Admin) index(w http.ResponseWriter, _ *http.Request) {
	paths := []string{"/debug/pprof/", "/healthz", "/metrics", "/readyz"}
	for pattern := range a.More {
		paths = append(paths, strings.TrimSuffix(pattern, "/"))
	}
	slices.Sort(paths)
	io.WriteString(w, strings.Join(slices.Compact(paths), "\n")+"\n")
}

func (a Admin) guard(next http.Handler) http.Handler {
	if a.Allow == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Allow(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
