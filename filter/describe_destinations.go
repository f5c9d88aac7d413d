package filter

import (
	"context"

	"sluice/internal/awsapi"
	"sluice/internal/logsapi"
)

// DescribeDestinations lists the caller's logical destinations in the order of
// their names.
//
// Behaviour: accessPolicy is not there before it was set.
//
// Limits: limit 1-50, default 50. The prefix is spelled DestinationNamePrefix.

type describeDestinationsInput struct {
	DestinationNamePrefix *string `json:"DestinationNamePrefix"`
	Limit                 *int64  `json:"limit"`
	NextToken             *string `json:"nextToken"`
}

type describeDestinationsOutput struct {
	Destinations []destination `json:"destinations"`
	NextToken    *string       `json:"nextToken,omitempty"`
}

func (a *API) describeDestinations(_ context.Context, c awsapi.Caller, in *describeDestinationsInput) (*describeDestinationsOutput, error) {
	v := awsapi.LogsValidation()
	prefix, limit := "", maxDescribed
	if in.DestinationNamePrefix != nil && *in.DestinationNamePrefix != "" {
		checkFilterName(v, "destinationNamePrefix", in.DestinationNamePrefix)
		prefix = *in.DestinationNamePrefix
	}
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, maxDescribed)
		limit = int(*in.Limit)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	after, err := logsapi.ParseNextToken("DescribeDestinations", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	page := a.subscriptions.destinations.List(scopeOf(c), prefix, after, limit+1)
	out := &describeDestinationsOutput{Destinations: []destination{}}
	for _, d := range page[:min(limit, len(page))] {
		out.Destinations = append(out.Destinations, shownDestination(d))
		after = d.Name
	}
	out.NextToken = logsapi.NextToken("DescribeDestinations", after, a.cfg.Clock.Now(), len(page) > limit)
	return out, nil
}
