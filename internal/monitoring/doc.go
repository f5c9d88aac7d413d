// Package monitoring is for CloudWatch's side of logs: metrics made by metric
// filters, alarms over them, and the CloudWatch operations.
//
// It has no code yet. What will enter: data points from the filter room and
// PutMetricData. What will leave: statistics, alarm states and the actions of
// alarms. Data points will be typed frames of the log, so that they survive what
// the log survives.
package monitoring
