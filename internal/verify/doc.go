// Package verify proves what a bucket holds of delivery streams, by the manifests
// that delivery leaves under _sluice/commit/, and of export tasks, by those that
// they leave under _sluice/export/ when they have completed.
//
// What enters: a store to read and list, and a bucket. What leaves: a Report: for
// each chain of manifests how far it reaches, and Findings, each with the object
// or the manifest it is about.
//
// # What is proved
//
//	chain       each manifest holds the sha256 of the one before
//	            (one for each lane: a shard of the log, a partition of a topic, a
//	            shard of a Kinesis stream)
//	no gap      each cut begins at the position where the one before ended; what a
//	            source outside lost has a cut that says so, and is added up
//	no overlap  no object begins below what an earlier cut delivered of its
//	            partition
//	objects     each is there with the size, the number of records and the hash
//	            that its manifest says; with Deep, its bytes are read, decoded and
//	            hashed again
//	exports     the objects of each task add up to what its manifest says in all
//	strays      no object of a chain lies in the bucket that its manifests do not
//	            know, but those of a cut or of an export task under way
//
// # What is not
//
// That the newest cuts are there, if somebody took their manifests and objects
// away together: write Chain.Head down elsewhere and compare. That nobody who
// controls bucket and data folder made a whole chain anew. That everything
// clients sent was accepted; the counters of ingestion say that. Without Deep,
// that the bytes in S3 are those that were put; a folder's are always read.
//
// # Memory
//
// 16 bytes for each object that manifests know, and the marks of partitions that
// were delivered ahead. Nothing is written anywhere.
package verify
