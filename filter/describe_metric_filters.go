package filter

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/logsapi"
)

// DescribeMetricFilters lists metric filters of a log group, or of all, in the
// order of their names.
//
// Behaviour: filterNamePrefix counts with and without a log group, as the live
// service does; metricName and metricNamespace only together. Members that were
// not given are left out, but for applyOnTransformedLogs.
//
// Limits: limit 1-50, default 50.

type describeMetricFiltersInput struct {
	LogGroupName     *string `json:"logGroupName"`
	FilterNamePrefix *string `json:"filterNamePrefix"`
	Limit            *int64  `json:"limit"`
	NextToken        *string `json:"nextToken"`
	MetricName       *string `json:"metricName"`
	MetricNamespace  *string `json:"metricNamespace"`
}

type describeMetricFiltersOutput struct {
	MetricFilters []describedMetricFilter `json:"metricFilters"`
	NextToken     *string                 `json:"nextToken,omitempty"`
}

// describedMetricFilter is a metric filter as the API shows it.
type describedMetricFilter struct {
	ApplyOnTransformedLogs    bool                   `json:"applyOnTransformedLogs"`
	CreationTime              int64                  `json:"creationTime"`
	EmitSystemFieldDimensions []string               `json:"emitSystemFieldDimensions,omitempty"`
	FieldSelectionCriteria    string                 `json:"fieldSelectionCriteria,omitempty"`
	FilterName                string                 `json:"filterName"`
	FilterPattern             string                 `json:"filterPattern"`
	LogGroupName              string                 `json:"logGroupName"`
	MetricTransformations     []metricTransformation `json:"metricTransformations"`
}

func (in *describeMetricFiltersInput) validate() (limit int, err error) {
	if groupTooLong(in.LogGroupName) {
		return 0, awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	if in.LogGroupName != nil {
		checkGroupName(v, in.LogGroupName)
	}
	if in.FilterNamePrefix != nil && *in.FilterNamePrefix != "" {
		checkFilterName(v, "filterNamePrefix", in.FilterNamePrefix)
	}
	if in.MetricName != nil {
		checkMetricName(v, "metricName", *in.MetricName)
	}
	if in.MetricNamespace != nil {
		checkMetricName(v, "metricNamespace", *in.MetricNamespace)
	}
	limit = maxDescribed
	if in.Limit != nil {
		v.Range("limit", *in.Limit, 1, maxDescribed)
		limit = int(*in.Limit)
	}
	if err := v.Err(); err != nil {
		return 0, err
	}
	if (in.MetricName == nil) != (in.MetricNamespace == nil) {
		return 0, awsapi.InvalidParameter("metricName and metricNamespace must be specified together.")
	}
	return limit, nil
}

func (a *MetricAPI) describeMetricFilters(_ context.Context, c awsapi.Caller, in *describeMetricFiltersInput) (*describeMetricFiltersOutput, error) {
	limit, err := in.validate()
	if err != nil {
		return nil, err
	}
	after, err := logsapi.ParseNextToken("DescribeMetricFilters", in.NextToken, a.cfg.Clock.Now())
	if err != nil {
		return nil, err
	}
	var candidates []catalog.MetricFilter
	if in.LogGroupName == nil {
		candidates = a.cfg.Filters.InScope(scopeOf(c))
	} else {
		g, ok := a.cfg.Groups.Group(scopeOf(c), *in.LogGroupName)
		if !ok {
			return nil, awsapi.ErrLogGroupNotFound
		}
		candidates = a.cfg.Filters.List(g)
	}
	return in.page(a.shownMetrics(candidates), after, limit, a.cfg.Clock.Now()), nil
}

// page cuts what is asked for out of filters in the order of their names.
func (in *describeMetricFiltersInput) page(all []describedMetricFilter, after string, limit int, now time.Time) *describeMetricFiltersOutput {
	out := &describeMetricFiltersOutput{MetricFilters: []describedMetricFilter{}}
	last, more := "", false
	for _, d := range all {
		place := d.FilterName + "\x00" + d.LogGroupName
		if !in.wants(d) || place <= after {
			continue
		}
		if len(out.MetricFilters) == limit {
			more = true
			break
		}
		out.MetricFilters = append(out.MetricFilters, d)
		last = place
	}
	out.NextToken = logsapi.NextToken("DescribeMetricFilters", last, now, more)
	return out
}

// shownMetrics orders filters by their names, then by those of their groups.
func (a *MetricAPI) shownMetrics(filters []catalog.MetricFilter) []describedMetricFilter {
	var all []describedMetricFilter
	for _, f := range filters {
		if d, ok := a.shownMetric(f); ok {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(x, y describedMetricFilter) int {
		return cmp.Or(strings.Compare(x.FilterName, y.FilterName), strings.Compare(x.LogGroupName, y.LogGroupName))
	})
	return all
}

func (in *describeMetricFiltersInput) wants(d describedMetricFilter) bool {
	t := d.MetricTransformations[0]
	return (in.FilterNamePrefix == nil || strings.HasPrefix(d.FilterName, *in.FilterNamePrefix)) &&
		(in.MetricName == nil || t.MetricName == *in.MetricName && t.MetricNamespace == *in.MetricNamespace)
}

// shownMetric is false for a filter whose log group is gone.
func (a *MetricAPI) shownMetric(f catalog.MetricFilter) (d describedMetricFilter, ok bool) {
	g, ok := a.cfg.Groups.GroupByUID(f.GroupUID)
	v := f.InForce()
	if !ok || v == nil {
		return d, false
	}
	t := v.Transformation
	shown := metricTransformation{
		MetricName: t.Name, MetricNamespace: t.Namespace, MetricValue: t.Value,
		DefaultValue: t.DefaultValue, Dimensions: t.Dimensions,
	}
	if t.Unit != "" {
		shown.Unit = &t.Unit
	}
	return describedMetricFilter{
		ApplyOnTransformedLogs: v.ApplyOnTransformedLogs, CreationTime: f.Created,
		EmitSystemFieldDimensions: v.EmitSystemFieldDimensions, FieldSelectionCriteria: v.FieldSelectionCriteria,
		FilterName: f.Name, FilterPattern: v.Pattern, LogGroupName: g.Name, MetricTransformations: []metricTransformation{shown},
	}, true
}
