package logsapi

import (
	"slices"
	"strconv"

	"sluice/internal/awsapi"
)

// retentionDays are the periods that the API takes.
var retentionDays = []int64{
	1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827,
	2192, 2557, 2922, 3288, 3653,
}

func checkRetention(v *awsapi.Validation, days int64) {
	if slices.Contains(retentionDays, days) {
		return
	}
	words := make([]string, len(retentionDays))
	for i, d := range retentionDays {
		words[i] = strconv.FormatInt(d, 10)
	}
	v.Enum("retentionInDays", strconv.FormatInt(days, 10), words...)
}
