package actions

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// SNS publishes to a topic of AWS's.
type SNS struct {
	TopicARN string
	Client   *sns.Client
}

// String implements Target.
func (s *SNS) String() string { return "SNS topic " + s.TopicARN }

// Send implements Target. A FIFO topic drops repeated attempts by the
// notification's ID and keeps the order of each alarm.
func (s *SNS) Send(ctx context.Context, n Notification) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	in := &sns.PublishInput{TopicArn: &s.TopicARN, Message: &n.Message}
	if n.Subject != "" {
		in.Subject = aws.String(clipped(n.Subject, 100))
	}
	if strings.HasSuffix(s.TopicARN, ".fifo") {
		in.MessageDeduplicationId, in.MessageGroupId = &n.ID, &n.AlarmARN
		if len(n.AlarmARN) > 128 {
			in.MessageGroupId = aws.String(n.AlarmARN[len(n.AlarmARN)-128:])
		}
	}
	_, err := s.Client.Publish(ctx, in)
	return err
}

// clipped cuts a text to what SNS takes as a subject.
func clipped(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most])
}
