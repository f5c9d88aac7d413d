package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// appendQuarantined appends one event that was refused, as a line of JSON. The
// invocation id and the index name it: after a crash an event may stand there
// twice, with the same two.
func appendQuarantined(dst []byte, b *batch, i int, why string) []byte {
	head := fmt.Sprintf(`{"invocation":%q,"index":%d,"logStream":%s,"reason":%s,"event":`, b.invocation, i, quoted(b.stream), quoted(why))
	dst = append(append(dst, head...), b.event(i)...)
	return append(dst, "}\n"...)
}

func quoted(text string) []byte {
	q, _ := json.Marshal(text) // a string has a JSON form
	return q
}

// quarantine appends lines to a file, durably.
func quarantine(path string, lines []byte) error {
	if path == "" || len(lines) == 0 {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	_, err = file.Write(lines)
	return errors.Join(err, file.Sync(), file.Close())
}
