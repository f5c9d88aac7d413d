package metrics

import (
	"context"
	"time"

	"sluice/internal/awsapi"
)

// ListMetrics lists the metrics that had samples in the last two weeks.
//
// Behaviour: ordered by namespace, name and dimensions, each metric once whatever
// its units. A dimension filter without a value asks for the name only; a metric
// may have further dimensions. RecentlyActive PT3H asks for the last three hours.
//
// Limits: 500 metrics an answer, further ones by NextToken; 10 dimension filters.
//
// Deviations: there are no linked accounts: IncludeLinkedAccounts and
// OwningAccount change nothing.

type listMetricsInput struct {
	Namespace      string
	MetricName     string
	Dimensions     []dimensionFilter
	NextToken      string
	RecentlyActive string
}

type dimensionFilter struct {
	Name  string
	Value *string
}

type listMetricsOutput struct {
	Metrics   []listedMetric
	NextToken string `json:",omitzero"`
}

type listedMetric struct {
	Namespace  string
	MetricName string
	Dimensions []dimension
}

const (
	maxListed           = 500
	maxDimensionFilters = 10
)

func (in *listMetricsInput) validate() error {
	if len(in.Dimensions) > maxDimensionFilters {
		return invalidValue("The collection Dimensions must not have a size greater than %d.", maxDimensionFilters)
	}
	if in.RecentlyActive != "" && in.RecentlyActive != "PT3H" {
		return invalidValue("The parameter RecentlyActive must be a value in the set [ PT3H ].")
	}
	return nil
}

func (s *Store) listMetrics(_ context.Context, c awsapi.Caller, in *listMetricsInput) (*listMetricsOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	skip, err := parseOffset(in.NextToken)
	if err != nil {
		return nil, err
	}
	active := time.Time{}
	if in.RecentlyActive != "" {
		active = s.cfg.Clock.Now().Add(-3 * time.Hour)
	}
	out := &listMetricsOutput{Metrics: []listedMetric{}}
	n := 0
	err = s.List(scopeOf(c), func(l Listed) bool {
		if !in.wants(l) || l.Seen.Before(active) {
			return true
		}
		if n++; n <= skip {
			return true
		}
		if len(out.Metrics) == maxListed {
			out.NextToken = offsetToken(skip + maxListed)
			return false
		}
		shown := listedMetric{Namespace: l.Namespace, MetricName: l.Name, Dimensions: []dimension{}}
		for _, d := range l.Dimensions {
			shown.Dimensions = append(shown.Dimensions, dimension(d))
		}
		out.Metrics = append(out.Metrics, shown)
		return true
	})
	if err != nil {
		return nil, apiError(err)
	}
	return out, nil
}

func (in *listMetricsInput) wants(l Listed) bool {
	if in.Namespace != "" && l.Namespace != in.Namespace || in.MetricName != "" && l.Name != in.MetricName {
		return false
	}
	for _, f := range in.Dimensions {
		found := false
		for _, d := range l.Dimensions {
			found = found || d.Name == f.Name && (f.Value == nil || d.Value == *f.Value)
		}
		if !found {
			return false
		}
	}
	return true
}
