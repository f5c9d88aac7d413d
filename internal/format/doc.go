// Package format turns records and events into the body of an object: the codecs
// that a delivery stream or an export task can name and the Writer that feeds
// one, events as lines of JSON (EventJSON), and events as Parquet
// (ParquetWriter).
//
// What enters: runs of whole records, in order (Writer.Append), or selected
// events of batches (ParquetWriter.Append). What leaves: an Object: the encoded
// body, readable at any offset, with the xxhash64, the count and the size of
// what went in. Nothing here names objects or puts them anywhere.
//
// # Identity of an object
//
// The hash is taken over the record bytes before the codec, so that two
// attempts at one object can be compared even when the binary, and with it the
// encoder, changed in between. For Parquet it is that of the messages with a line
// feed after each, which the same events as lines have too. Within one binary the
// encoders are deterministic and do not depend on how the bytes were cut into
// runs; a ZIP's entry is named by a UUID of the identity. Where row groups of a
// Parquet file and its pages end does depend on the batches.
//
// # Parquet
//
// A file has these columns, and is read back before it is handed out:
//
//	+---------+-----------+---------------------------------+----------+---------+
//	| ts      | ingest_ts | account region log_group        | event_id | message |
//	| µs, UTC | µs, UTC   | log_stream (dictionaries)       | text     | text    |
//	+---------+-----------+---------------------------------+----------+---------+
//	+--------------------------------------------------+-------+
//	| a column for each configured field of messages   | _rest |
//	| that are JSON objects: string, bigint, double,   | JSON  |
//	| boolean; null where it is missing or of another  | text  |
//	| type                                             |       |
//	+--------------------------------------------------+-------+
//
// A record that was put directly has no source: account to event_id are null, and
// both times are that of its arrival.
//
// _rest is the JSON text of all members that did not get into a column, because
// none was configured for them or because their value is of another type. It
// exists if fields do. So a type that changes is never an error and never a new
// file, and message holds every event as it came.
//
// # Memory
//
// A run or a batch belongs to the caller and may be reused as soon as Append
// returned. Bodies collect in pooled chunks of 256 KiB: a body is never copied to
// grow, and Object.Release gives its chunks back. Encoders are pooled with their
// tables. At most one body and one encoder live per Writer, so a caller bounds
// memory by bounding Writers; a ParquetWriter holds the compressed pages of one
// row group beside its body. Nothing here survives a crash: an object that was
// not put is made again from the log.
package format
