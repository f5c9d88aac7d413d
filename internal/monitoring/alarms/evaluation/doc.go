// Package evaluation decides what state an alarm is in, by CloudWatch's rules.
//
// What enters: a Rule (threshold, M of N, what missing data means) and the newest
// slots of a metric, oldest first, each a period with or without a value. What
// leaves: a Verdict, and on demand the sentence why in AWS's words with the
// datapoints it stands on. Everything is a pure function: no clock, no state, no
// memory kept. Nothing here survives a crash because nothing here lives.
//
// # The rules
//
// An alarm looks at Range(N) slots, more than the N it judges by, so that a value
// which comes late is not missed. With real the slots that have a value:
//
//	real = 0        the treatment decides: breaching ALARM, notBreaching OK,
//	                ignore keeps the state, missing INSUFFICIENT_DATA
//	real >= N       the N newest real slots: M breaching are ALARM, fewer are OK
//	real < N        breaching, notBreaching: the N-real others count as that;
//	                missing, ignore: M breaching are ALARM, else one that does not
//	                breach is OK, else (all breach, too few) missing is ALARM when
//	                the oldest of them is M slots old, and anything else keeps
//	                the state: the alarm would be premature
//
// AWS publishes N and M, and two tables of examples; the tests hold them all. It
// does not publish Range; its examples have 5 for N = 3.
//
// A percentile of few samples says little. With LowSamples set, a slot among
// those judged that has fewer keeps the state.
package evaluation
