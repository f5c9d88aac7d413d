package app

import "sluice/internal/obs"

// FilterVersions is how many versions of subscription filters are kept.
func (a *App) FilterVersions() int { return len(a.catalog.FilterVersions()) }

// Families are the metrics of a process.
func (a *App) Families() []obs.Family { return a.registry.Families() }
