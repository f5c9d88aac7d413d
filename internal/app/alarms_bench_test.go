package app

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/monitoring/alarms"
	"sluice/internal/monitoring/alarms/evaluation"
	cloudwatch "sluice/internal/monitoring/metrics"
	"sluice/internal/vfs"
	"sluice/internal/wal"
)

// BenchmarkAlarmSlots is the part of an evaluation that reads the metric store,
// for 10,000 alarms on a series each with a sample every ten seconds. core-% is
// the share of one core that it takes when each is evaluated every ten seconds.
func BenchmarkAlarmSlots(b *testing.B) {
	const series = 10_000
	fsys, at := vfs.NewMem(), time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	if err := vfs.MkdirAllSync(fsys, "/wal"); err != nil {
		b.Fatal(err)
	}
	log, err := wal.Open(fsys, wal.Config{Dir: "/wal"})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	samples, err := cloudwatch.Open(cloudwatch.Config{FS: fsys, Dir: "/metrics", Clock: clock.NewTest(at), Logs: []*wal.Log{log}})
	if err != nil {
		b.Fatal(err)
	}
	caller := awsapi.Caller{Account: "000000000000", Region: "us-east-1"}
	for second := -60; second < 0; second += 10 {
		for from := 0; from < series; from += 1000 {
			var data []any
			for i := range 1000 {
				data = append(data, map[string]any{
					"MetricName": fmt.Sprint("m", from+i), "Value": 1, "StorageResolution": 1, "Timestamp": at.Add(time.Duration(second) * time.Second).Unix(),
				})
			}
			body, err := json.Marshal(map[string]any{"Namespace": "bench", "MetricData": data})
			if err != nil {
				b.Fatal(err)
			}
			for _, op := range samples.Operations() {
				if op.Target == "GraniteServiceVersion20100801.PutMetricData" {
					err = op.Serve(b.Context(), &awsapi.Request{Caller: caller, Body: body}, &awsapi.Reply{})
				}
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	read := alarmSlots{samples}
	scope := catalog.Scope{Account: caller.Account, Region: caller.Region}
	var u, v syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	b.ReportAllocs()
	for b.Loop() {
		for i := range series {
			var slots [5]evaluation.Slot
			if err := read.Slots(scope, alarms.Metric{Namespace: "bench", Name: fmt.Sprint("m", i)}, "Sum", 10*time.Second, at.Add(-50*time.Second), slots[:]); err != nil {
				b.Fatal(err)
			}
			if !slots[4].Real || slots[4].Value != 1 {
				b.Fatal(slots)
			}
		}
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &v)
	spent := time.Duration(v.Utime.Nano() + v.Stime.Nano() - u.Utime.Nano() - u.Stime.Nano())
	b.ReportMetric(100*spent.Seconds()/(10*float64(b.N)), "core-%")
}
