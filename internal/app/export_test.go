package app

// FilterVersions is how many versions of subscription filters are kept.
func (a *App) FilterVersions() int { return len(a.catalog.FilterVersions()) }
