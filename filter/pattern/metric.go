package pattern

import (
	"math"
	"strconv"
)

// MetricValue is the compiled metricValue of a metric transformation: a number,
// or a selector that finds one in each matched message.
type MetricValue struct {
	Number   float64
	Selector *Selector // nil: Number counts
}

// maxDimensions is AWS's limit, system-field dimensions included.
const maxDimensions = 3

// CompileMetricValue parses a metricValue for this pattern. The error is an
// *Error with AWS's text.
func (p *Pattern) CompileMetricValue(text string) (MetricValue, error) {
	if len(text) > 0 && text[0] == '$' {
		sel, err := CompileSelector(text, p.form)
		if err == nil {
			return MetricValue{Selector: sel}, nil
		}
		return MetricValue{}, metricValueError(text)
	}
	if _, ok := numberShape([]byte(text)); ok {
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return MetricValue{Number: f}, nil
		}
	}
	return MetricValue{}, metricValueError(text)
}

func metricValueError(text string) *Error {
	return &Error{CodeTransformation, "Invalid metric transformation: metric value " + text + " must be a valid number", 0}
}

// CompileDimensions parses the values of a metric transformation's dimensions.
// systemFields is how many @aws. dimensions stand beside them, hasDefault
// whether defaultValue is set. The error is an *Error with AWS's text where
// that is known.
func (p *Pattern) CompileDimensions(values []string, systemFields int, hasDefault bool) ([]*Selector, error) {
	if len(values)+systemFields > maxDimensions {
		return nil, &Error{CodeTransformation, "Invalid metric transformation: at most " + strconv.Itoa(maxDimensions) + " dimensions are allowed", 0}
	}
	if len(values) == 0 {
		return nil, nil
	}
	if hasDefault {
		return nil, &Error{CodeTransformation, "Invalid metric transformation: dimensions and default value are mutually exclusive properties", 0}
	}
	if p.form != JSON && p.form != Space {
		return nil, &Error{CodeTransformation, "The specified filter pattern does not support dimensions", 0}
	}
	selectors := make([]*Selector, 0, len(values))
	for _, value := range values {
		sel, err := CompileSelector(value, p.form)
		if err != nil {
			return nil, &Error{CodeTransformation, "Invalid metric transformation: dimension value must be valid selector", err.(*Error).Offset}
		}
		selectors = append(selectors, sel)
	}
	return selectors, nil
}
