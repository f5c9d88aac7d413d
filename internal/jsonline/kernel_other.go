//go:build !amd64

package jsonline

// check checks whole blocks up to the first that is wrong, and says which of its
// bytes is the first that is, blockBytes for none.
func (m *Marks) check(text []byte) (wrong int) { return m.checkGo(text) }
