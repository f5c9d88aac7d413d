package awsapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// appendCanonicalRequest appends SigV4's canonical form of a request: method,
// path, query, signed headers, their names, hash of the payload in hex.
func appendCanonicalRequest(dst []byte, r *http.Request, signedHeaders string, payload []byte) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = appendCanonicalPath(dst, r.URL.EscapedPath())
	dst = append(dst, '\n')
	dst = appendCanonicalQuery(dst, r.URL.RawQuery)
	dst = append(dst, '\n')
	for rest := signedHeaders; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ";")
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = appendCanonicalHeader(dst, r, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, signedHeaders...)
	dst = append(dst, '\n')
	return append(dst, payload...)
}

// appendCanonicalPath escapes an already escaped path once more, as every
// service but S3 does.
func appendCanonicalPath(dst []byte, path string) []byte {
	if path == "" {
		return append(dst, '/')
	}
	for i := range len(path) {
		if path[i] == '/' {
			dst = append(dst, '/')
		} else {
			dst = appendEscaped(dst, path[i])
		}
	}
	return dst
}

func appendCanonicalQuery(dst []byte, query string) []byte {
	if query == "" {
		return dst
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); part != "" {
			pairs = append(pairs, pair{escapeAgain(name), escapeAgain(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

// escapeAgain brings an escaped query part into RFC 3986's one form.
func escapeAgain(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	var dst []byte
	for i := range len(plain) {
		dst = appendEscaped(dst, plain[i])
	}
	return string(dst)
}

func appendEscaped(dst []byte, c byte) []byte {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
		return append(dst, c)
	}
	const digits = "0123456789ABCDEF"
	return append(dst, '%', digits[c>>4], digits[c&15])
}

// appendCanonicalHeader appends a header's values, joined by commas. Host and
// Content-Length are where net/http puts them.
func appendCanonicalHeader(dst []byte, r *http.Request, name string) []byte {
	switch name {
	case "host":
		return append(dst, r.Host...)
	case "content-length":
		return strconv.AppendInt(dst, r.ContentLength, 10)
	}
	for i, value := range headerValues(r.Header, name) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCollapsed(dst, value)
	}
	return dst
}

// headerValues looks a lower-case name up without allocating its canonical form.
func headerValues(h http.Header, name string) []string {
	var canonical [64]byte
	if len(name) > len(canonical) {
		return h.Values(name)
	}
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		canonical[i] = c
		upper = c == '-'
	}
	return h[string(canonical[:len(name)])]
}

// appendCollapsed trims a value and makes each inner run of spaces one.
func appendCollapsed(dst []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if value[i] == ' ' && i > 0 && value[i-1] == ' ' {
			continue
		}
		dst = append(dst, value[i])
	}
	return dst
}
