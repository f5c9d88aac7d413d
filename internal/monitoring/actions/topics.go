package actions

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Notification is one action of one transition of an alarm.
type Notification struct {
	ID      string    // stable: every attempt has the same one, also after a crash
	ARN     string    // the action, as the alarm names it
	Subject string    // ALARM: "name" in US East (N. Virginia)
	Message string    // SNS's JSON about the transition
	At      time.Time // of the transition

	Account, Region                  string
	AlarmName, AlarmARN, Description string
	State, Reason                    string
	Labels                           map[string]string // the metric: namespace, metric, dimensions
}

// Target is one place that notifications go to.
type Target interface {
	// Send returns once the target has the notification.
	Send(ctx context.Context, n Notification) error
	// String says in an error which target it was.
	String() string
}

// ErrNoTarget says that the configuration maps an ARN to nothing, so that no
// later attempt can succeed either.
var ErrNoTarget = errors.New("no target is configured for it under topics")

// Topics maps the ARNs of actions to targets. It never changes.
type Topics struct{ targets map[string][]Target }

// NewTopics takes the map over.
func NewTopics(targets map[string][]Target) *Topics { return &Topics{targets} }

// Len is the number of ARNs with targets.
func (t *Topics) Len() int { return len(t.targets) }

// Begin prepares a notification's delivery to all targets of its ARN.
func (t *Topics) Begin(n Notification) *Delivery {
	return &Delivery{notification: n, left: t.targets[n.ARN], none: len(t.targets[n.ARN]) == 0}
}

// Delivery is a notification on its way. It belongs to one goroutine.
type Delivery struct {
	notification Notification
	left         []Target // not reached yet
	none         bool
}

// Attempt sends to every target that was not reached yet. Nil means that all
// were.
func (d *Delivery) Attempt(ctx context.Context) error {
	if d.none {
		return fmt.Errorf("%s: %w", d.notification.ARN, ErrNoTarget)
	}
	var left []Target
	var errs []error
	for _, target := range d.left {
		if err := target.Send(ctx, d.notification); err != nil {
			left = append(left, target)
			errs = append(errs, fmt.Errorf("notify %s: %w", target, err))
		}
	}
	d.left = left
	return errors.Join(errs...)
}
