//go:build race

package firehose_test

// stride of the crash tests: the race detector makes each step dear, and any
// sample of them shows the races.
const stride = 7
