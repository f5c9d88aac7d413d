package metrics

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// GetMetricData answers for statistics of several metrics.
//
// Behaviour: one result for each query that has ReturnData, newest values first
// unless ScanBy says otherwise. A query without a label gets the metric's name,
// with statistic and period where these tell queries of one name apart. Without
// a unit, samples of all units are one.
//
// Limits: 500 queries; 100,800 datapoints an answer, further ones by NextToken.
//
// Deviations: metric math is refused by the query's id. AccountId is ignored.

type getMetricDataInput struct {
	MetricDataQueries  []metricDataQuery
	StartTime, EndTime awsapi.Timestamp
	NextToken          string
	ScanBy             string
	MaxDatapoints      *int64
}

type metricDataQuery struct {
	ID         string `json:"Id"`
	MetricStat *metricStat
	Expression string
	Label      string
	ReturnData *bool
}

type metricStat struct {
	Metric struct {
		Namespace, MetricName string
		Dimensions            []dimension
	}
	Period int64
	Stat   string
	Unit   string
}

type getMetricDataOutput struct {
	Messages          []messageDatum
	MetricDataResults []metricDataResult
	NextToken         string `json:",omitzero"`
}

type messageDatum struct{ Code, Value string }

type metricDataResult struct {
	ID         string `json:"Id"`
	Label      string
	StatusCode string
	Timestamps []awsapi.Timestamp
	Values     []float64
}

const (
	maxQueries   = 500
	maxPageOfAll = 100_800

	scanDescending = "TimestampDescending"
	scanAscending  = "TimestampAscending"
)

func (in *getMetricDataInput) validate() error {
	if err := checkRange(in.StartTime, in.EndTime); err != nil {
		return err
	}
	if len(in.MetricDataQueries) == 0 {
		return missing("MetricDataQueries")
	}
	if len(in.MetricDataQueries) > maxQueries {
		return invalidValue("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	if in.ScanBy != "" && in.ScanBy != scanAscending && in.ScanBy != scanDescending {
		return invalidValue("The parameter ScanBy must be a value in the set [ %s, %s ].", scanDescending, scanAscending)
	}
	if n := in.MaxDatapoints; n != nil && *n < 1 {
		return invalidValue("The parameter MaxDatapoints must be greater than or equal to 1.")
	}
	seen := map[string]bool{}
	for i, q := range in.MetricDataQueries {
		if err := q.validate("MetricDataQueries.member." + strconv.Itoa(i+1)); err != nil {
			return err
		}
		if seen[q.ID] {
			return awsapi.ValidationException("The values for parameter id in MetricDataQueries are not unique.")
		}
		seen[q.ID] = true
	}
	return nil
}

func (q *metricDataQuery) validate(at string) error {
	if !validQueryID(q.ID) {
		return awsapi.ValidationException("The value %s for parameter %s.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", q.ID, at)
	}
	if q.Expression != "" {
		return awsapi.ValidationException("Metric math is not supported: the query with Id %q has the Expression %q", q.ID, q.Expression)
	}
	if q.MetricStat == nil {
		return missing(at + ".MetricStat")
	}
	m := q.MetricStat
	at += ".MetricStat"
	if m.Metric.Namespace == "" || m.Metric.MetricName == "" {
		return missing(at + ".Metric")
	}
	if _, err := dimensionsOf(at+".Metric.Dimensions", m.Metric.Dimensions); err != nil {
		return err
	}
	if _, err := ParseStatistic(m.Stat); err != nil {
		return invalidValue("The value %s for parameter %s.Stat is not supported.", m.Stat, at)
	}
	if err := checkPeriod(at+".Period", m.Period); err != nil {
		return err
	}
	return checkUnit(at+".Unit", m.Unit)
}

func validQueryID(id string) bool {
	for i, r := range id {
		letter := r >= 'a' && r <= 'z' || i > 0 && (r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
		if !letter {
			return false
		}
	}
	return id != "" && len(id) <= maxNameLength
}

func (s *Store) getMetricData(_ context.Context, c awsapi.Caller, in *getMetricDataInput) (*getMetricDataOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	skip, err := parseOffset(in.NextToken)
	if err != nil {
		return nil, err
	}
	room := maxPageOfAll
	if in.MaxDatapoints != nil {
		room = int(min(*in.MaxDatapoints, maxPageOfAll))
	}
	out := &getMetricDataOutput{Messages: []messageDatum{}, MetricDataResults: []metricDataResult{}}
	offset, more := skip, false
	for i, q := range in.MetricDataQueries {
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		r, err := s.result(scopeOf(c), in, q)
		if err != nil {
			return nil, apiError(err)
		}
		r.Label = labelOf(in.MetricDataQueries, i)
		cut := min(skip, len(r.Values))
		end := min(len(r.Values), cut+room)
		skip -= cut
		room -= end - cut
		offset += end - cut
		if end < len(r.Values) {
			r.StatusCode, more = "PartialData", true
		}
		r.Timestamps, r.Values = r.Timestamps[cut:end], r.Values[cut:end]
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	if more {
		out.NextToken = offsetToken(offset)
	}
	return out, nil
}

// result answers one query.
func (s *Store) result(scope catalog.Scope, in *getMetricDataInput, q metricDataQuery) (metricDataResult, error) {
	r := metricDataResult{ID: q.ID, StatusCode: "Complete", Timestamps: []awsapi.Timestamp{}, Values: []float64{}}
	stat := q.MetricStat
	statistic, err := ParseStatistic(stat.Stat)
	if err != nil {
		return r, err
	}
	m := Metric{Namespace: stat.Metric.Namespace, Name: stat.Metric.MetricName, Unit: stat.Unit}
	for _, d := range stat.Metric.Dimensions {
		m.Dimensions = append(m.Dimensions, Dimension(d))
	}
	slots, err := s.slots(scope, m, time.Duration(stat.Period)*time.Second, s.roundStart(in.StartTime.Time, stat.Period), in.EndTime.Time)
	if err != nil {
		return r, err
	}
	slots = mergeUnits(slots)
	if in.ScanBy != scanAscending {
		slices.Reverse(slots)
	}
	for i := range slots {
		if v, ok := statistic.of(&slots[i].digest); ok {
			r.Timestamps = append(r.Timestamps, awsapi.Timestamp{Time: time.Unix(slots[i].start, 0).UTC()})
			r.Values = append(r.Values, v)
		}
	}
	return r, nil
}

// mergeUnits makes one slot of those of one period.
func mergeUnits(slots []slot) []slot {
	merged := slots[:0]
	for i := range slots {
		if n := len(merged); n > 0 && merged[n-1].start == slots[i].start {
			merged[n-1].digest.merge(&slots[i].digest)
		} else {
			merged = append(merged, slots[i])
		}
	}
	return merged
}

// labelOf is the label of a query.
func labelOf(queries []metricDataQuery, i int) string {
	q := queries[i]
	if q.Label != "" {
		return q.Label
	}
	label, mine := q.MetricStat.Metric.MetricName, q.MetricStat
	var stats, periods bool
	for _, other := range queries {
		if m := other.MetricStat; m.Metric.MetricName == label {
			stats = stats || m.Stat != mine.Stat
			periods = periods || m.Period != mine.Period
		}
	}
	if stats {
		label += " " + mine.Stat
	}
	if periods {
		label += " " + strconv.FormatInt(mine.Period, 10)
	}
	return label
}

// offsetToken and parseOffset make tokens of how much was answered before.
func offsetToken(offset int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "offset:%d", offset))
}

func parseOffset(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	text, ok := strings.CutPrefix(string(b), "offset:")
	n, parseErr := strconv.Atoi(text)
	if err != nil || !ok || parseErr != nil || n < 0 {
		return 0, &awsapi.Error{Code: codeInvalidNext, Message: "The NextToken is invalid."}
	}
	return n, nil
}
