package lint_test

import (
	"slices"
	"strings"
	"testing"
)

// The direction of imports is
//
//	cmd -> internal/app -> rooms -> internal/* -> internal/event -> std
//
// A room declares the small interfaces that it consumes over internal/event's
// types, and app passes the implementation; so a room can be read, tested and
// replaced alone. filter/pattern is a leaf that everyone may use.
var rooms = []string{"ingest", "filter", "stream", "firehose", "exporttask", "crossregion"}

// layer names the part of the tree that a folder belongs to.
func layer(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	switch {
	case within(folder, "filter/pattern"):
		return "pattern"
	case within(folder, "internal/event"):
		return "event"
	case within(folder, "internal/crc32c"):
		return "checksum"
	case within(folder, "internal/app"):
		return "app"
	case slices.Contains(rooms, first):
		return "room " + first
	}
	return first // internal, cmd, bench
}

func within(folder, top string) bool {
	return folder == top || strings.HasPrefix(folder, top+"/")
}

// whyNot says why a file in from must not import the package in to, both folders
// of this module; it is empty when it may.
func whyNot(from, to string, test bool) string {
	if within(to, "bench/corpus") && test || layer(to) == "bench" && layer(from) == "cmd" {
		return "" // log lines, for tests and to show something with; sluice bench
	}
	source, target := layer(from), layer(to)
	if source == target {
		return ""
	}
	leaf := target == "event" || target == "pattern" || target == "checksum"
	below := leaf || target == "internal"
	switch {
	case source == "checksum":
		return "internal/crc32c is a leaf: it imports the standard library only"
	case source == "event" && target != "checksum":
		return "internal/event imports the standard library and internal/crc32c only"
	case source == "pattern":
		return "filter/pattern is a leaf: it imports the standard library and its own folders"
	case source == "internal" && !below:
		return "internal packages are below the rooms: declare an interface there and let internal/app pass " + to
	case strings.HasPrefix(source, "room ") && !below:
		return "a room imports no other room, nor what is above it: declare the interface that it consumes and let internal/app pass " + to
	case source == "app" && (target == "cmd" || target == "bench"):
		return "the product does not depend on " + to
	case source == "cmd" && !below && target != "app":
		return "commands reach the rooms through internal/app"
	case source == "bench" && target == "cmd":
		return "bench drives the binary or internal/app, not the commands' code"
	}
	return ""
}

func TestImportDirection(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.syntax.Imports {
			imported := importPath(spec)
			to, ours := strings.CutPrefix(imported, module+"/")
			switch {
			case ours:
				if why := whyNot(s.folder, to, s.test); why != "" {
					t.Errorf("%s imports %s: %s", s.pos(spec), imported, why)
				}
			case !standard(imported) && !s.test && mustBeStandard(s.folder):
				t.Errorf("%s imports %s: this folder imports the standard library only", s.pos(spec), imported)
			}
		}
	}
}

func mustBeStandard(folder string) bool {
	l := layer(folder)
	return l == "event" || l == "pattern" || l == "checksum"
}

// standard reports whether an import path is the standard library's: only those
// have no dot in their first element.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") && first != module
}

func TestWhyNot(t *testing.T) {
	f := func(from, to string, test, allowed bool) {
		t.Helper()
		if why := whyNot(from, to, test); (why == "") != allowed {
			t.Errorf("%s -> %s (test %t): %q, want allowed = %t", from, to, test, why, allowed)
		}
	}
	const product, test = false, true
	f("cmd/sluice", "internal/app", product, true)
	f("cmd/sluice", "cmd/sluice/internal/ship", product, true)
	f("cmd/sluice", "internal/obs", product, true)
	f("cmd/sluice", "filter/pattern", product, true)
	f("cmd/sluice", "firehose", product, false)
	f("cmd/sluice", "bench", product, true)
	f("cmd/sluice", "bench/corpus", product, true)
	f("internal/app", "firehose", product, true)
	f("internal/app", "filter/pattern", product, true)
	f("internal/app", "cmd/sluice", product, false)
	f("internal/app", "bench/corpus", product, false)
	f("internal/app", "bench/corpus", test, true)
	f("stream/embedded", "stream/streamtest", test, true)
	f("stream/embedded", "internal/wal", product, true)
	f("stream/embedded", "firehose", product, false)
	f("firehose", "stream/embedded", test, false)
	f("firehose", "internal/app", test, false)
	f("firehose", "bench/corpus", test, true)
	f("firehose", "bench/corpus", product, false)
	f("filter", "filter/pattern", product, true)
	f("ingest", "filter", product, false)
	f("ingest", "filter/pattern", product, true)
	f("internal/logsapi", "internal/store", product, true)
	f("internal/logsapi", "filter/pattern", product, true)
	f("internal/logsapi", "filter", product, false)
	f("internal/logsapi", "internal/app", product, false)
	f("internal/event", "internal/clock", product, false)
	f("internal/event", "internal/clock", test, false)
	f("internal/event", "internal/crc32c", product, true)
	f("internal/event", "internal/event/x", product, true)
	f("internal/crc32c", "internal/event", product, false)
	f("crossregion", "internal/crc32c", product, true)
	f("filter/pattern", "internal/crc32c", product, false)
	f("internal/eventual", "internal/clock", product, true)
	f("filter/pattern", "filter/pattern/internal/dfa", product, true)
	f("filter/pattern/internal/dfa", "internal/event", product, false)
	f("filter/patterns", "internal/event", product, true)
	f("bench", "internal/app", product, true)
	f("bench", "cmd/sluice", product, false)
}
