// Command sluice is CloudWatch Logs' streaming side in one binary: it takes log
// events through the CloudWatch Logs API and delivers what subscription filters
// match to S3-like storage, exactly once.
//
//	sluice serve       run the server
//	sluice filter      print the lines of files that filter patterns select
//	sluice ship        send the lines of files, or of standard input, as log events,
//	                   and follow files with --follow
//	sluice tail        print the events of a log group, and follow it
//	sluice export      export log groups into a bucket, by tasks
//	sluice check       look for damage in the data folder of a server that is not running
//	sluice verify      prove by its manifests what a bucket holds of delivery streams
//	sluice replay      put the records of error objects back into a delivery stream
//	sluice replicas    tell how far the copies of other sluices' logs are
//	sluice bench       measure this machine, and break things
//	sluice version     print the version
//	sluice quickstart  run a server with a pipeline and feed it
//
// Each command is one file of this folder: a struct with its flags, a Help with
// examples, and Run(*process) error. What it needs from outside comes in through
// process, what it prints goes to standard output, and everything meant for the
// eyes of a person beside that (logs, progress, errors) goes to standard error.
//
// Exit codes, of every command but filter, which has those of grep:
//
//	0  done
//	1  failed, or what was looked at is not as it should be; the output says why
//	2  the command line, the configuration or the place that it names is wrong; nothing
//	   was done
//	3  refused by the service: some of the data, or the task
//	4  (export) not ended within --timeout
//
// The process keeps nothing itself; what survives a crash is said in
// internal/app and in the rooms.
package main
