//go:build !amd64

package jsonline

// check checks whole blocks up to the first that is wrong, and says which of its
// bytes are.
func (m *Marks) check(text []byte) (wrong uint64) { return m.checkGo(text) }
