package process

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// MaxInflated bounds what one record may inflate to: 64 times what a record may
// be, which no log reaches and a bomb is stopped by.
const MaxInflated = 64 << 20

// Inflater is the processor Decompression at work.
type Inflater struct {
	source  bytes.Reader
	gzip    gzip.Reader
	limited io.LimitedReader
	out     bytes.Buffer
}

var errTooLarge = errors.New("more than 64 MiB when inflated")

// Inflate is what a gzip record holds, all its members together; valid until the
// next call. The error is a *Failure.
func (i *Inflater) Inflate(record []byte) ([]byte, error) {
	i.source.Reset(record)
	i.out.Reset()
	err := i.gzip.Reset(&i.source)
	if err == nil {
		// One byte above what is allowed tells that there is more.
		i.limited = io.LimitedReader{R: &i.gzip, N: MaxInflated + 1}
		_, err = i.out.ReadFrom(&i.limited)
	}
	if err == nil && i.out.Len() > MaxInflated {
		err = errTooLarge
	}
	if err != nil {
		return nil, failure(DecompressionFailed, CodeDecompression, "The record is not a gzip stream: %v.", err)
	}
	return i.out.Bytes(), nil
}
