package awsapi

import "github.com/cespare/xxhash/v2"

// verified is what a checked signature tells about a request's identity.
type verified struct {
	signature string // "" when none was checked
	bodyHash  uint64
}

// maxInvocationBytes is more than the UUID that SDKs send.
const maxInvocationBytes = 128

// Invocation is what all attempts of one call of an SDK have in common: the
// invocation id that it sends. Clients that send none sign each attempt anew, so
// only what was signed once and sent twice counts as the same: by a proxy, or by
// somebody who recorded it. ok is false where nothing can be said.
func (r *Request) Invocation() (id string, ok bool) {
	if id = first(r.Header, "Amz-Sdk-Invocation-Id"); id != "" && len(id) <= maxInvocationBytes {
		return id, true
	}
	return r.verified.signature, r.verified.signature != ""
}

// BodyHash tells bodies apart. It is the same for all attempts of a request: of
// the bytes as sent where their signature was checked, else of the body.
func (r *Request) BodyHash() uint64 {
	if r.verified.signature != "" {
		return r.verified.bodyHash
	}
	return xxhash.Sum64(r.Body)
}
