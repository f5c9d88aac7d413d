package filter

import (
	"context"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
)

// TestMetricFilter tries a filter pattern on messages and stores nothing.
//
// Behaviour: the answer has the messages that match, in their order, with their
// number in the request, counted from 1 as the live service does (the samples of
// the API reference count from 0). A space-delimited pattern also yields its
// tokens, under $name or, without a name, under $1, $2 and so on; the other forms
// yield an empty map.
//
// Limits: pattern up to 1,024; 1-50 messages, each of at least one character.
//
// Deviations: what package pattern decides where AWS documents nothing.

type testMetricFilterInput struct {
	FilterPattern    *string  `json:"filterPattern"`
	LogEventMessages []string `json:"logEventMessages"`
}

type testMetricFilterOutput struct {
	Matches []metricFilterMatch `json:"matches"`
}

// metricFilterMatch is one message that the pattern selects.
type metricFilterMatch struct {
	EventMessage    string            `json:"eventMessage"`
	EventNumber     int64             `json:"eventNumber"`
	ExtractedValues map[string]string `json:"extractedValues"`
}

const maxTestMessages = 50

func (in *testMetricFilterInput) validate() error {
	v := awsapi.LogsValidation()
	v.NotNull("filterPattern", in.FilterPattern != nil)
	if in.FilterPattern != nil {
		v.Length("filterPattern", *in.FilterPattern, 0, maxPattern)
	}
	v.NotNull("logEventMessages", in.LogEventMessages != nil)
	if in.LogEventMessages != nil {
		checkMessages(v, in.LogEventMessages)
	}
	return v.Err()
}

func checkMessages(v *awsapi.Validation, messages []string) {
	v.ListLength("logEventMessages", awsapi.List(messages), len(messages), 1, maxTestMessages)
	for _, m := range messages {
		if m == "" {
			v.Elements("logEventMessages", awsapi.List(messages), "Member must have length greater than or equal to 1")
			return
		}
	}
}

func (a *API) testMetricFilter(_ context.Context, _ awsapi.Caller, in *testMetricFilterInput) (*testMetricFilterOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	p, err := pattern.Compile(*in.FilterPattern)
	if err != nil {
		return nil, checkPattern(*in.FilterPattern) // in the API's words
	}
	return &testMetricFilterOutput{Matches: matchesOf(p, in.LogEventMessages)}, nil
}

// matchesOf is empty, not nil, without a match: AWS answers with an empty list.
func matchesOf(p *pattern.Pattern, messages []string) []metricFilterMatch {
	matches := []metricFilterMatch{}
	for i, m := range messages {
		if values := p.Fields([]byte(m)); values != nil {
			matches = append(matches, metricFilterMatch{EventMessage: m, EventNumber: int64(i + 1), ExtractedValues: values})
		}
	}
	return matches
}
