//go:build !amd64

package envelope

// escapePlain leaves everything to Go.
func escapePlain(to, s []byte, dense bool, ignored uint64) (n, taken int) {
	return escapeGo(to, s, dense, ignored)
}
