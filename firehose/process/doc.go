// Package process is what processors of a delivery stream do to one record:
// decompress it, take the messages out of it, take it apart, read partition keys
// from it, end it with a delimiter; and what becomes of a record for which that
// did not work.
//
// What enters: the bytes of one record. What leaves: views and appended bytes,
// partition values, or a *Failure, which names AWS's error code and the
// error-output-type; an ErrorRecord is the line that it turns into under
// ErrorOutputPrefix.
//
// # Partition keys
//
// A Query is the jq text of MetadataExtraction with the keys that the prefix
// asks for. Selections of members, {customer: .customer.id, day: .day}, are read
// by a walk over the record; everything else runs in gojq. Both give the same.
// The values of one record are its partition:
//
//	+-----------+------+-----------+------+---
//	| value of  | 0x00 | value of  | 0x00 | ...   in the order of Query.Keys
//	| first key |      | next key  |      |
//	+-----------+------+-----------+------+---
//
// A value is a string as it is, without its control characters; a number or a
// boolean as jq 1.6 prints it, but integers of 64 bits exactly, where jq 1.6
// rounds from 2^53 on and would file two customers as one. null, a missing
// member, an empty string, an array and an object are failures, and so is a
// query that yields nothing or several results, a record that is not one JSON
// text, and values of more than MaxPartition bytes together.
//
// jq 1.6 and gojq differ, besides, in: tostring and string interpolation of
// numbers from 1e17 on and of integers above 2^53; regular expressions (Go's
// syntax here, without look-around); strptime and mktime in corners; the texts
// of errors. input, inputs, debug, input_filename, modules, $ENV, env, now and
// other ways out of the record are refused.
//
// # Memory
//
// An Extractor, an Inflater and Messages keep their buffers; they belong to one
// goroutine each. A Query never changes and is shared. Nothing is durable here:
// what was processed is made again from the log, and comes out the same.
package process
