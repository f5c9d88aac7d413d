// Package actions takes the notifications of alarms to where people see them.
//
// What enters: a Notification, which names the ARN that an alarm has among its
// actions, and carries SNS's subject and message. Topics map such ARNs to
// targets: a webhook that gets what SNS would post, signed as SNS signs; a real
// SNS topic through AWS's SDK; an Alertmanager; a command. What leaves: requests
// and processes, and an error for each attempt that did not reach all targets.
//
// A Delivery remembers which of its targets were reached, so that the attempts
// after the first one go to the others only. It owns what it remembers, in
// memory. Nothing here survives a crash but the signing key: who delivers keeps
// the notification until it is done and begins again after a crash, so that
// targets see a notification at least once, under one ID that never changes.
//
// # The signing key
//
// One RSA key in the data folder signs every message of a webhook. Its
// certificate is served under a path that holds its fingerprint, and messages
// name it as SigningCertURL. It is made when the first webhook is configured:
//
//	<dir>/sns-signing.pem   PEM: CERTIFICATE, PRIVATE KEY (PKCS #8)
package actions
