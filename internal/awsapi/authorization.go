package awsapi

import (
	"strings"
)

// authorization is a SigV4 Authorization header, taken apart. Its strings are
// views of the header.
type authorization struct {
	accessKey, date, region, service string // of the credential scope
	signedHeaders, signature         string
}

const sigV4Algorithm = "AWS4-HMAC-SHA256"

// parseAuthorization takes a header of the form
//
//	AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/logs/aws4_request,
//	    SignedHeaders=host;x-amz-date, Signature=hex
//
// apart; parts come in any order, with or without spaces.
func parseAuthorization(header string) (authorization, error) {
	rest, ok := strings.CutPrefix(header, sigV4Algorithm)
	if !ok || rest == "" || rest[0] != ' ' {
		return authorization{}, &Error{Code: CodeIncompleteSignature, Message: "Unsupported authorization type: use " + sigV4Algorithm + "."}
	}
	var a authorization
	var credential string
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.Trim(part, " \t"), "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			a.signedHeaders = value
		case "Signature":
			a.signature = value
		}
	}
	if err := requireParts(credential, a.signature, a.signedHeaders); err != nil {
		return authorization{}, err
	}
	if !a.setScope(credential) {
		return authorization{}, &Error{Code: CodeIncompleteSignature, Message: "Credential must have the form AccessKey/YYYYMMDD/region/service/aws4_request."}
	}
	return a, nil
}

func requireParts(credential, signature, signedHeaders string) error {
	var missing []string
	for _, part := range [...]struct{ name, value string }{
		{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signedHeaders},
	} {
		if part.value == "" {
			missing = append(missing, "Authorization header requires '"+part.name+"' parameter.")
		}
	}
	if missing == nil {
		return nil
	}
	return &Error{Code: CodeIncompleteSignature, Message: strings.Join(missing, " ")}
}

// setScope splits a credential from its end, since made-up access keys may hold
// a slash.
func (a *authorization) setScope(credential string) bool {
	rest, ok := strings.CutSuffix(credential, "/aws4_request")
	if !ok {
		return false
	}
	rest, a.service, ok = cutLast(rest)
	if !ok {
		return false
	}
	rest, a.region, ok = cutLast(rest)
	if !ok {
		return false
	}
	a.accessKey, a.date, ok = cutLast(rest)
	return ok && a.accessKey != "" && len(a.date) == 8 && isRegion(a.region) && a.service != ""
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// identify fills in the caller and, where credentials are configured, checks
// everything about the signature that needs no body.
func (x *exchange) identify() (authorization, error) {
	s := x.server
	x.request.Caller = Caller{Account: s.cfg.AccountID, Region: s.cfg.Region}
	header := x.r.Header.Get("Authorization")
	if header == "" {
		if s.verifier != nil {
			return authorization{}, ErrMissingToken
		}
		return authorization{}, nil
	}
	a, err := parseAuthorization(header)
	if s.verifier == nil {
		if err == nil { // any signature is accepted, and so is nonsense
			x.setCaller(a, "")
		}
		return a, nil
	}
	if err != nil {
		return a, err
	}
	account, err := s.verifier.checkHead(x.r, a)
	if err == nil {
		x.setCaller(a, account)
	}
	return a, err
}

// setCaller applies the account rule.
func (x *exchange) setCaller(a authorization, account string) {
	c := &x.request.Caller
	c.AccessKey, c.Region = a.accessKey, a.region
	switch {
	case account != "":
		c.Account = account
	case isAccount(a.accessKey):
		c.Account = a.accessKey
	}
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isRegion keeps what ends up in ARNs, keys and paths to what regions are made
// of; their names are not checked against a list.
func isRegion(s string) bool { return s != "" && len(s) <= 64 && onlyWord(s, "-") }
