// Package monitoring is the folder of CloudWatch's side of logs; it has no code
// of its own. Package metrics keeps samples and answers for them.
package monitoring
