package obs

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// checkTimeout bounds one readiness answer; load balancers give up sooner or
// not much later.
const checkTimeout = 2 * time.Second

// Readiness answers /readyz from named checks. It is not ready while it has
// none: a process that has wired nothing yet serves nobody.
type Readiness struct {
	mu     sync.Mutex
	checks []check
}

type check struct {
	name string
	run  func(context.Context) error
}

// Add appends a check. Its error is the reason shown to people, so it says what
// is being waited for. It must return when its context ends.
func (r *Readiness) Add(name string, run func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, check{name, run})
}

// Report is the body of /readyz.
type Report struct {
	Ready  bool     `json:"ready"`
	Checks []Result `json:"checks"`
}

// Result is one check in a Report.
type Result struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// Report runs all checks side by side, so that one that waits hides no other.
func (r *Readiness) Report(ctx context.Context) Report {
	r.mu.Lock()
	checks := r.checks[:len(r.checks):len(r.checks)]
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]Result, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { results[i] = c.result(ctx) })
	}
	running.Wait()

	report := Report{Ready: len(results) > 0, Checks: results}
	for _, result := range results {
		report.Ready = report.Ready && result.OK
	}
	return report
}

func (c check) result(ctx context.Context) Result {
	if err := c.run(ctx); err != nil {
		return Result{Name: c.name, Reason: err.Error()}
	}
	return Result{Name: c.name, OK: true}
}

// ServeHTTP answers 200, or 503 when a check fails.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	report := r.Report(req.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(report) // a caller that left has nobody to tell
}
