package bench

import (
	"encoding/json"
	"os"
)

// manifestRecords is how many records a manifest says are done; not ok is one
// that is still being written, as a gateway may show it.
func manifestRecords(file string) (records int64, ok bool, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false, err
	}
	var m struct{ Records int64 }
	if json.Unmarshal(text, &m) != nil {
		return 0, false, nil
	}
	return m.Records, true, nil
}
