package clock

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Handler answers the admin port's clock requests over the given Event clock:
//
//	POST /clock/set?to=2026-01-02T03:04:05Z
//	POST /clock/advance?by=90s
//	GET  /clock
//
// The answer is {"now": RFC 3339, "pending": [names]}: 200 when everything due
// was attempted, 202 when the clock moved but the named work is unfinished. A
// refusal is {"error": text}: 400 for input that says what to do instead, 409
// when no test clock is in use.
func Handler(c Event) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) {
		answerMove(w, c, nil)
	})
	mux.HandleFunc("POST /clock/set", onTest(c, func(t *Test, r *http.Request) error {
		to, err := time.Parse(time.RFC3339, r.FormValue("to"))
		if err != nil {
			return &inputError{fmt.Sprintf("give the instant as RFC 3339, as in /clock/set?to=%s; got to=%q",
				t.Now().Add(time.Hour).Format(time.RFC3339), r.FormValue("to"))}
		}
		return t.Set(r.Context(), to)
	}))
	mux.HandleFunc("POST /clock/advance", onTest(c, func(t *Test, r *http.Request) error {
		by, err := time.ParseDuration(r.FormValue("by"))
		if err != nil {
			return &inputError{fmt.Sprintf("give a duration with units, as in /clock/advance?by=90s or by=1h30m; got by=%q",
				r.FormValue("by"))}
		}
		return t.Advance(r.Context(), by)
	}))
	return mux
}

type inputError struct{ text string }

func (e *inputError) Error() string { return e.text }

func onTest(c Event, move func(*Test, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t, ok := c.(*Test)
		if !ok {
			answer(w, http.StatusConflict, map[string]any{
				"error": "no test clock is in use: start sluice serve with --test-clock 2026-01-02T03:04:05Z to be able to move it",
			})
			return
		}
		answerMove(w, c, move(t, r))
	}
}

func answerMove(w http.ResponseWriter, c Event, err error) {
	var pending *PendingError
	var input *inputError
	var backwards *BackwardsError
	switch {
	case err == nil:
		answer(w, http.StatusOK, map[string]any{"now": stamp(c), "pending": []string{}})
	case errors.As(err, &pending):
		answer(w, http.StatusAccepted, map[string]any{"now": stamp(c), "pending": pending.Pending})
	case errors.As(err, &input), errors.As(err, &backwards):
		answer(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
	default: // the caller left, or another move held the clock for Limit
		answer(w, http.StatusServiceUnavailable, map[string]any{"error": err.Error()})
	}
}

func stamp(c Event) string { return c.Now().UTC().Format(time.RFC3339Nano) }

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a caller that left has nobody to tell
}
