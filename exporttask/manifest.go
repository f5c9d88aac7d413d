package exporttask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"sluice/internal/objput"
)

// manifest is the document that a finished task leaves.
type manifest struct {
	Version  int      `json:"version"`
	TaskID   string   `json:"taskId"`
	LogGroup string   `json:"logGroup"`
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	Below    []uint64 `json:"below"` // the positions that were durable at creation
	After    []uint64 `json:"after,omitempty"`
	Options  Options  `json:"options"`
	Records  int64    `json:"records"`
	Bytes    int64    `json:"bytes"`
	Objects  []object `json:"objects"`
}

func manifestKey(id string) string { return "_sluice/export/" + id + ".json" }

func (j *job) putManifest(ctx context.Context) error {
	m := manifest{
		Version: 1, TaskID: j.task.ID, LogGroup: j.task.LogGroup, From: j.task.From, To: j.task.To,
		Below: j.task.Below, After: j.task.After, Options: j.task.Options, Objects: j.journal.sorted(),
	}
	for _, o := range m.Objects {
		m.Records += o.Records
		m.Bytes += o.Bytes
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return &permanentError{err}
	}
	err = j.room.cfg.Objects.PutIfAbsent(ctx, j.task.Bucket, manifestKey(j.task.ID), objput.Object{
		Body: bytes.NewReader(text), Size: int64(len(text)), ContentType: "application/json",
	})
	if errors.Is(err, objput.ErrExists) {
		return nil
	}
	return err
}
