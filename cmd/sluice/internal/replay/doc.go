// Package replay puts the records of error objects back into a delivery stream:
// the lines under ErrorOutputPrefix, sluice's own and AWS's.
//
// What enters: objects of a bucket, and a Putter. What leaves: batches of records,
// and a note of how far each object was replayed, one line of JSON each, synced
// before the next batch is put. An object that is noted as done is not put again,
// and one that was begun goes on where its note says; after a crash between an
// answer and its note, one batch of at most 500 records is put a second time.
//
// A line that is no error record is counted and passed over. Lines and batches
// live as long as they are being put.
package replay
