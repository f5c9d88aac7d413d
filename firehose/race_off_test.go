//go:build !race

package firehose_test

const stride = 1
