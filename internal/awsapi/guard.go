package awsapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Guard keeps web pages away from next. A page in a browser on this machine can
// reach a loopback port, and by DNS rebinding even under a name of its own; so
// on connections that came in over loopback the Host must be a loopback name
// (localhost, *.localhost, 127.0.0.0/8, [::1]) or one of names, and wherever a
// browser says that a request comes from another origin, it is refused with 403.
// AWS clients send neither Origin nor a foreign Host. The prefixes stream- and
// streaming- that SDKs put before a host are allowed with every name.
func Guard(next http.Handler, names ...string) http.Handler {
	allowed := make(map[string]bool, len(names))
	for _, name := range names {
		allowed[strings.ToLower(name)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := guard(r, allowed); err != nil {
			id := newRequestID()
			var d dialect
			d.protocol, _, _ = route(r)
			d.writeAnswer(w, r, id, err, d.appendError(nil, id, err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func guard(r *http.Request, names map[string]bool) *Error {
	if overLoopback(r) && !isLoopbackName(r.Host, names) {
		return forbidden(fmt.Sprintf("The Host %q is not a name of this machine's loopback interface. Use localhost, a name under .localhost or 127.0.0.1, or add the name to host_names in the configuration.", r.Host))
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return forbidden("Requests of web pages of other sites are refused.")
	}
	if origin := r.Header.Get("Origin"); origin != "" && !sameOrigin(origin, r.Host) {
		return forbidden(fmt.Sprintf("Requests of web pages of other origins are refused; this one comes from %q.", origin))
	}
	return nil
}

func forbidden(text string) *Error { return &Error{CodeAccessDenied, text, http.StatusForbidden} }

func overLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.IP.IsLoopback()
}

// isLoopbackName: an empty Host is HTTP/1.0, which no browser speaks.
func isLoopbackName(host string, names map[string]bool) bool {
	name := strings.TrimSuffix(strings.ToLower(hostname(host)), ".")
	for _, prefix := range [...]string{"stream-", "streaming-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && isLoopbackName(rest, names) && rest != "" {
			return true
		}
	}
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || names[name] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostname is a Host header without port and brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// CheckBind is the rule for every listening address: loopback is free, any
// other address needs credentials or an explicit insecure.
func CheckBind(addr string, haveCredentials, insecure bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("check listen address %q: want host:port, as in 127.0.0.1:4580: %w", addr, err)
	}
	if haveCredentials || insecure || isLoopbackAddress(host) {
		return nil
	}
	return fmt.Errorf("check listen address %q: it is not a loopback address and no credentials are configured, "+
		"so everybody who reaches this machine could read and write all logs: "+
		"configure credentials, or listen on 127.0.0.1, or give --insecure if the network is trusted", addr)
}

func isLoopbackAddress(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
