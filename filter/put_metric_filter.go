package filter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/monitoring/metrics"
)

// PutMetricFilter makes a metric filter, or changes the one that has its name.
//
// Behaviour: events that are stored from now on become samples, stamped with
// their own time; what was stored before is judged by what was in force then. A
// matching event is a sample of metricValue: a number, or a field of the event.
// A field that is missing or null is a sample of defaultValue, if there is one;
// one that is no number, or beyond 2^360, is nothing. An event that does not match
// is a sample of defaultValue too. If a dimension's field is missing, the sample
// goes to the series without dimensions. creationTime stays when a filter is
// changed.
//
// Limits: name 1-512 without : and *; pattern up to 1,024; one transformation;
// metricName and metricNamespace up to 255 without : * $, the namespace not one
// of AWS/; metricValue up to 100;
// 3 dimensions; 100 filters a log group with AWS's limits.
//
// Deviations: AWS may disable a filter that makes 1,000 dimension sets in an
// hour; here further sets go to the series without dimensions, and are counted.
// applyOnTransformedLogs is kept and shown; there are no transformers.

// MetricAPIConfig is what the operations on metric filters need.
type MetricAPIConfig struct {
	Groups    *catalog.Catalog           // log groups. Required.
	Filters   *catalog.MetricFilterTable // Required.
	Positions Positions                  // dates the versions of filters. Required.
	Clock     clock.Event                // gives creation times. Required.
	// FiltersPerGroup bounds the filters of a log group. Default: no bound; AWS's
	// own limit is AWSMetricFiltersPerGroup.
	FiltersPerGroup int
	// Regexes bounds filters with regular expressions. Default: no bound.
	Regexes *RegexQuota
	// Passed tells whether the dispatcher needs a version of a filter that ended
	// at these positions no more. Optional; without it ended versions are kept.
	Passed func(ends []uint64) bool
}

// AWSMetricFiltersPerGroup is how many metric filters AWS takes for a log group.
const AWSMetricFiltersPerGroup = 100

// MetricAPI is the operations on metric filters.
type MetricAPI struct{ cfg MetricAPIConfig }

// NewMetricAPI checks the configuration.
func NewMetricAPI(cfg MetricAPIConfig) (*MetricAPI, error) {
	if cfg.Groups == nil || cfg.Filters == nil || cfg.Positions == nil || cfg.Clock == nil {
		return nil, errors.New("make metric filter operations: groups, filters, positions and clock are needed")
	}
	return &MetricAPI{cfg}, nil
}

// Operations lists the operations for awsapi.New.
func (a *MetricAPI) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		operation("PutMetricFilter", a.putMetricFilter),
		operation("DescribeMetricFilters", a.describeMetricFilters),
		operation("DeleteMetricFilter", a.deleteMetricFilter),
	}
}

type putMetricFilterInput struct {
	LogGroupName              *string                `json:"logGroupName"`
	FilterName                *string                `json:"filterName"`
	FilterPattern             *string                `json:"filterPattern"`
	MetricTransformations     []metricTransformation `json:"metricTransformations"`
	ApplyOnTransformedLogs    bool                   `json:"applyOnTransformedLogs"`
	FieldSelectionCriteria    *string                `json:"fieldSelectionCriteria"`
	EmitSystemFieldDimensions []string               `json:"emitSystemFieldDimensions"`
}

// metricTransformation is a transformation as the API has it.
type metricTransformation struct {
	DefaultValue    *float64          `json:"defaultValue,omitempty"`
	Dimensions      map[string]string `json:"dimensions,omitempty"`
	MetricName      string            `json:"metricName"`
	MetricNamespace string            `json:"metricNamespace"`
	MetricValue     string            `json:"metricValue"`
	Unit            *string           `json:"unit,omitempty"`
}

const (
	maxMetricName     = 255
	maxMetricValue    = 100
	patternMetricName = "[^:*$]*"
)

func (in *putMetricFilterInput) validate() error {
	if groupTooLong(in.LogGroupName) {
		return awsapi.ErrNameTooLong
	}
	v := awsapi.LogsValidation()
	checkGroupName(v, in.LogGroupName)
	checkFilterName(v, "filterName", in.FilterName)
	v.NotNull("filterPattern", in.FilterPattern != nil)
	if in.FilterPattern != nil {
		v.Length("filterPattern", *in.FilterPattern, 0, maxPattern)
	}
	v.NotNull("metricTransformations", in.MetricTransformations != nil)
	if in.MetricTransformations != nil {
		v.ListLength("metricTransformations", listOf(in.MetricTransformations), len(in.MetricTransformations), 1, 1)
	}
	for i := range in.MetricTransformations {
		in.MetricTransformations[i].validate(v, "metricTransformations."+strconv.Itoa(i+1)+".member.")
	}
	if in.FieldSelectionCriteria != nil {
		v.Length("fieldSelectionCriteria", *in.FieldSelectionCriteria, 0, maxSelection)
	}
	if err := v.Err(); err != nil {
		return err
	}
	if in.FieldSelectionCriteria != nil {
		if _, err := ParseSelection(*in.FieldSelectionCriteria); err != nil {
			return invalidSelection(err)
		}
	}
	return in.MetricTransformations[0].checkMeaning()
}

// checkMeaning refuses what the service model takes and CloudWatch does not.
func (t *metricTransformation) checkMeaning() error {
	const invalid = "Invalid metric transformation: %s %s must be a valid number"
	if strings.HasPrefix(t.MetricNamespace, "AWS/") {
		return awsapi.InvalidParameter("Metric namespaces starting with AWS/ are reserved for AWS.")
	}
	if v, err := strconv.ParseFloat(t.MetricValue, 64); err == nil && math.Abs(v) > metrics.MaxMagnitude {
		return awsapi.InvalidParameter(invalid, "metric value", t.MetricValue)
	}
	if d := t.DefaultValue; d != nil && math.Abs(*d) > metrics.MaxMagnitude {
		return awsapi.InvalidParameter(invalid, "default value", strconv.FormatFloat(*d, 'g', -1, 64))
	}
	return nil
}

func (t *metricTransformation) validate(v *awsapi.Validation, at string) {
	checkMetricName(v, at+"metricName", t.MetricName)
	checkMetricName(v, at+"metricNamespace", t.MetricNamespace)
	v.Length(at+"metricValue", t.MetricValue, 1, maxMetricValue)
	if t.Unit != nil {
		v.Enum(at+"unit", *t.Unit, metrics.Units...)
	}
	for name, value := range t.Dimensions {
		v.Length(at+"dimensions", name, 1, maxMetricName)
		v.Length(at+"dimensions", value, 1, maxMetricName)
	}
}

func checkMetricName(v *awsapi.Validation, member, name string) {
	v.Length(member, name, 1, maxMetricName)
	v.Pattern(member, name, patternMetricName, !strings.ContainsAny(name, ":*$"))
}

// listOf prints transformations as AWS's texts do.
func listOf(all []metricTransformation) string {
	var parts []string
	for _, t := range all {
		value := func(set bool, text func() string) string {
			if set {
				return text()
			}
			return "null"
		}
		parts = append(parts, fmt.Sprintf("MetricTransformation(metricName=%s, metricNamespace=%s, metricValue=%s, defaultValue=%s, unit=%s, dimensions=%s)",
			t.MetricName, t.MetricNamespace, t.MetricValue,
			value(t.DefaultValue != nil, func() string { return decimal(*t.DefaultValue) }),
			value(t.Unit != nil, func() string { return *t.Unit }),
			value(t.Dimensions != nil, func() string { return mapOf(t.Dimensions) })))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// decimal prints a double as AWS does: 1.0.
func decimal(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func mapOf(m map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, name+"="+m[name])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (a *MetricAPI) putMetricFilter(_ context.Context, c awsapi.Caller, in *putMetricFilterInput) (*none, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	g, ok := a.cfg.Groups.Group(scopeOf(c), *in.LogGroupName)
	if !ok {
		return nil, awsapi.ErrLogGroupNotFound
	}
	v := in.version()
	if _, err := compileMetricFilter(g.Scope, catalog.MetricFilter{}, v); err != nil {
		return nil, refused(err)
	}
	if err := a.forget(); err != nil {
		return nil, answer(err, awsapi.ErrMetricFilterNotFound)
	}
	err := a.cfg.Regexes.change(g, v.Pattern, anyName, otherThan(*in.FilterName), func() error {
		return a.cfg.Filters.Put(g, *in.FilterName, a.cfg.Clock.Now().UnixMilli(), v, a.cfg.Positions.Next, func(others int) error {
			if most := a.cfg.FiltersPerGroup; most > 0 && others >= most {
				return awsapi.ErrLimitExceeded
			}
			return nil
		})
	})
	return nil, answer(err, awsapi.ErrLogGroupNotFound)
}

func (in *putMetricFilterInput) version() catalog.MetricFilterVersion {
	t := in.MetricTransformations[0]
	v := catalog.MetricFilterVersion{
		Pattern: *in.FilterPattern, ApplyOnTransformedLogs: in.ApplyOnTransformedLogs,
		EmitSystemFieldDimensions: in.EmitSystemFieldDimensions,
		Transformation: catalog.MetricTransformation{
			Name: t.MetricName, Namespace: t.MetricNamespace, Value: t.MetricValue,
			DefaultValue: t.DefaultValue, Dimensions: t.Dimensions,
		},
	}
	if t.Unit != nil {
		v.Transformation.Unit = *t.Unit
	}
	if in.FieldSelectionCriteria != nil {
		v.FieldSelectionCriteria = *in.FieldSelectionCriteria
	}
	return v
}

// refused is what a client hears of a filter that does not compile.
func refused(err error) error {
	var p *pattern.Error
	if errors.As(err, &p) && !utf8.ValidString(p.Message) {
		return awsapi.InvalidParameter("Invalid metric filter")
	}
	if errors.As(err, &p) {
		return &awsapi.Error{Code: awsapi.CodeInvalidParameter, Message: p.Message}
	}
	return &awsapi.Error{Code: awsapi.CodeInvalidParameter, Message: err.Error()}
}

// forget drops ended versions that nothing will be matched by again.
func (a *MetricAPI) forget() error {
	if a.cfg.Passed == nil {
		return nil
	}
	return a.cfg.Filters.Forget(a.cfg.Positions.Next, a.cfg.Passed)
}
