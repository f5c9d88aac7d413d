package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"
)

// restore takes up where the last agent ended.
func (a *Agent) restore() error {
	state, err := a.folder.load()
	if err != nil {
		return err
	}
	if state == nil {
		a.first = true
		return nil
	}
	if state.LogGroupName != a.cfg.LogGroupName {
		return fmt.Errorf("the state in %s is that of log group %s: give another --state", a.cfg.StateFolder, state.LogGroupName)
	}
	made, err := state.Shape.compile() // that the pending batches were made with
	if err != nil {
		return err
	}
	for _, s := range state.Files {
		f := &file{id: s.File, path: s.Path, origin: s.Origin, stream: s.Stream, mark: s.Mark, acked: s.Mark, size: s.Size}
		if s.Gone != 0 {
			f.gone = time.UnixMilli(s.Gone)
		}
		a.files[f.id] = f
		a.order = append(a.order, f)
	}
	for i := range state.Pending {
		a.recoverBatch(&state.Pending[i], made)
	}
	return nil
}

// recoverBatch makes a batch again that may have been stored or not. Where its
// text is gone, its files are read again from their acknowledged marks.
func (a *Agent) recoverBatch(p *Pending, made *shape) {
	b, err := rebuild(p, made, a.cfg.LogGroupName, a.rangeText)
	if err != nil {
		a.counts.doubtful.Add(1)
		a.log.Warn("a batch that was under way cannot be sent again as it was; what is left of its files is sent as new events",
			"logStream", p.Stream, "invocation", p.Invocation, "error", err)
		return
	}
	a.buffered += len(b.body)
	s := a.stream(p.Stream)
	s.recover = append(s.recover, b)
	for i := range b.ranges {
		if f := a.files[b.ranges[i].File]; f != nil {
			f.mark = b.ranges[i].After
			f.outstanding++
		}
	}
}

// rangeText finds the text of a range: in its file, wherever that is by now, or
// in a copy of it.
func (a *Agent) rangeText(r *Range) ([]byte, error) {
	if r.End < r.Start || r.End-r.Start > 64<<20 {
		return nil, errors.New("no range")
	}
	text, err := readRange(r.Path, r)
	if err == nil {
		return text, nil
	}
	for _, at := range a.siblings(r.Path) {
		if text, err := readRange(at.path, r); err == nil {
			return text, nil
		}
	}
	return nil, err
}

func readRange(path string, r *Range) ([]byte, error) {
	fd, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer fd.Close()
	text := make([]byte, r.End-r.Start)
	if _, err := fd.ReadAt(text, r.Start); err != nil && err != io.EOF {
		return nil, err
	}
	if xxhash.Sum64(text) != r.Sum {
		return nil, errors.New("the text is not there any more")
	}
	return text, nil
}

// save writes the state: every file's acknowledged mark, every batch under way.
func (a *Agent) save() error {
	s := State{Version: stateVersion, LogGroupName: a.cfg.LogGroupName, Shape: a.shape.Shape,
		Files: make([]FileState, 0, len(a.order)), Pending: []Pending{}}
	for _, f := range a.order {
		s.Files = append(s.Files, f.state())
	}
	for _, lane := range a.lanes {
		if lane.flight != nil {
			s.Pending = append(s.Pending, lane.flight.pending())
		}
		for _, b := range lane.recover {
			s.Pending = append(s.Pending, b.pending())
		}
	}
	if err := a.folder.save(&s); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	a.dirty, a.saved = false, time.Now()
	return a.hook("saved")
}

func (b *batch) pending() Pending {
	return Pending{Stream: b.stream, Invocation: b.invocation, Sum: b.sealed, Ranges: b.ranges}
}
