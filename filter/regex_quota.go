package filter

import (
	"sync"

	"sluice/filter/pattern"
	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// AWSRegexFiltersPerGroup is how many filters with regular expressions AWS takes
// for a log group, metric and subscription filters together.
const AWSRegexFiltersPerGroup = 5

// RegexQuota bounds them. A nil one does not.
type RegexQuota struct {
	Most          int
	Subscriptions *catalog.Catalog
	Metrics       *catalog.MetricFilterTable

	mu sync.Mutex // held from the count to the change, so that two changes do not pass one place
}

// change makes a change that puts a filter of this pattern, unless the other
// filters of its group leave no place for one more regular expression. kept tells
// whether a filter stays beside it.
func (q *RegexQuota) change(g catalog.LogGroup, text string, keptSubscription, keptMetric func(name string) bool, put func() error) error {
	if q == nil || q.Most <= 0 || !hasRegex(text) {
		return put()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	others := 0
	for _, f := range q.Subscriptions.SubscriptionFilters(g.UID) {
		if keptSubscription(f.Name) && hasRegex(f.Pattern) {
			others++
		}
	}
	for _, f := range q.Metrics.List(g) {
		if keptMetric(f.Name) && hasRegex(f.InForce().Pattern) {
			others++
		}
	}
	if others >= q.Most {
		return awsapi.ErrLimitExceeded
	}
	return put()
}

func hasRegex(text string) bool {
	p, err := pattern.Compile(text)
	return err == nil && p.HasRegex()
}

func anyName(string) bool { return true }

func otherThan(name string) func(string) bool {
	return func(other string) bool { return other != name }
}
