package awsapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/internal/clock"
)

var signedAt = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func exampleVerifier(t testing.TB, now time.Time, unsigned bool) *verifier {
	t.Helper()
	v, err := newVerifier(Config{Clock: clock.NewTest(now), AllowUnsignedPayload: unsigned, Credentials: []Credential{
		{AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// verifyWhole is the path of a request through a verifier.
func verifyWhole(v *verifier, r *http.Request, body []byte) error {
	a, err := parseAuthorization(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	if _, err := v.checkHead(r, a); err != nil {
		return err
	}
	c := v.begin(a)
	defer c.end()
	c.write(body)
	return c.verify(r)
}

// TestPublishedVectors are cases of AWS's SigV4 test suite.
func TestPublishedVectors(t *testing.T) {
	v := exampleVerifier(t, signedAt, false)
	f := func(method, target, signedHeaders, signature string, header ...string) {
		t.Helper()
		r := httptest.NewRequest(method, target, nil)
		r.Host = "example.amazonaws.com"
		r.Header.Set("X-Amz-Date", "20150830T123600Z")
		for i := 0; i < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		auth := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + signedHeaders + ", Signature="
		r.Header.Set("Authorization", auth+signature)
		if err := verifyWhole(v, r, nil); err != nil {
			t.Errorf("%s %s: %v", method, target, err)
		}
		r.Header.Set("Authorization", auth+strings.Repeat("0", 64))
		if err := verifyWhole(v, r, nil); err != ErrSignatureMismatch {
			t.Errorf("%s %s with a wrong signature: %v", method, target, err)
		}
	}
	f("GET", "/", "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
	f("POST", "/", "host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")
	f("GET", "/?Param2=value2&Param1=value1", "host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")
	f("POST", "/", "host;my-header1;x-amz-date", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c", "My-Header1", "value1")
}

// TestAgainstSDKSigner signs requests of many shapes with the SDK's signer.
func TestAgainstSDKSigner(t *testing.T) {
	now := time.Now()
	v := exampleVerifier(t, now, true)
	f := func(method, target, body string, header ...string) {
		t.Helper()
		sign := func() *http.Request {
			r, err := http.NewRequest(method, "http://127.0.0.1:4580"+target, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(header); i += 2 {
				r.Header.Add(header[i], header[i+1])
			}
			sum := sha256.Sum256([]byte(body))
			payload := hex.EncodeToString(sum[:])
			if claim := r.Header.Get("X-Amz-Content-Sha256"); claim != "" {
				payload = claim
			}
			err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
				r, payload, "logs", "eu-west-3", now)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = r.URL.Host
			return r
		}
		r := sign()
		if err := verifyWhole(v, r, []byte(body)); err != nil {
			t.Errorf("%s %s %q %v: %v\n%s", method, target, body, header, err, r.Header.Get("Authorization"))
		}
		if r.Header.Get("X-Amz-Content-Sha256") == "" {
			if err := verifyWhole(v, sign(), []byte(body+"x")); err != ErrSignatureMismatch {
				t.Errorf("%s %s with another body: %v", method, target, err)
			}
		}
		for _, name := range []string{"X-Amz-Target", "Accept"} {
			r := sign()
			if r.Header.Get(name) == "" {
				continue
			}
			r.Header.Set(name, "other")
			if err := verifyWhole(v, r, []byte(body)); err != ErrSignatureMismatch {
				t.Errorf("%s %s with another %s: %v", method, target, name, err)
			}
		}
		r = sign()
		r.Host = "127.0.0.1:4581"
		if err := verifyWhole(v, r, []byte(body)); err != ErrSignatureMismatch {
			t.Errorf("%s %s on another port: %v", method, target, err)
		}
	}
	f("POST", "/", "")
	f("POST", "/", `{"logGroupName":"a"}`)
	f("POST", "/", `{}`, "X-Amz-Target", "Logs_20140328.CreateLogGroup", "Content-Type", "application/x-amz-json-1.1")
	f("POST", "/", `{}`, "Accept", "  spaces   inside   and around  ")
	f("POST", "/", `{}`, "Accept", "several", "Accept", "values")
	f("POST", "/", `{}`, "X-Amz-Content-Sha256", unsignedPayload)
	f("GET", "/?a=1&a-b=2&A=3&b=%20x%2Fy&c", "")
	f("GET", "/?a=2&a=1&a=", "")
	f("GET", "/?k=a+b&%C3%A4=%E2%82%AC", "")
	f("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", "cbor")
	f("POST", "/a%20b/%C3%A4/~x", "cbor")
}

func TestSignatureRefusals(t *testing.T) {
	v := exampleVerifier(t, signedAt, false)
	f := func(change func(*http.Request), wantCode, wantText string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/", nil)
		r.Host = "example.amazonaws.com"
		r.Header.Set("X-Amz-Date", "20150830T123600Z")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")
		change(r)
		err := verifyWhole(v, r, nil)
		if CodeOf(err) != wantCode || err != nil && !strings.Contains(err.Error(), wantText) {
			t.Errorf("got %v, want %s: %s", err, wantCode, wantText)
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	replace := func(old, with string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
		}
	}
	f(func(*http.Request) {}, "", "")
	f(set("X-Amz-Date", ""), CodeIncompleteSignature, "X-Amz-Date")
	f(set("X-Amz-Date", "2015-08-30"), CodeIncompleteSignature, "basic format")
	f(set("X-Amz-Date", "20150831T000000Z"), CodeInvalidSignature, "Credential scope does not match")
	f(set("X-Amz-Date", "20150830T123059Z"), CodeInvalidSignature, "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 min.)")
	f(set("X-Amz-Date", "20150830T124101Z"), CodeInvalidSignature, "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z (20150830T123600Z + 5 min.)")
	f(set("X-Amz-Date", "20150830T123100Z"), CodeInvalidSignature, "does not match") // in time, but not what was signed
	f(set("X-Amz-Target", "Logs_20140328.X"), CodeInvalidSignature, "'X-Amz-Target' must be a 'SignedHeader'")
	f(set("X-Amz-Security-Token", "t"), CodeUnrecognizedClient, "")
	f(set("X-Amz-Content-Sha256", strings.Repeat("0", 64)), CodeInvalidSignature, "x-amz-content-sha256")
	f(set("X-Amz-Content-Sha256", unsignedPayload), CodeInvalidSignature, "not allowed")
	f(set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), CodeInvalidSignature, "")
	f(replace("AKIDEXAMPLE", "AKIDOTHER"), CodeUnrecognizedClient, "")
	f(replace("us-east-1", "us-east-2"), CodeInvalidSignature, "does not match")
	f(replace("/service/", "/logs/"), CodeInvalidSignature, "does not match")
	f(replace("host;x-amz-date", "x-amz-date"), CodeInvalidSignature, "'Host' must be")
	f(replace("host;x-amz-date", "host"), CodeInvalidSignature, "'X-Amz-Date' must be")
	f(replace("host;x-amz-date", "x-amz-date;host"), CodeInvalidSignature, "sorted")
	f(replace("host;x-amz-date", "host;host;x-amz-date"), CodeInvalidSignature, "sorted")
	f(replace("host;x-amz-date", "Host;x-amz-date"), CodeInvalidSignature, "lower case")
	f(replace("aws4_request", "aws4"), CodeIncompleteSignature, "")
	f(replace("Signature=5", "Signature=5d"), CodeInvalidSignature, "does not match")
	f(replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), CodeIncompleteSignature, "")
}

func TestParseAuthorization(t *testing.T) {
	f := func(header string, want authorization, wantText string) {
		t.Helper()
		got, err := parseAuthorization(header)
		if wantText != "" {
			if CodeOf(err) != CodeIncompleteSignature || !strings.Contains(err.Error(), wantText) {
				t.Errorf("%q: got %v, want %s", header, err, wantText)
			}
			return
		}
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v", header, got, err)
		}
	}
	want := authorization{"AK", "20260102", "us-east-1", "logs", "host;x-amz-date", "00ff"}
	f("AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff", want, "")
	f("AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/logs/aws4_request,SignedHeaders=host;x-amz-date,Signature=00ff", want, "")
	f("AWS4-HMAC-SHA256  Signature=00ff , Credential=AK/20260102/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date", want, "")
	slashed := want
	slashed.accessKey = "a/b=c"
	f("AWS4-HMAC-SHA256 Credential=a/b=c/20260102/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff", slashed, "")
	f("AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/logs/aws4_request", authorization{}, "requires 'Signature' parameter. Authorization header requires 'SignedHeaders'")
	f("AWS4-HMAC-SHA256", authorization{}, "Unsupported")
	f("AWS4-HMAC-SHA256 ", authorization{}, "requires 'Credential'")
	f("AWS4-HMAC-SHA256x Credential=AK/20260102/us-east-1/logs/aws4_request, SignedHeaders=a, Signature=b", authorization{}, "Unsupported")
	f("Bearer x", authorization{}, "Unsupported")
	f("AWS4-HMAC-SHA256 Credential=AK/20260102/logs/aws4_request, SignedHeaders=a, Signature=b", authorization{}, "Credential must")
	f("AWS4-HMAC-SHA256 Credential=AK/2026/us-east-1/logs/aws4_request, SignedHeaders=a, Signature=b", authorization{}, "Credential must")
	f("AWS4-HMAC-SHA256 Credential=/20260102/us-east-1/logs/aws4_request, SignedHeaders=a, Signature=b", authorization{}, "Credential must")
	f("AWS4-HMAC-SHA256 Credential=AK/20260102/../logs/aws4_request, SignedHeaders=a, Signature=b", authorization{}, "Credential must")
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/logs/aws4_request, SignedHeaders=host;x-amz-date, Signature=00ff")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/20260102/us-east-1/logs/aws4_request,SignedHeaders=;,Signature=,,")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if err != nil {
			if CodeOf(err) != CodeIncompleteSignature {
				t.Errorf("%q: %v", header, err)
			}
			return
		}
		again, err := parseAuthorization(fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
			a.accessKey, a.date, a.region, a.service, a.signedHeaders, a.signature))
		if err != nil || again != a {
			t.Errorf("%q: %+v and %+v, %v", header, a, again, err)
		}
	})
}

func TestHMAC(t *testing.T) {
	for _, n := range []int{0, 1, 32, 63, 64, 65, 200, 2000} {
		key, message := []byte(strings.Repeat("k", n)), []byte(strings.Repeat("m", 3*n))
		h := hmac.New(sha256.New, key)
		h.Write(message)
		if got := hmacSHA256(key, message); !hmac.Equal(got[:], h.Sum(nil)) {
			t.Errorf("length %d differs from crypto/hmac", n)
		}
	}
}

// TestSigningKeysAreBounded: only good signatures fill the cache.
func TestSigningKeysAreBounded(t *testing.T) {
	v := exampleVerifier(t, signedAt, false)
	for i := range 3 * maxSigningKeys {
		a := authorization{accessKey: "AKIDEXAMPLE", date: "20150830", region: fmt.Sprint("r", i), service: "logs"}
		key, cached := v.signingKey(a)
		if cached {
			t.Fatal("cached before it was remembered")
		}
		v.remember(a, key)
		if again, cached := v.signingKey(a); !cached || again != key {
			t.Fatal("not remembered")
		}
	}
	if len(v.keys) > maxSigningKeys {
		t.Errorf("%d keys are cached", len(v.keys))
	}
}

// signedRequest is a request of the usual shape as net/http hands it over.
func signedRequest(t testing.TB, body string) (*verifier, *http.Request) {
	now := time.Now()
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Host = "127.0.0.1:4580"
	r.URL.Host = r.Host
	r.Header.Set("X-Amz-Target", "Logs_20140328.PutLogEvents")
	r.Header.Set("Content-Type", contentTypeJSON11)
	sum := sha256.Sum256([]byte(body))
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
		r, hex.EncodeToString(sum[:]), "logs", "us-east-1", now)
	if err != nil {
		t.Fatal(err)
	}
	return exampleVerifier(t, now, false), r
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	v, r := signedRequest(t, "{}")
	body := []byte("{}")
	n := testing.AllocsPerRun(200, func() {
		if err := verifyWhole(v, r, body); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations per verification", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	v, r := signedRequest(b, "{}")
	body := []byte("{}")
	b.ReportAllocs()
	for b.Loop() {
		if err := verifyWhole(v, r, body); err != nil {
			b.Fatal(err)
		}
	}
}
