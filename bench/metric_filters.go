package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// metricFilters are n metric filters of a kind: terms, json (over ten paths of
// the application logs) or mixed, half of each. The first of each often matches.
func metricFilters(kind string, n int) (patterns []string) {
	words := []string{"ERROR", "timeout", "refused", "panic", "deadline", "denied", "rollback", "throttled", "corrupt", "retry"}
	for i := range n {
		if kind == "terms" || kind == "mixed" && i%2 == 1 {
			text := words[i%len(words)]
			if i >= len(words) {
				text += strconv.Itoa(i)
			}
			patterns = append(patterns, text)
			continue
		}
		patterns = append(patterns, [...]string{
			fmt.Sprintf(`{ $.status >= %d }`, 400+i),
			fmt.Sprintf(`{ $.latency_ms > %d.5 && $.status >= 500 }`, 10*i),
			fmt.Sprintf(`{ $.level = "ERROR" && $.bytes > %d }`, 100*i),
			fmt.Sprintf(`{ $.method = "GET" && $.path = "/v1/%d*" }`, i),
			fmt.Sprintf(`{ $.service = "checkout-%d" || $.region = "eu-%d" }`, i, i),
		}[i%5])
	}
	return patterns
}

// parseMetricFilters reads KIND:NUMBER; "" is none.
func parseMetricFilters(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	kind, number, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 1000 || kind != "terms" && kind != "json" && kind != "mixed" {
		return nil, fmt.Errorf("metric filters %q: want terms:N, json:N or mixed:N with 1 to 1000", text)
	}
	return metricFilters(kind, n), nil
}
