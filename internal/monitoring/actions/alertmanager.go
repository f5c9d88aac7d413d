package actions

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"
)

// Alertmanager posts alerts to Prometheus's Alertmanager, API v2. An alarm is one
// alert: ALARM makes it fire until a notification of another state resolves it.
type Alertmanager struct {
	URL    string            // up to and without /api/v2/alerts
	Labels map[string]string // added to every alert
	Client *http.Client
}

// String implements Target.
func (a *Alertmanager) String() string { return "Alertmanager " + a.URL }

// firesFor is how long an alert fires without another word. Alertmanager itself
// would resolve it after five minutes, as Prometheus repeats itself and an alarm
// does not.
const firesFor = 365 * 24 * time.Hour

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// Send implements Target.
func (a *Alertmanager) Send(ctx context.Context, n Notification) error {
	labels := map[string]string{"alertname": n.AlarmName, "account": n.Account, "region": n.Region}
	maps.Copy(labels, n.Labels)
	maps.Copy(labels, a.Labels)
	ends := n.At
	if n.State == "ALARM" {
		ends = n.At.Add(firesFor)
	}
	body, err := encode([]alert{{
		Labels: labels,
		Annotations: map[string]string{
			"summary": n.Subject, "description": n.Description, "reason": n.Reason, "alarm_arn": n.AlarmARN, "message_id": n.ID,
		},
		StartsAt: n.At.UTC(), EndsAt: ends.UTC(),
	}})
	if err != nil {
		return err
	}
	return post(ctx, a.Client, strings.TrimSuffix(a.URL, "/")+"/api/v2/alerts", body, http.Header{"Content-Type": {"application/json"}})
}
