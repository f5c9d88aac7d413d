package firehose

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sluice/internal/catalog"
)

// keyOf names an object of a delivery stream "s" in version 12.
func keyOf(t *testing.T, members string, at time.Time) string {
	t.Helper()
	c, err := newSettings(catalog.DeliveryStream{Version: 13, Config: json.RawMessage(
		`{"Unversioned":1,"CompressionFormat":"GZIP"` + members + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	return c.key("s", at, "u")
}

func TestObjectKey(t *testing.T) {
	at := time.Date(2026, 7, 13, 12, 30, 5, 0, time.FixedZone("", 7200))
	f := func(members, want string) {
		t.Helper()
		if got := keyOf(t, members, at); got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
	const (
		suffix = "s-12-2026-07-13-10-30-05-u.gz"
		typed  = `,"ErrorOutputPrefix":"e/!{firehose:error-output-type}/"`
	)
	f(``, "2026/07/13/10/"+suffix)
	f(`,"Prefix":"legacy"`, "legacy2026/07/13/10/"+suffix)
	f(`,"Prefix":"a/","FileExtension":".log"`, "a/2026/07/13/10/s-12-2026-07-13-10-30-05-u.log")
	f(`,"Prefix":"dt=!{timestamp:yyyy-MM-dd}/"`+typed, "dt=2026-07-13/"+suffix)
	f(`,"Prefix":"!{timestamp:HH}/","CustomTimeZone":"Asia/Tokyo"`+typed, "19/s-12-2026-07-13-19-30-05-u.gz")
	f(`,"CustomTimeZone":"America/New_York"`, "2026/07/13/06/s-12-2026-07-13-06-30-05-u.gz")
	if r := keyOf(t, `,"Prefix":"!{firehose:random-string}/"`+typed, at); r != keyOf(t, `,"Prefix":"!{firehose:random-string}/"`+typed, at) || len(r) != 12+len(suffix) {
		t.Errorf("%s is not the same each time", r)
	}

	// What comes out too long, or among our files, goes to the error prefix, and
	// that to one that always fits.
	long := strings.Repeat("a", 507) // and September, 516 at most
	september := time.Date(2026, 9, 13, 10, 30, 5, 0, time.UTC)
	if got, want := keyOf(t, `,"Prefix":"`+long+`!{timestamp:MMMM}"`+typed, september), "e/processing-failed/s-12-2026-09-13-10-30-05-u.gz"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := keyOf(t, `,"Prefix":"`+long+`!{timestamp:MMMM}","ErrorOutputPrefix":"/_sluice/"`, september),
		"processing-failed/2026/09/13/10/s-12-2026-09-13-10-30-05-u.gz"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	f(`,"Prefix":"`+strings.Repeat("日", 400)+`","ErrorOutputPrefix":"e/"`, "e/processing-failed/2026/07/13/10/"+suffix)
}

// TestObjectKeyInSummerTime: the hour that the clocks repeat in autumn is named
// twice, the one that they leave out in spring never.
func TestObjectKeyInSummerTime(t *testing.T) {
	f := func(utc, want string) {
		t.Helper()
		at, err := time.Parse(time.RFC3339, utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := keyOf(t, `,"CustomTimeZone":"Europe/Berlin"`, at); got != want {
			t.Errorf("%s: %s, want %s", utc, got, want)
		}
	}
	f("2026-03-29T00:59:59Z", "2026/03/29/01/s-12-2026-03-29-01-59-59-u.gz")
	f("2026-03-29T01:00:00Z", "2026/03/29/03/s-12-2026-03-29-03-00-00-u.gz")
	f("2026-10-25T00:30:00Z", "2026/10/25/02/s-12-2026-10-25-02-30-00-u.gz")
	f("2026-10-25T01:30:00Z", "2026/10/25/02/s-12-2026-10-25-02-30-00-u.gz")
}
