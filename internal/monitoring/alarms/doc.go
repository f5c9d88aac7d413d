// Package alarms is CloudWatch's alarms: their operations, the engine that
// evaluates them on the event clock, their history, and the outbox of their
// actions.
//
// What enters: PutMetricAlarm and its sisters, and the slots of metrics. What
// leaves: states that DescribeAlarms shows, history, and notifications that
// package actions takes to their targets.
//
// # Evaluation
//
// One timer serves all alarms. An alarm with a period of a minute or more is
// evaluated once a minute, one with 10, 20 or 30 s every 10 s, each at a second
// of its own (from 2 on, so that samples of the slot before are in), so that the
// work is spread. A slot is a whole period; the newest one ends with the last
// whole minute, or the last whole ten seconds, so that the slots of a
// five-minute alarm slide by a minute, as CloudWatch's do. What is due is
// evaluated in order, and as of the instant at which it was due, however far the
// clock jumped: a test clock that is moved by an hour sees every transition of
// that hour. Package evaluation holds the rules.
//
// # What survives a crash
//
// Definitions are rows of the catalog. Everything else is frames of type Alarm in
// shard 0 of the log, folded into a State (state.go). A transition and the
// actions it asks for are one frame, so neither happens without the other. An
// action is tried until it succeeds or an hour has passed, and then a frame says
// so; only the first such frame counts, so the history holds an action once,
// while its target may see it again after a crash, under the same id. A mark once
// a minute says how far alarms are evaluated, and a process that starts again
// goes on from there: what it finds in the metrics of the time before is not
// missed, and an instant before an alarm's last transition is not evaluated
// again.
//
//	frame, key = the alarm's uid (0 for a mark); numbers little-endian, lengths
//	and counts uvarints, a text is its length and its bytes:
//
//	 0      1        9
//	+------+--------+---------+--------+------+----------------------------+
//	| kind | at, ms | account | region | name | by kind                    |
//	| 1    | 8      | text    | text   | text |                            |
//	+------+--------+---------+--------+------+----------------------------+
//	1 configuration  change 1 | JSON text
//	2 transition     from 1 | to 1 | transitioned ms 8 | old reason text |
//	                 old reason's JSON text | reason text | its JSON text |
//	                 subject text | message text | n | n x (ARN text | id text)
//	3 action         transition's sequence 8 | which of its actions 1 |
//	                 failed 1 | its ARN text | its id text | error text
//	4 mark           nothing
//
// # Why history lies in the State
//
// A snapshot of the State is the frames that still count, as they were written,
// copied and not encoded anew, some 600 bytes each. History is bounded: 14 days,
// 100 items an alarm, and a budget of bytes for all alarms (Limits), of which the
// oldest goes first. With the default of 8 MiB a segment of 64 MiB begins with at
// most an eighth of its size. A table of its own in the catalog would cost a
// second commit for each transition and could disagree with the state.
//
// # Memory
//
// The State owns copies of its frames. Definitions are handed out by the catalog
// and not changed. A tick's slots lie in a buffer of the engine.
//
// Composite alarms are refused by name; they will be evaluated by the same wheel.
package alarms
