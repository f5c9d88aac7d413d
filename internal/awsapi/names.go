package awsapi

import "strings"

// The model's patterns for names, as its validation texts print them. Each has
// a Valid function that matches exactly it without a regexp; lengths are
// checked apart, since AWS names them apart.
const (
	PatternLogGroupName       = `[\.\-_/#A-Za-z0-9]+`
	PatternLogStreamName      = `[^:*]*` // also filter and destination names
	PatternLogGroupIdentifier = `[\w#+=/:,.@-]*`
	PatternResourceARN        = `[\w+=/:,.@-]*`
	PatternDeliveryStreamName = `[a-zA-Z0-9_.-]+` // also Kinesis stream names
	PatternMetricName         = `[^:*$]*`
)

// ValidLogGroupName matches PatternLogGroupName.
func ValidLogGroupName(s string) bool { return s != "" && onlyWord(s, "._/#-") }

// ValidLogStreamName matches PatternLogStreamName: log streams, subscription
// and metric filters, destinations.
func ValidLogStreamName(s string) bool { return !strings.ContainsAny(s, ":*") }

// ValidLogGroupIdentifier matches PatternLogGroupIdentifier. The ":*" form of
// an ARN is not an identifier.
func ValidLogGroupIdentifier(s string) bool { return onlyWord(s, "_#+=/:,.@-") }

// ValidResourceARN matches PatternResourceARN.
func ValidResourceARN(s string) bool { return onlyWord(s, "_+=/:,.@-") }

// ValidDeliveryStreamName matches PatternDeliveryStreamName.
func ValidDeliveryStreamName(s string) bool { return s != "" && onlyWord(s, "_.-") }

// ValidMetricName matches PatternMetricName.
func ValidMetricName(s string) bool { return !strings.ContainsAny(s, ":*$") }

// onlyWord reports whether s has ASCII letters, digits and the given marks only.
func onlyWord(s, marks string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte(marks, c) < 0 {
			return false
		}
	}
	return true
}
