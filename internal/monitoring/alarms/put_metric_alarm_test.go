package alarms

import (
	"fmt"
	"strings"
	"testing"
)

func TestPutMetricAlarmRefuses(t *testing.T) {
	w := newWorld(t)
	f := func(changes object, want string) {
		t.Helper()
		_, err := w.call("PutMetricAlarm", alarm("a", changes))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", changes, err, want)
		}
	}
	f(object{"AlarmName": nil}, "Value null at 'alarmName'")
	f(object{"AlarmName": strings.Repeat("x", 256)}, "length less than or equal to 255")
	f(object{"Dimensions": []object{{"Name": "a", "Value": "1"}, {"Name": "b"}}}, "Value '' at 'dimensions.2.member.value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(object{"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60")
	f(object{"EvaluationPeriods": 0}, "at 'evaluationPeriods' failed to satisfy constraint: Member must have value greater than or equal to 1")
	f(object{"EvaluationPeriods": 1441}, "across more than a day")
	f(object{"Period": 3600, "EvaluationPeriods": 169}, "across more than 7 days")
	f(object{"DatapointsToAlarm": 2}, "less than or equal to EvaluationPeriods")
	f(object{"ComparisonOperator": "GreaterThanUpperThreshold"}, "Member must satisfy enum value set: [GreaterThanOrEqualToThreshold,")
	f(object{"ExtendedStatistic": "p99"}, "mutually exclusive")
	f(object{"Statistic": nil}, "The parameter Statistic is required.")
	f(object{"Statistic": nil, "ExtendedStatistic": "p101"}, "is not supported")
	f(object{"Statistic": nil, "ExtendedStatistic": "PR(:)"}, "is not supported")
	f(object{"Statistic": nil, "ExtendedStatistic": "TM(%:%)"}, "is not supported")
	f(object{"TreatMissingData": "bad"}, "TreatMissingData")
	f(object{"EvaluateLowSampleCountPercentile": "ignore"}, "give an ExtendedStatistic")
	f(object{"Threshold": nil}, "The parameter Threshold is required.")
	f(object{"Threshold": "NaN"}, "for parameter Threshold is invalid")
	f(object{"Threshold": "-Infinity"}, "for parameter Threshold is invalid")
	f(object{"Metrics": []object{{"Id": "m1", "Expression": "m2*2"}}}, "metric math")
	f(object{"ThresholdMetricId": "ad1"}, "anomaly detection")
	f(object{"AlarmActions": []string{"1", "2", "3", "4", "5", "6"}}, "at 'alarmActions' failed to satisfy constraint")
	if all := w.must("DescribeAlarms", object{})["MetricAlarms"].([]any); len(all) != 0 {
		t.Errorf("refused, and there: %v", all)
	}
	if _, err := w.call("PutCompositeAlarm", object{}); err == nil || !strings.Contains(err.Error(), "PutCompositeAlarm is not supported here yet") {
		t.Errorf("composite: %v", err)
	}
}

func TestTagsAreBounded(t *testing.T) {
	w := newWorld(t)
	tags := func(from, to int) (all []object) {
		for i := from; i < to; i++ {
			all = append(all, object{"Key": fmt.Sprint("k", i), "Value": "v"})
		}
		return all
	}
	tagged := func(tags []object) object {
		return object{"ResourceARN": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a", "Tags": tags}
	}
	f := func(operation string, in object, want string) {
		t.Helper()
		if _, err := w.call(operation, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", operation, err, want)
		}
	}
	f("PutMetricAlarm", alarm("a", object{"Tags": []object{{"Key": "", "Value": "v"}}}), "at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1")
	w.must("PutMetricAlarm", alarm("a", object{"Tags": tags(0, 30)}))
	w.must("TagResource", tagged(tags(20, 50)))
	f("TagResource", tagged(tags(50, 51)), "at most 50 tags")
	f("TagResource", tagged([]object{{"Key": strings.Repeat("k", 129), "Value": "v"}}), "at 'tags.1.member.key'")
	if got := len(w.must("ListTagsForResource", object{"ResourceARN": tagged(nil)["ResourceARN"]})["Tags"].([]any)); got != 50 {
		t.Errorf("%d tags", got)
	}
}

func TestExtendedStatistics(t *testing.T) {
	f := func(statistic string, want bool) {
		t.Helper()
		if got := extendedStatistic.MatchString(statistic); got != want {
			t.Errorf("%s: %t", statistic, got)
		}
	}
	f("p99", true)
	f("p99.9", true)
	f("p100", true)
	f("tm90", true)
	f("IQM", true)
	f("TM(10%:90%)", true)
	f("PR(:200)", true)
	f("p101", false)
	f("99", false)
	f("Average", false)
}

func TestDescribeAlarmsPages(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"b1", "a", "b3", "b2"} {
		w.must("PutMetricAlarm", alarm(name, nil))
	}
	var seen []string
	in := object{"AlarmNamePrefix": "b", "MaxRecords": 2}
	for {
		out := w.must("DescribeAlarms", in)
		for _, a := range out["MetricAlarms"].([]any) {
			seen = append(seen, a.(object)["AlarmName"].(string))
		}
		if out["NextToken"] == nil {
			break
		}
		in["NextToken"] = out["NextToken"]
	}
	if got := strings.Join(seen, " "); got != "b1 b2 b3" {
		t.Errorf("pages hold %s", got)
	}
}
