// Package objput puts objects where there is none yet: the one operation on
// which exactly-once delivery to S3 rests, for S3 and for a folder that stands
// for it.
//
// What enters: a bucket, a key and an Object. What leaves: the object, durable
// when PutIfAbsent returned nil; ErrExists when the key was taken, and then
// what Head tells about the object there.
//
// # Folder
//
// A bucket is a subfolder, made by the first put; a key is a path in it:
//
//	<root>/<bucket>/<key>
//	<root>/<bucket>/_sluice/meta/<key>.json    what S3 keeps as object metadata
//	<root>/<bucket>/_sluice/tmp/<random>       objects being written
//
// Of a key, empty segments collapse; the segments "." and ".." and NUL bytes
// are percent-encoded, so nothing leaves the bucket; a segment of more than 250
// bytes is cut to 200 and gets a hash. Two keys that meet at one path, or of
// which one is a folder of the other, cannot both exist: the second put is
// refused (ErrRefused), and the metadata, which holds the key, tells them apart.
// An object without Meta gets no metadata file.
//
//	temp file: write, sync  ->  metadata: write, sync, rename, sync folder
//	->  link(temp, key)  ->  sync folder  ->  remove temp
//
// # Crashes and rivals
//
// After a crash at any point the key is absent, or whole with its metadata.
// ErrExists is returned only after the folder was synced, because a process
// that died between link and sync leaves a name that others see and a power
// failure still takes. An error of any sync is an error of the put, and the
// name is taken back, since a later sync of the same folder would prove nothing.
// The metadata holds size and hash of the body it was written for: when a rival
// process replaced it between our steps, Head finds that out and gives no Meta
// rather than the rival's. Left-over temp files go when the folder is opened;
// left-over metadata is replaced by the next put of its key.
//
// # Registers
//
// Both stores also keep registers, small objects that are replaced by whoever saw
// their last state: S3 by If-Match, tried out once per bucket on
// _sluice/probe-if-match and refused where a store ignores it; a folder by a lock
// and a rename.
//
// # Memory
//
// Bodies belong to the caller and are read while PutIfAbsent runs.
package objput
