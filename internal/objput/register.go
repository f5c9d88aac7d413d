package objput

import (
	"context"
	"errors"
)

// ErrChanged says that a register is not as its writer last saw it.
var ErrChanged = errors.New("register was changed by another writer")

// maxRegister bounds what a register holds, in bytes.
const maxRegister = 1 << 20

// Registers are small objects that are replaced: rows that several processes
// agree by. Whoever replaces one names the state that it saw; of several writers
// who saw the same state one succeeds. Both stores are one.
//
// Values must never repeat: to some stores two states of the same bytes are one
// state. A counter in the value does it.
type Registers interface {
	// ReadRegister returns a register's value, and a tag that stands for its
	// state; ErrNotFound if there is none.
	ReadRegister(ctx context.Context, bucket, key string) (value []byte, tag string, err error)
	// SwapRegister replaces the value of the register whose state is still tag, or
	// makes it where tag is "" and there is none; it is durable then. ErrChanged
	// when the state is another. After any other error nobody knows: read it.
	SwapRegister(ctx context.Context, bucket, key, tag string, value []byte) (newTag string, err error)
	// ListRegisters visits the keys that begin with prefix, and their tags. What
	// is changed meanwhile may be missed, or visited with either tag.
	ListRegisters(ctx context.Context, bucket, prefix string, visit func(key, tag string) error) error
}
