package replay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// note says how far an object was replayed into a delivery stream with a filter.
type note struct {
	Stream string `json:"stream"`
	Filter string `json:"filter"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Lines  int64  `json:"lines"` // of the object, that are done
	Done   bool   `json:"done"`
}

func (n note) id() string {
	b, _ := json.Marshal([]string{n.Stream, n.Filter, n.Bucket, n.Key}) // strings always encode
	return string(b)
}

// Journal is the notes of all runs. It belongs to one goroutine.
type Journal struct {
	file  *os.File
	notes map[string]note
}

// OpenJournal reads the notes at a path, and makes the file if need be. A last
// line that a crash tore is cut off.
func OpenJournal(name string) (*Journal, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open notes of replays: %w", err)
	}
	j := &Journal{file: file, notes: map[string]note{}}
	if err := j.load(); err != nil {
		return nil, fmt.Errorf("read notes of replays %s: %w", name, errors.Join(err, file.Close()))
	}
	return j, nil
}

func (j *Journal) load() error {
	r, whole := bufio.NewReader(j.file), int64(0)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		var n note
		if err := json.Unmarshal(line, &n); err != nil {
			return err
		}
		j.notes[n.id()] = n
		whole += int64(len(line))
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}

// write makes a note durable.
func (j *Journal) write(n note) error {
	b, err := json.Marshal(n)
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write note of a replay: %w", err)
	}
	j.notes[n.id()] = n
	return nil
}

// Close ends the journal.
func (j *Journal) Close() error { return j.file.Close() }
