package awsapi

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// BearerToken opens the Endpoints to who sends it as Authorization: Bearer TOKEN,
// without a signature.
type BearerToken struct {
	Token   string
	Account string    // of what it writes; default the configured one
	Region  string    // default the configured one
	Expires time.Time // when set, ends the token
}

// minTokenBytes keeps tokens from being guessed.
const minTokenBytes = 16

// tokens finds bearer tokens by their SHA-256, so that the time a look-up takes
// tells nothing about a token. Nil accepts every token.
type tokens map[[sha256.Size]byte]BearerToken

func newTokens(given []BearerToken) (tokens, error) {
	all := make(tokens, len(given))
	for i, t := range given {
		switch {
		case len(t.Token) < minTokenBytes || strings.ContainsFunc(t.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, fmt.Errorf("add bearer token %d: want at least %d visible ASCII characters", i+1, minTokenBytes)
		case t.Account != "" && !isAccount(t.Account):
			return nil, fmt.Errorf("add bearer token %d: account %q is not twelve digits", i+1, t.Account)
		case t.Region != "" && !isRegion(t.Region):
			return nil, fmt.Errorf("add bearer token %d: region %q: want letters, digits and hyphens", i+1, t.Region)
		}
		key := sha256.Sum256([]byte(t.Token))
		if _, taken := all[key]; taken {
			return nil, fmt.Errorf("add bearer token %d: given twice", i+1)
		}
		all[key] = t
	}
	return all, nil
}

// bearerToken takes the token out of an Authorization header.
func bearerToken(r *http.Request) (token string, ok bool) {
	const scheme = "Bearer "
	header := first(r.Header, "Authorization")
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.Trim(header[len(scheme):], " \t"), true
}

// identifyBearer fills in the caller of a token.
func (x *exchange) identifyBearer(token string) error {
	x.byToken = true
	c := &x.request.Caller
	*c = Caller{Account: x.server.cfg.AccountID, Region: x.server.cfg.Region}
	if x.server.verifier == nil {
		return nil // any signature is accepted, and so is any token
	}
	t, ok := x.server.tokens[sha256.Sum256([]byte(token))]
	if !ok {
		return ErrUnrecognizedClient
	}
	if !t.Expires.IsZero() && !x.server.cfg.Clock.Now().Before(t.Expires) {
		return ErrExpiredToken
	}
	if t.Account != "" {
		c.Account = t.Account
	}
	if t.Region != "" {
		c.Region = t.Region
	}
	return nil
}

// beginCheck starts the verification of the signature; a token has none, so that
// its body need not be hashed.
func (x *exchange) beginCheck(sig authorization) *check {
	if x.byToken {
		return nil
	}
	return x.server.verifier.begin(sig)
}
