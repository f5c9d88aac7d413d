package app

import "sluice/filter"

// filtersPerGroup is how many subscription filters a log group may have, 0 for any
// number.
func (a *App) filtersPerGroup() int {
	if n := a.cfg.SubscriptionFiltersPerLogGroup; n > 0 {
		return n
	}
	return a.quota(filter.AWSFiltersPerGroup)
}
