package settings

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/app"
	"sluice/internal/event"
	"sluice/internal/obs"
)

// check finds everything that can be known to be wrong before anything starts.
// Each line says where the value came from and what to write instead.
func (s *Settings) check() error {
	var errs []error
	c := &s.Config
	test := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.label(key), err))
		}
	}
	test("listen", checkAddress(c.Listen))
	test("admin", checkAddress(c.Admin))
	test("admin", checkDistinct(c.Listen, c.Admin))
	test("listen", checkExposed(c.Listen, c))
	test("admin", checkExposed(c.Admin, c))
	test("data_dir", checkPresent(c.DataDir, "a folder, as ./sluice-data"))
	test("s3", checkS3(c.S3))
	test("limits", checkOneOf(c.Limits, "aws", "relaxed"))
	test("account_id", checkAccount(c.AccountID))
	test("region", checkRegion(c.Region))
	test("credentials", checkCredentials(c.Credentials))
	test("bearer_tokens", checkBearerTokens(c.BearerTokens))
	test("tls", checkTLS(c.TLS))
	test("http.max_body_bytes", checkAtLeast(c.HTTP.MaxBodyBytes, 1<<10))
	test("http.max_inflated_bytes", checkBetween(c.HTTP.MaxInflatedBytes, c.HTTP.MaxBodyBytes, event.MaxText))
	test("http.max_in_flight_bytes", checkAtLeast(c.HTTP.MaxInFlightBytes, c.HTTP.MaxInflatedBytes))
	test("http.read_timeout_seconds", checkAtLeast(int64(c.HTTP.ReadTimeoutSeconds), 1))
	test("ingest.oversize", checkOneOf(c.Ingest.Oversize, "reject", "truncate", "split"))
	test("http_ingest.otlp_message", checkOneOf(c.HTTPIngest.OTLPMessage, "body", "record"))
	test("log.shards", checkBetween(int64(c.Log.Shards), 1, 64))
	test("log.segment_bytes", checkAtLeast(c.Log.SegmentBytes, 1<<20))
	test("log.tail_bytes", checkAtLeast(c.Log.TailBytes, 1<<20))
	test("s3_options.checksums", checkOneOf(c.S3Options.Checksums, "on", "off", "auto"))
	test("s3_options.path_style", checkOneOf(c.S3Options.PathStyle, "on", "off", "auto"))
	test("s3_options.sse", checkOneOf(c.S3Options.SSE, "", "AES256", "aws:kms", "aws:kms:dsse"))
	test("storage.policy", checkOneOf(c.Storage.Policy, "block", "drop-oldest"))
	test("storage.max_bytes", checkAtLeast(c.Storage.MaxBytes, 0))
	test("storage.min_free_bytes", checkAtLeast(c.Storage.MinFreeBytes, 0))
	test("storage.compact_bytes_per_second", checkAtLeast(c.Storage.CompactBytesPerSecond, 0))
	test("storage.cache_bytes", checkAtLeast(c.Storage.CacheBytes, 1<<20))
	test("metrics.published_series", checkAtLeast(int64(c.Metrics.PublishedSeries), -1))
	test("metrics.dimension_sets", checkAtLeast(int64(c.Metrics.DimensionSets), -1))
	test("memory_bytes", checkAtLeast(c.MemoryBytes, -1))
	_, err := obs.ParseLevel(c.LogLevel)
	test("log_level", err)
	test("test_clock", checkInstant(c.TestClock))
	errs = append(errs, s.checkPipelines()...)
	return errors.Join(errs...)
}

// label names a key and where its value was given.
func (s *Settings) label(key string) string {
	if from := s.from(key); from != "" {
		return from + ": " + key
	}
	return key
}

// from is where a key or a key below it was given, "" when it was not.
func (s *Settings) from(key string) string {
	if from, ok := s.origin[key]; ok {
		return from
	}
	for _, below := range slices.Sorted(maps.Keys(s.origin)) {
		if strings.HasPrefix(below, key+".") || strings.HasPrefix(below, key+"[") {
			return s.origin[below]
		}
	}
	return ""
}

func checkPresent(text, example string) error {
	if text == "" {
		return fmt.Errorf("is empty: give %s", example)
	}
	return nil
}

func checkOneOf(text string, allowed ...string) error {
	if !slices.Contains(allowed, text) {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(allowed, ", "))
	}
	return nil
}

func checkAtLeast(n, least int64) error {
	if n < least {
		return fmt.Errorf("%d is too small: give at least %d", n, least)
	}
	return nil
}

func checkBetween(n, least, most int64) error {
	if n < least || n > most {
		return fmt.Errorf("%d is out of range: give %d to %d", n, least, most)
	}
	return nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not an address: give HOST:PORT, as 127.0.0.1:4580, with port 0 for any free one", address)
	}
	return nil
}

func checkDistinct(listen, admin string) error {
	_, port, _ := net.SplitHostPort(listen)
	if listen == admin && port != "0" {
		return fmt.Errorf("%s is the data address too: give another port", admin)
	}
	return nil
}

// checkExposed refuses to serve the network without asking callers who they are.
func checkExposed(address string, c *app.Config) error {
	if len(c.Credentials)+len(c.BearerTokens) > 0 || c.Insecure || checkAddress(address) != nil || loopback(address) {
		return nil
	}
	return fmt.Errorf("%s can be reached from other machines by anybody: "+
		"configure credentials, or listen on 127.0.0.1, or allow it with insecure (--insecure)", address)
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func checkS3(target string) error {
	if dir, ok := strings.CutPrefix(target, "folder:"); ok && dir != "" {
		return nil
	}
	if target == "aws" || strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://") {
		return nil // objput looks closer
	}
	return fmt.Errorf("%q is not a place for objects: give folder:DIR, as folder:./lake, or aws, or http(s)://ENDPOINT", target)
}

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

func checkAccount(id string) error {
	if !accountPattern.MatchString(id) {
		return fmt.Errorf("%q is not an account: give twelve digits", id)
	}
	return nil
}

var regionPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func checkRegion(region string) error {
	if !regionPattern.MatchString(region) {
		return fmt.Errorf("%q is not a region: give one as us-east-1", region)
	}
	return nil
}

func checkCredentials(credentials []app.Credential) error {
	var errs []error
	seen := make(map[string]bool)
	for i, c := range credentials {
		switch {
		case c.AccessKeyID == "":
			errs = append(errs, fmt.Errorf("number %d has no access_key_id", i+1))
		case c.SecretAccessKey == "":
			errs = append(errs, fmt.Errorf("%s has no secret_access_key", c.AccessKeyID))
		case c.SecretAccessKey == hidden || c.SessionToken == hidden:
			errs = append(errs, fmt.Errorf("%s: a secret is %s, as --print-config shows it: give the secret itself", c.AccessKeyID, hidden))
		case seen[c.AccessKeyID]:
			errs = append(errs, fmt.Errorf("%s is there twice: remove one", c.AccessKeyID))
		case c.AccountID != "" && checkAccount(c.AccountID) != nil:
			errs = append(errs, fmt.Errorf("%s: account_id %w", c.AccessKeyID, checkAccount(c.AccountID)))
		}
		seen[c.AccessKeyID] = true
	}
	return errors.Join(errs...)
}

func checkBearerTokens(tokens []app.BearerToken) error {
	var errs []error
	seen := make(map[string]bool)
	for i, t := range tokens {
		// The token itself is never printed.
		wrong := func(err error) { errs = append(errs, fmt.Errorf("number %d: %w", i+1, err)) }
		switch {
		case t.Token == hidden:
			wrong(fmt.Errorf("the token is %s, as --print-config shows it: give the token itself", hidden))
		case len(t.Token) < 16:
			wrong(errors.New("the token is too short to be secret: give at least 16 characters, as from openssl rand -hex 32"))
		case seen[t.Token]:
			wrong(errors.New("the token is there twice: remove one"))
		case t.AccountID != "" && checkAccount(t.AccountID) != nil:
			wrong(fmt.Errorf("account_id %w", checkAccount(t.AccountID)))
		case t.Region != "" && checkRegion(t.Region) != nil:
			wrong(fmt.Errorf("region %w", checkRegion(t.Region)))
		case checkInstant(t.Expires) != nil:
			wrong(fmt.Errorf("expires %w", checkInstant(t.Expires)))
		}
		seen[t.Token] = true
	}
	return errors.Join(errs...)
}

func checkTLS(c app.TLS) error {
	switch {
	case c.Cert == "" && c.Key == "":
		return nil
	case c.Cert == "" || c.Key == "":
		return errors.New("cert and key go together: give both, or neither for a self-signed certificate")
	}
	if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
		return fmt.Errorf("cert and key do not load: %w", err)
	}
	return nil
}

func checkInstant(text string) error {
	if text == "" {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("%q is not an instant: give RFC 3339, as 2026-01-02T03:04:05Z", text)
	}
	return nil
}

// checkPipelines demands the members without which there is nothing to declare.
// Their values are checked where the API checks them, when they are applied.
func (s *Settings) checkPipelines() []error {
	var errs []error
	demand := func(list string, i int, member, value string) {
		if value == "" {
			key := fmt.Sprintf("pipelines.%s[%d]", list, i)
			errs = append(errs, fmt.Errorf("%s: %s is missing", s.label(key), member))
		}
	}
	p := s.Config.Pipelines
	for i, g := range p.LogGroups {
		demand("log_groups", i, "logGroupName", g.LogGroupName)
	}
	for i, d := range p.DeliveryStreams {
		name, _ := d["DeliveryStreamName"].(string)
		demand("delivery_streams", i, "DeliveryStreamName", name)
	}
	for i, f := range p.SubscriptionFilters {
		demand("subscription_filters", i, "logGroupName", f.LogGroupName)
		demand("subscription_filters", i, "filterName", f.FilterName)
		demand("subscription_filters", i, "destinationArn", f.DestinationARN)
	}
	return errs
}
