package app

import (
	"context"
	"errors"

	"sluice/internal/awsapi"
)

// room is a part of the process that runs from the start to the stop.
type room struct {
	name string
	run  func(context.Context) error
}

// add takes in a room that has nothing to do with the order in which the log's
// own readers stop, and its operations.
func (a *App) add(r room, ops ...awsapi.Operation) {
	a.rooms = append(a.rooms, r)
	a.operations = append(a.operations, ops...)
}

// startMore starts the rooms that add took; stop ends them, the last one first.
func (a *App) startMore(failed chan<- error) (stop func() error) {
	stops := make([]func() error, len(a.rooms))
	for i, r := range a.rooms {
		stops[i] = start(r.name, r.run, failed)
	}
	return func() error {
		var errs []error
		for i := range stops {
			errs = append(errs, stops[len(stops)-1-i]())
		}
		return errors.Join(errs...)
	}
}
