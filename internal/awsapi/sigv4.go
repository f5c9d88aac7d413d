package awsapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"sync"
	"time"

	"sluice/internal/clock"
)

// maxSkew is how far a signature's date may lie from the machine's clock.
const maxSkew = 5 * time.Minute

// Credential is one access key that is accepted.
type Credential struct {
	AccessKey string
	SecretKey string
	// SessionToken, when set, must be sent along in X-Amz-Security-Token.
	SessionToken string
	// Expires, when set, ends the credential.
	Expires time.Time
	// Account overrides the account rule for this key.
	Account string
	// Actions are what the key may do: read, write, admin, or names and wildcards
	// as IAM writes them, logs:PutLogEvents or logs:Get*. Default: everything.
	Actions []string
	// Regions are where the key may do so. Default: everywhere.
	Regions []string
}

// verifier checks SigV4 signatures against configured credentials. A
// verification costs about a microsecond and the hash of the body.
type verifier struct {
	credentials   map[string]Credential // by access key
	permissions   map[string]*permission
	clock         clock.Clock
	allowUnsigned bool

	mu   sync.RWMutex
	keys map[signingScope][sha256.Size]byte
}

// signingScope is what a signing key is derived for.
type signingScope struct{ accessKey, date, region, service string }

// maxSigningKeys bounds the cache; one key a day, region and service is usual.
const maxSigningKeys = 1024

func newVerifier(cfg Config) (*verifier, error) {
	v := &verifier{
		credentials:   make(map[string]Credential, len(cfg.Credentials)),
		permissions:   make(map[string]*permission, len(cfg.Credentials)),
		clock:         cfg.Clock,
		allowUnsigned: cfg.AllowUnsignedPayload,
		keys:          make(map[signingScope][sha256.Size]byte),
	}
	for i, c := range cfg.Credentials {
		if c.AccessKey == "" || c.SecretKey == "" {
			return nil, fmt.Errorf("add credential %d: access key and secret key are needed", i+1)
		}
		if c.Account != "" && !isAccount(c.Account) {
			return nil, fmt.Errorf("add credential %s: account %q is not twelve digits", c.AccessKey, c.Account)
		}
		if _, taken := v.credentials[c.AccessKey]; taken {
			return nil, fmt.Errorf("add credential %s: given twice", c.AccessKey)
		}
		v.credentials[c.AccessKey] = c
		var err error
		if v.permissions[c.AccessKey], err = newPermission(c); err != nil {
			return nil, fmt.Errorf("add credential %s: %w", c.AccessKey, err)
		}
	}
	return v, nil
}

// checkHead refuses what can be refused without the body, and returns the
// account that the credential is configured for, if any.
func (v *verifier) checkHead(r *http.Request, a authorization) (account string, err error) {
	c, ok := v.credentials[a.accessKey]
	if !ok {
		return "", ErrUnrecognizedClient
	}
	now := v.clock.Now()
	if err := checkDate(first(r.Header, "X-Amz-Date"), a.date, now); err != nil {
		return "", err
	}
	token := first(r.Header, "X-Amz-Security-Token")
	if subtle.ConstantTimeCompare([]byte(token), []byte(c.SessionToken)) != 1 {
		return "", ErrUnrecognizedClient
	}
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return "", ErrExpiredToken
	}
	return c.Account, checkSignedHeaders(r, a.signedHeaders)
}

const amzDateForm = "20060102T150405Z"

func checkDate(stamp, scopeDate string, now time.Time) error {
	if stamp == "" {
		return &Error{Code: CodeIncompleteSignature, Message: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."}
	}
	at, err := time.Parse(amzDateForm, stamp)
	if err != nil {
		return &Error{Code: CodeIncompleteSignature, Message: "Date must be in ISO-8601 'basic format'. Got '" + stamp + "'."}
	}
	if stamp[:8] != scopeDate {
		return &Error{Code: CodeInvalidSignature, Message: "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + scopeDate + "' != '" + stamp[:8] + "', from '" + stamp + "'."}
	}
	form := func(t time.Time) string { return t.UTC().Format(amzDateForm) }
	if early := now.Add(-maxSkew); at.Before(early) {
		return &Error{Code: CodeInvalidSignature, Message: "Signature expired: " + stamp + " is now earlier than " + form(early) + " (" + form(now) + " - 5 min.)"}
	}
	if late := now.Add(maxSkew); at.After(late) {
		return &Error{Code: CodeInvalidSignature, Message: "Signature not yet current: " + stamp + " is still later than " + form(late) + " (" + form(now) + " + 5 min.)"}
	}
	return nil
}

// checkSignedHeaders demands that the names are lower case and ascending, and
// that what decides about the request is among them.
func checkSignedHeaders(r *http.Request, names string) error {
	var host, date, target, token bool
	last := ""
	for rest, name := names, ""; rest != ""; {
		name, rest, _ = strings.Cut(rest, ";")
		if name <= last || hasUpper(name) {
			return &Error{Code: CodeInvalidSignature, Message: "SignedHeaders must be lower case, sorted and without repetition."}
		}
		last = name
		switch name {
		case "host":
			host = true
		case "x-amz-date":
			date = true
		case "x-amz-target":
			target = true
		case "x-amz-security-token":
			token = true
		}
	}
	for _, must := range [...]struct {
		signed bool
		name   string
		needed bool
	}{
		{host, "Host", true},
		{date, "X-Amz-Date", true},
		{target, "X-Amz-Target", first(r.Header, "X-Amz-Target") != ""},
		{token, "X-Amz-Security-Token", first(r.Header, "X-Amz-Security-Token") != ""},
	} {
		if must.needed && !must.signed {
			return &Error{Code: CodeInvalidSignature, Message: "'" + must.name + "' must be a 'SignedHeader' in the AWS Authorization."}
		}
	}
	return nil
}

func hasUpper(name string) bool {
	for i := range len(name) {
		if name[i] >= 'A' && name[i] <= 'Z' {
			return true
		}
	}
	return false
}

// first is Header.Get for a name that is in canonical form already.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// check is one verification under way: begin, write the body as it comes in,
// verify, end. A nil check accepts everything.
type check struct {
	verifier  *verifier
	auth      authorization
	body      hash.Hash
	canonical []byte
	sum       [sha256.Size]byte
	bodyHash  uint64 // the first bytes of the body's hash
	payload   [2 * sha256.Size]byte
}

var checkPool = sync.Pool{New: func() any { return &check{body: sha256.New()} }}

func (v *verifier) begin(a authorization) *check {
	if v == nil {
		return nil
	}
	c := checkPool.Get().(*check)
	c.verifier, c.auth = v, a
	c.body.Reset()
	return c
}

func (c *check) end() {
	if c == nil {
		return
	}
	c.verifier, c.auth = nil, authorization{} // views of a request's header
	checkPool.Put(c)
}

// write hashes the body's bytes as they were sent.
func (c *check) write(b []byte) {
	if c != nil {
		c.body.Write(b)
	}
}

// verify compares the signature. checkHead came before.
// hot: BenchmarkVerify
func (c *check) verify(r *http.Request) error {
	if c == nil {
		return nil
	}
	c.body.Sum(c.sum[:0])
	c.bodyHash = binary.LittleEndian.Uint64(c.sum[:])
	payload, err := c.payloadHash(r)
	if err != nil {
		return err
	}
	c.canonical = appendCanonicalRequest(c.canonical[:0], r, c.auth.signedHeaders, payload)
	c.sum = sha256.Sum256(c.canonical)
	c.canonical = appendStringToSign(c.canonical[:0], first(r.Header, "X-Amz-Date"), c.auth, c.sum[:])

	key, cached := c.verifier.signingKey(c.auth)
	want := hmacSHA256(key[:], c.canonical)
	var hexWant [2 * sha256.Size]byte
	hex.Encode(hexWant[:], want[:])
	if subtle.ConstantTimeCompare(hexWant[:], []byte(c.auth.signature)) != 1 {
		return ErrSignatureMismatch
	}
	if !cached {
		c.verifier.remember(c.auth, key)
	}
	return nil
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

// payloadHash is the last line of the canonical request. It appends nothing
// that the client merely claims: a claimed hash must be the body's.
func (c *check) payloadHash(r *http.Request) ([]byte, error) {
	claim := first(r.Header, "X-Amz-Content-Sha256")
	if claim == unsignedPayload {
		if !c.verifier.allowUnsigned {
			return nil, &Error{Code: CodeInvalidSignature, Message: "x-amz-content-sha256 UNSIGNED-PAYLOAD is not allowed here: sign the payload."}
		}
		return []byte(unsignedPayload), nil
	}
	hex.Encode(c.payload[:], c.sum[:])
	if claim != "" && claim != string(c.payload[:]) {
		return nil, &Error{Code: CodeInvalidSignature, Message: "The value of the header x-amz-content-sha256 does not match the hash of the body."}
	}
	return c.payload[:], nil
}

// signingKey derives the key of a scope, or takes it from the cache.
func (v *verifier) signingKey(a authorization) (key [sha256.Size]byte, cached bool) {
	v.mu.RLock()
	key, cached = v.keys[signingScope{a.accessKey, a.date, a.region, a.service}]
	v.mu.RUnlock()
	if cached {
		return key, true
	}
	key = hmacSHA256([]byte("AWS4"+v.credentials[a.accessKey].SecretKey), []byte(a.date))
	key = hmacSHA256(key[:], []byte(a.region))
	key = hmacSHA256(key[:], []byte(a.service))
	return hmacSHA256(key[:], []byte("aws4_request")), false
}

// remember caches a key after a signature made with it was good, so that only
// holders of a secret can fill the cache.
func (v *verifier) remember(a authorization, key [sha256.Size]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.keys) >= maxSigningKeys {
		clear(v.keys)
	}
	v.keys[signingScope{strings.Clone(a.accessKey), strings.Clone(a.date), strings.Clone(a.region), strings.Clone(a.service)}] = key
}

func appendStringToSign(dst []byte, stamp string, a authorization, sum []byte) []byte {
	dst = append(dst, sigV4Algorithm+"\n"...)
	dst = append(dst, stamp...)
	dst = append(dst, '\n')
	for _, part := range [...]string{a.date, a.region, a.service} {
		dst = append(dst, part...)
		dst = append(dst, '/')
	}
	dst = append(dst, "aws4_request\n"...)
	return hex.AppendEncode(dst, sum)
}

// hmacSHA256 is crypto/hmac for one message, without its allocations.
func hmacSHA256(key, message []byte) [sha256.Size]byte {
	var pad [sha256.BlockSize]byte
	if len(key) > len(pad) {
		sum := sha256.Sum256(key)
		copy(pad[:], sum[:])
	} else {
		copy(pad[:], key)
	}
	var space [512]byte // a string to sign has about 150 bytes
	for i := range pad {
		pad[i] ^= 0x36
	}
	inner := sha256.Sum256(append(append(space[:0], pad[:]...), message...))
	for i := range pad {
		pad[i] ^= 0x36 ^ 0x5c
	}
	return sha256.Sum256(append(append(space[:0], pad[:]...), inner[:]...))
}
