package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sluice/cmd/sluice/internal/logstest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sluice": main})
}

// TestScripts runs testdata/script. Each script has a CloudWatch Logs of its own
// at $AWS_ENDPOINT_URL, and beside testscript's commands:
//
//	exits CODE COMMAND...      runs a command that must end with this exit code
//	stored GROUP STREAM        prints the messages that a log stream holds
//	stored-at GROUP STREAM     the same, with timestamps
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			server := &logstest.Server{Rejected: rejectMarked}
			listener := httptest.NewServer(server)
			env.Defer(listener.Close)
			env.Values["server"] = server
			env.Setenv("AWS_ENDPOINT_URL", listener.URL)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"stored":    stored(func(e logstest.Event) string { return e.Message }),
			"stored-at": stored(func(e logstest.Event) string { return fmt.Sprint(e.Timestamp, " ", e.Message) }),
		},
	})
}

// rejectMarked counts the leading events "old" as too old.
func rejectMarked(events []logstest.Event) map[string]int {
	n := 0
	for n < len(events) && strings.HasPrefix(events[n].Message, "old") {
		n++
	}
	if n == 0 {
		return nil
	}
	return map[string]int{"tooOldLogEventEndIndex": n}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

func stored(show func(logstest.Event) string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 {
			ts.Fatalf("usage: stored GROUP STREAM")
		}
		for _, e := range ts.Value("server").(*logstest.Server).Events(args[0], args[1]) {
			fmt.Fprintln(ts.Stdout(), show(e))
		}
	}
}
