package alarms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/monitoring/actions"
	"sluice/internal/monitoring/alarms/evaluation"
	"sluice/internal/wal"
)

// Slots reads metrics.
type Slots interface {
	// Slots fills slot i with the statistic of [first + i periods, + one period).
	// Slots come zeroed but for At. Values are finite numbers.
	Slots(s catalog.Scope, m Metric, statistic string, period time.Duration, first time.Time, slots []evaluation.Slot) error
}

// Journal is shard 0 of the log.
type Journal interface {
	Enqueue(ctx context.Context, t wal.Type, key uint64, payload ...[]byte) (uint64, error)
	WaitDurable(ctx context.Context, seq uint64) error
}

// Config of the alarms. Every field but RetryFor is needed.
type Config struct {
	Definitions *catalog.Table[Definition]
	UID         func() (uint64, error) // of a new alarm, never given before
	State       *State                 // that follows Journal
	Journal     Journal
	Metrics     Slots
	Topics      *actions.Topics
	Clock       clock.Event
	Logger      *slog.Logger
	// RetryFor is how long an action is tried before it is recorded as failed.
	// Default 1 h.
	RetryFor time.Duration
}

// Room is the alarms of a process. Make it with New, and Run it.
type Room struct {
	cfg Config

	changing [64]sync.Mutex // by uid: one change of an alarm's state at a time

	mu      sync.Mutex // guards all below
	wheel   wheel
	at      int64        // s: what is due up to here was evaluated
	started int64        // s: when Run began; the engine alone reads it
	timer   *clock.Timer // of the engine, nil while it does not run
	turning bool         // the engine evaluates and arms the timer by itself
	lanes   map[laneKey]*lane
	serving *serving // nil while Run does not run
}

// New checks the configuration and starts nothing.
func New(cfg Config) (*Room, error) {
	if cfg.Definitions == nil || cfg.UID == nil || cfg.State == nil || cfg.Journal == nil || cfg.Metrics == nil || cfg.Topics == nil || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("alarms: a field of Config is missing")
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = time.Hour
	}
	r := &Room{cfg: cfg, lanes: map[laneKey]*lane{}}
	r.wheel.init()
	cfg.Definitions.All(func(s catalog.Scope, _ string, d Definition) { r.wheel.set(s, d) })
	return r, nil
}

// Operations are the operations on alarms.
func (r *Room) Operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Multi(awsapi.CloudWatch, "PutMetricAlarm", r.putMetricAlarm),
		awsapi.Multi(awsapi.CloudWatch, "PutCompositeAlarm", putCompositeAlarm),
		awsapi.Multi(awsapi.CloudWatch, "DescribeAlarms", r.describeAlarms),
		awsapi.Multi(awsapi.CloudWatch, "DescribeAlarmsForMetric", r.describeAlarmsForMetric),
		awsapi.Multi(awsapi.CloudWatch, "DescribeAlarmHistory", r.describeAlarmHistory),
		awsapi.Multi(awsapi.CloudWatch, "DeleteAlarms", r.deleteAlarms),
		awsapi.Multi(awsapi.CloudWatch, "EnableAlarmActions", r.enableAlarmActions),
		awsapi.Multi(awsapi.CloudWatch, "DisableAlarmActions", r.disableAlarmActions),
		awsapi.Multi(awsapi.CloudWatch, "SetAlarmState", r.setAlarmState),
		awsapi.Multi(awsapi.CloudWatch, "TagResource", r.tagResource),
		awsapi.Multi(awsapi.CloudWatch, "UntagResource", r.untagResource),
		awsapi.Multi(awsapi.CloudWatch, "ListTagsForResource", r.listTagsForResource),
	}
}

// Counts are how many alarms are in each state.
func (r *Room) Counts() map[evaluation.State]int {
	counts := map[evaluation.State]int{evaluation.OK: 0, evaluation.Alarm: 0, evaluation.InsufficientData: 0}
	r.cfg.Definitions.All(func(_ catalog.Scope, _ string, d Definition) { counts[r.cfg.State.of(&d).State]++ })
	return counts
}

// Pending is the number of actions that are not done.
func (r *Room) Pending() int { return len(r.cfg.State.outbox()) }

func (r *Room) nowMS() int64 { return r.cfg.Clock.Now().UnixMilli() }

// lock makes the caller the only one who changes an alarm's state.
func (r *Room) lock(uid uint64) (unlock func()) {
	m := &r.changing[uid%uint64(len(r.changing))]
	m.Lock()
	return m.Unlock
}

// write puts a record into the log and waits until it is durable.
func (r *Room) write(ctx context.Context, uid uint64, rec *record) error {
	seq, err := r.enqueue(ctx, uid, rec)
	if err == nil {
		err = r.cfg.Journal.WaitDurable(ctx, seq)
	}
	return err
}

func (r *Room) enqueue(ctx context.Context, uid uint64, rec *record) (uint64, error) {
	seq, err := r.cfg.Journal.Enqueue(ctx, wal.TypeAlarm, uid, rec.append(nil))
	if err != nil {
		return 0, fmt.Errorf("log alarm %s: %w", rec.name, err)
	}
	return seq, nil
}

func utc(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
