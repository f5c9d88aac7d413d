// Package format turns runs of record bytes into the body of an object: the
// codecs that a delivery stream or an export task can name, and the Writer that
// feeds one.
//
// What enters: runs of whole records, in order (Writer.Append). What leaves: an
// Object: the encoded body, readable at any offset, with the xxhash64, the
// count and the size of what went in. Nothing here names objects or puts them
// anywhere.
//
// # Identity of an object
//
// The hash is taken over the record bytes before the codec, so that two
// attempts at one object can be compared even when the binary, and with it the
// encoder, changed in between. Within one binary the encoders are deterministic
// and do not depend on how the bytes were cut into runs.
//
// # Memory
//
// A run belongs to the caller and may be reused as soon as Append returned.
// Bodies collect in pooled chunks of 256 KiB: a body is never copied to grow,
// and Object.Release gives its chunks back. Encoders are pooled with their
// tables. At most one body and one encoder live per Writer, so a caller bounds
// memory by bounding Writers. Nothing here survives a crash: an object that was
// not put is made again from the log.
package format
