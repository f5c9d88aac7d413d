package awsapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sluice/internal/clock"
)

const exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// vector is one request as botocore 1.43.11 signed it, with exampleSecret, for the
// host 127.0.0.1:4580 at signedAt.
type vector struct {
	Name, Method, Target string
	Header               [][2]string
	Body, Authorization  string
}

// received is the vector as net/http reads it from a connection.
func (v vector) received(t *testing.T) *http.Request {
	t.Helper()
	var raw bytes.Buffer
	fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:4580\r\n", v.Method, v.Target)
	for _, h := range append(v.Header, [2]string{"Authorization", v.Authorization}) {
		fmt.Fprintf(&raw, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&raw, "Content-Length: %d\r\n\r\n", len(v.Body))
	r, err := http.ReadRequest(bufio.NewReader(&raw))
	if err != nil {
		t.Fatal(v.Name, err)
	}
	return r
}

// TestBotocoreVectors takes what another signer signed, and refuses it with
// anything changed that the signature covers.
func TestBotocoreVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/sigv4/botocore.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(file) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.Name, func(t *testing.T) {
			token := ""
			for _, h := range v.Header {
				if h[0] == "X-Amz-Security-Token" {
					token = h[1]
				}
			}
			verifier := oneKeyVerifier(t, signedAt, token)
			if err := verifyWhole(verifier, v.received(t), []byte(v.Body)); err != nil {
				t.Error(err)
			}
			refused := func(what string, change func(*http.Request)) {
				t.Helper()
				r := v.received(t)
				change(r)
				if err := verifyWhole(verifier, r, []byte(v.Body)); CodeOf(err) == "" {
					t.Errorf("taken with %s", what)
				}
			}
			refused("another method", func(r *http.Request) { r.Method = "PUT" })
			refused("another path", func(r *http.Request) { r.URL.Path += "x"; r.URL.RawPath = "" })
			refused("another query", func(r *http.Request) { r.URL.RawQuery += "&x=1" })
			refused("another host", func(r *http.Request) { r.Host = "127.0.0.1:4581" })
			for _, h := range v.Header {
				refused("another "+h[0], func(r *http.Request) { r.Header.Add(h[0], "x") })
			}
			if err := verifyWhole(verifier, v.received(t), []byte(v.Body+" ")); err != ErrSignatureMismatch {
				t.Errorf("another body: %v", err)
			}
		})
	}
}

func oneKeyVerifier(t testing.TB, now time.Time, token string) *verifier {
	t.Helper()
	v, err := newVerifier(Config{Clock: clock.NewTest(now), Credentials: []Credential{
		{AccessKey: "AKIDEXAMPLE", SecretKey: exampleSecret, SessionToken: token},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAnySignedRequest compares with the SDK's signer over seeded random requests:
// what it signs is taken, and not with one signed byte changed.
func TestAnySignedRequest(t *testing.T) {
	random := rand.New(rand.NewPCG(4580, 4))
	for n := range 2_000 {
		token := ""
		if random.IntN(4) == 0 {
			token = randomText(random, "abcXYZ0189+/=", 1, 200)
		}
		verifier := oneKeyVerifier(t, signedAt, token)
		v := randomVector(t, random, token)
		if err := verifyWhole(verifier, v.received(t), []byte(v.Body)); err != nil {
			t.Fatalf("request %d: %v\n%+v", n, err, v)
		}
		changed := v
		if len(v.Body) > 0 && random.IntN(2) == 0 {
			body := []byte(v.Body)
			body[random.IntN(len(body))] ^= byte(1 + random.IntN(255))
			changed.Body = string(body)
		} else {
			at := len(v.Authorization) - 1 - random.IntN(64)
			changed.Authorization = v.Authorization[:at] + string('0'+(v.Authorization[at]-'0'+1)%2) + v.Authorization[at+1:]
		}
		if err := verifyWhole(verifier, changed.received(t), []byte(changed.Body)); err != ErrSignatureMismatch {
			t.Fatalf("request %d: taken with a change: %v\n%+v\n%+v", n, err, v, changed)
		}
	}
}

// randomVector is a request that the SDK signed.
func randomVector(t *testing.T, random *rand.Rand, token string) vector {
	t.Helper()
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	v := vector{Method: pick("POST", "POST", "GET", "PUT"), Target: "/"}
	for range random.IntN(4) {
		v.Target += randomText(random, "abz09-_.~%", 0, 8) + "/"
	}
	v.Target = strings.ReplaceAll(v.Target, "%", pick("%20", "%2F", "%C3%A4", "%7E", "%25"))
	v.Target = "/" + strings.TrimLeft(v.Target, "/") // "//" would begin a host
	for i := range random.IntN(5) {
		v.Target += string("?&"[min(i, 1)]) + randomText(random, "abAB01-_.~", 1, 3)
		if random.IntN(4) > 0 {
			v.Target += "=" + strings.ReplaceAll(randomText(random, "abAB01-_.~%", 0, 9), "%", pick("%20", "%3D", "%E2%82%AC", "%2B"))
		}
	}
	v.Body = randomText(random, "{}\"\\a\n\x00\xff\u20ac", 0, 300)
	r, err := http.NewRequest(v.Method, "http://127.0.0.1:4580"+v.Target, strings.NewReader(v.Body))
	if err != nil {
		t.Fatal(err)
	}
	for range random.IntN(6) {
		name := pick("X-Amz-Target", "Content-Type", "Accept", "X-Custom", "Amz-Sdk-Invocation-Id", "X-Amz-Meta-"+randomText(random, "abc", 1, 50))
		r.Header.Add(name, strings.TrimSpace(randomText(random, "ab,;= \"/.9  ", 1, 40))+"x")
	}
	sum := sha256.Sum256([]byte(v.Body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: exampleSecret, SessionToken: token},
		r, hex.EncodeToString(sum[:]), pick("logs", "monitoring", "firehose"), pick("us-east-1", "eu-west-3"), signedAt)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.Header {
		for _, value := range values {
			if name == "Authorization" {
				v.Authorization = value
			} else {
				v.Header = append(v.Header, [2]string{name, value})
			}
		}
	}
	return v
}

// randomText is from to most characters of an alphabet.
func randomText(random *rand.Rand, alphabet string, least, most int) string {
	letters := []rune(alphabet)
	text := make([]rune, least+random.IntN(most-least+1))
	for i := range text {
		text[i] = letters[random.IntN(len(letters))]
	}
	return string(text)
}
