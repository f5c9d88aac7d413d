package metrics

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/wal"
)

// Operations lists the operations for awsapi.New.
func (s *Store) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Multi(awsapi.CloudWatch, "PutMetricData", s.putMetricData),
		awsapi.Multi(awsapi.CloudWatch, "GetMetricData", s.getMetricData),
		awsapi.Multi(awsapi.CloudWatch, "GetMetricStatistics", s.getMetricStatistics),
		awsapi.Multi(awsapi.CloudWatch, "ListMetrics", s.listMetrics),
	}
}

// none is the answer of an operation without output.
type none struct{}

// dimension is a dimension as the API has it.
type dimension struct{ Name, Value string }

func scopeOf(c awsapi.Caller) catalog.Scope {
	return catalog.Scope{Account: c.Account, Region: c.Region}
}

const (
	codeValue       = "InvalidParameterValueException"
	codeCombination = "InvalidParameterCombinationException"
	codeMissing     = "MissingRequiredParameterException"
	codeInvalidNext = "InvalidNextToken"
)

func invalidValue(format string, args ...any) *awsapi.Error {
	return &awsapi.Error{Code: codeValue, Message: fmt.Sprintf(format, args...)}
}

func invalidCombination(format string, args ...any) *awsapi.Error {
	return &awsapi.Error{Code: codeCombination, Message: fmt.Sprintf(format, args...)}
}

func missing(parameter string) *awsapi.Error {
	return &awsapi.Error{Code: codeMissing, Message: "The parameter " + parameter + " is required."}
}

const (
	maxNameLength = 255
	maxDimensionN = 30
)

// checkName refuses a namespace or a metric's name that is missing or too long.
func checkName(parameter, name string) error {
	switch {
	case name == "":
		return missing(parameter)
	case utf8.RuneCountInString(name) > maxNameLength:
		return invalidValue("The parameter %s must be shorter than or equal to %d characters.", parameter, maxNameLength)
	}
	return nil
}

// dimensionsOf checks dimensions and returns them.
func dimensionsOf(parameter string, given []dimension) ([]Dimension, error) {
	if len(given) > maxDimensionN {
		return nil, invalidValue("The collection %s must not have a size greater than %d.", parameter, maxDimensionN)
	}
	var dims []Dimension
	for i, d := range given {
		at := parameter + ".member." + strconv.Itoa(i+1)
		if d.Name == "" {
			return nil, missing(at + ".Name")
		}
		if d.Value == "" {
			return nil, missing(at + ".Value")
		}
		if len(d.Name) > maxNameLength || len(d.Value) > 4*1024 {
			return nil, invalidValue("The parameter %s is too long.", at)
		}
		dims = append(dims, Dimension(d))
	}
	return dims, nil
}

// checkUnit takes the units of CloudWatch and none.
func checkUnit(parameter, unit string) error {
	if unit != "" && !ValidUnit(unit) {
		return invalidValue("The parameter %s must be a value in the set [ %s ].", parameter, unitSet)
	}
	return nil
}

var unitSet = func() string {
	text := ""
	for i, u := range Units {
		if i > 0 {
			text += ", "
		}
		text += u
	}
	return text
}()

// checkPeriod takes the periods that CloudWatch has.
func checkPeriod(parameter string, period int64) error {
	switch {
	case period == 1, period == 5, period == 10, period == 20, period == 30, period > 0 && period%60 == 0 && period <= 365*secondsPerDay:
		return nil
	case period == 0:
		return missing(parameter)
	}
	return invalidValue("The parameter %s must be 1, 5, 10, 20, 30, or a multiple of 60.", parameter)
}

func checkRange(from, to awsapi.Timestamp) error {
	switch {
	case from.IsZero():
		return missing("StartTime")
	case to.IsZero():
		return missing("EndTime")
	case !from.Before(to.Time):
		return invalidValue("The parameter StartTime must be less than the parameter EndTime.")
	}
	return nil
}

// roundStart is where the first period of an answer begins: as CloudWatch rounds
// the start of a query.
func (s *Store) roundStart(from time.Time, period int64) time.Time {
	unit := int64(resMinute)
	switch age := s.cfg.Clock.Now().Unix() - from.Unix(); {
	case keptAt(age) > resMinute:
		unit = keptAt(age)
	case period < resMinute:
		unit = period
	}
	return time.Unix(floor(from.Unix(), unit), 0).UTC()
}

// apiError maps what the store says to AWS's words.
func apiError(err error) error {
	switch {
	case err == nil || awsapi.CodeOf(err) != "":
		return err
	case errors.Is(err, ErrStatistic):
		return invalidValue("%s", err)
	case errors.Is(err, wal.ErrReadOnly), errors.Is(err, wal.ErrClosed), errors.Is(err, wal.ErrNoSegment):
		return fmt.Errorf("%w: %w", awsapi.ErrServiceUnavailable, err)
	}
	return err
}
