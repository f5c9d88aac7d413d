// Package agent follows files and sends what is written to them to CloudWatch
// Logs: through rotation, truncation, outages and restarts, each record once.
//
// What enters: files that patterns find, and a Client with PutLogEvents. What
// leaves: requests that keep AWS's rules for a batch, a state file, and counters.
//
//	patterns -> scan -> file: cursor -> records -> batch of a log stream
//	                      ^                            |
//	                      |                          seal: invocation id
//	                      |                            |
//	                   acked <- settle <- deliver <- state file, synced
//
// Reading is stateless behind the cursor: text that ends no record yet is not
// kept but read again, so memory is that of the batches (Config.Memory) however
// many files there are, and whoever waits for a server reads nothing meanwhile.
// All of an Agent belongs to the goroutine of Run; a sealed batch belongs to its
// sender until that hands it back.
//
// # What is a file
//
// Device and inode, and the text around the place that was reached: up to 1,024
// bytes from the file's beginning and up to 1,024 before the cursor. They are
// compared after every read, so text that was truncated and written anew between
// two looks is not taken for what it replaced, and a reused inode is a new file.
// A file that was renamed is read on through its descriptor. When a file was
// truncated, the copy that copytruncate made is known by the same comparison, and
// only what the original was not read of is read from it.
//
// # What survives a crash
//
// One file, agent.json, replaced as a whole (temporary file, fsync, rename, fsync
// of the folder) before a batch is sent and after it was acknowledged:
//
//	{"version":1, "logGroupName":"/app",
//	 "shape":{...},             how text becomes events
//	 "files":[{"file":{"dev":2049,"ino":131},"path":"/var/log/app.log","origin":"/var/log/app.log","stream":"host/var/log/app.log",
//	   "mark":{"offset":512, "head":{"bytes":512,"xxh64":1}, "tail":{"bytes":512,"xxh64":1}}}],
//	 "pending":[{"stream":"...", "invocation":"<uuid>", "xxh64":2,
//	   "ranges":[{"path":"...","start":512,"end":900,"xxh64":3,"at":1767323045000,"after":{mark}}]}]}
//
// A mark moves only by the service's answer. A pending batch was sealed and maybe
// sent: after a crash it is made again from its ranges, found in their file or in
// a copy of it, and sent with the same invocation id and the same bytes. sluice
// knows such a repetition for ten minutes and stores it once. AWS does not
// promise to: there a crash between the service's commit and the answer stores
// one batch per connection twice.
package agent
