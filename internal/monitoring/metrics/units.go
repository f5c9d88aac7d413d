package metrics

import "slices"

// Units are the units that CloudWatch knows.
var Units = []string{
	"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
	"Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count",
	"Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second",
	"Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
}

// unitEndings are the units as they end keys.
var unitEndings = func() (all []string) {
	for _, u := range Units {
		all = append(all, string(appendText(nil, u)))
	}
	return all
}()

// NoUnit is the unit of what was given none.
const NoUnit = "None"

// ValidUnit tells whether CloudWatch knows a unit.
func ValidUnit(u string) bool { return slices.Contains(Units, u) }
