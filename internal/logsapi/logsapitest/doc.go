// Package logsapitest lets tests of CloudWatch Logs operations speak over HTTP:
// a server over the operations under test, plain calls and the AWS SDK's client
// against it, answers recorded from AWS to compare with, and a store in memory.
//
// Nothing of it is part of the product.
package logsapitest
