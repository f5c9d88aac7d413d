package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/monitoring/actions"
	"sluice/internal/monitoring/alarms"
	"sluice/internal/monitoring/alarms/evaluation"
	cloudwatch "sluice/internal/monitoring/metrics"
	"sluice/internal/obs"
	"sluice/internal/wal"
)

// alarmRoom is what belongs to alarms.
type alarmRoom struct {
	state  *alarms.State
	signer *actions.Signer // nil without webhooks
}

// alarmFolder gives shard 0 the states of alarms.
func (a *App) alarmFolder(shard uint32) []wal.Folder {
	if shard != 0 {
		return nil
	}
	a.alarms.state = alarms.NewState(alarms.Limits{})
	return []wal.Folder{a.alarms.state}
}

// openAlarms makes the room of alarms.
func (a *App) openAlarms() error {
	table, err := catalog.OpenTable[alarms.Definition](a.catalog, catalog.Alarms)
	if err != nil {
		return err
	}
	topics, err := a.openTopics()
	if err != nil {
		return err
	}
	r, err := alarms.New(alarms.Config{
		Definitions: table, UID: a.catalog.UID, State: a.alarms.state, Journal: a.store.Log(0), Metrics: alarmSlots{a.samples},
		Topics: topics, Clock: a.clock, Logger: a.log,
	})
	if err != nil {
		return err
	}
	a.addFor(roleMonitoring, room{"alarms", r.Run}, r.Operations()...)
	a.collectAlarms(r)
	return nil
}

func (a *App) collectAlarms(r *alarms.Room) {
	a.registry.Collect(obs.GaugeKind, "sluice_alarms", "Alarms by their state.", []string{"state"}, func(emit func(float64, ...string)) {
		for state, n := range r.Counts() {
			emit(float64(n), string(state))
		}
	})
	a.registry.Collect(obs.GaugeKind, "sluice_alarm_pending_actions", "Actions of alarms that are not done.", nil, func(emit func(float64, ...string)) {
		emit(float64(r.Pending()))
	})
}

// openTopics makes the targets that the configuration names.
func (a *App) openTopics() (*actions.Topics, error) {
	targets := map[string][]actions.Target{}
	for i, t := range a.cfg.Topics {
		if len(t.Webhooks) > 0 {
			if err := a.openSigner(); err != nil {
				return nil, fmt.Errorf("topics[%d]: %w", i, err)
			}
		}
		made, err := a.openTopic(t)
		if err != nil {
			return nil, misconfigured("topics[%d]: %w", i, err)
		}
		if targets[t.ARN] != nil {
			return nil, misconfigured("topics[%d]: %s is there twice: join the two", i, t.ARN)
		}
		targets[t.ARN] = made
	}
	return actions.NewTopics(targets), nil
}

func (a *App) openTopic(t Topic) (targets []actions.Target, err error) {
	arn, err := awsapi.ParseARN(t.ARN)
	if err != nil {
		return nil, fmt.Errorf("arn: %w", err)
	}
	if t.SignatureVersion < 0 || t.SignatureVersion > 2 {
		return nil, fmt.Errorf("signature_version: %d is neither 1 nor 2", t.SignatureVersion)
	}
	client := actions.NewClient()
	for _, url := range t.Webhooks {
		if err := checkURL(url); err != nil {
			return nil, fmt.Errorf("webhooks: %w", err)
		}
		targets = append(targets, &actions.Webhook{
			URL: url, Signer: a.alarms.signer, CertURL: a.signingCertURL, SHA256: t.SignatureVersion == 2, Client: client,
		})
	}
	if t.SNSTopicARN != "" {
		target, err := openSNS(t)
		if err != nil {
			return nil, fmt.Errorf("sns_topic_arn: %w", err)
		}
		targets = append(targets, target)
	}
	if t.Alertmanager != "" {
		if err := checkURL(t.Alertmanager); err != nil {
			return nil, fmt.Errorf("alertmanager: %w", err)
		}
		targets = append(targets, &actions.Alertmanager{URL: t.Alertmanager, Labels: t.AlertLabels, Client: client})
	}
	if len(t.Command) > 0 {
		targets = append(targets, &actions.Command{Argv: t.Command, Timeout: time.Duration(t.CommandTimeoutSeconds) * time.Second})
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("%s has no target: give webhooks, sns_topic_arn, alertmanager or command", arn)
	}
	return targets, nil
}

func checkURL(url string) error {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%q is no http or https URL", url)
	}
	return nil
}

// openSNS finds credentials as every AWS client does.
func openSNS(t Topic) (*actions.SNS, error) {
	topic, err := awsapi.ParseARN(t.SNSTopicARN)
	if err != nil {
		return nil, err
	}
	cfg, err := awsconfig.LoadDefaultConfig(context.Background(), awsconfig.WithRegion(topic.Region))
	if err != nil {
		return nil, err
	}
	client := sns.NewFromConfig(cfg, func(o *sns.Options) {
		if t.SNSEndpoint != "" {
			o.BaseEndpoint = aws.String(t.SNSEndpoint)
		}
	})
	return &actions.SNS{TopicARN: t.SNSTopicARN, Client: client}, nil
}

// openSigner makes or loads the key of webhooks, once.
func (a *App) openSigner() (err error) {
	if a.alarms.signer == nil {
		a.alarms.signer, err = actions.OpenSigner(a.cfg.FS, a.dir.path("tls"), a.clock.Now())
	}
	return err
}

// signingCertURL is where who gets a webhook finds the certificate.
func (a *App) signingCertURL() string {
	data, _ := a.Addrs()
	return "http://" + data + a.alarms.signer.Path()
}

// dataHandler is the data port's: AWS's APIs, and the certificate of webhooks.
func (a *App) dataHandler() http.Handler {
	signer := a.alarms.signer
	if signer == nil {
		return a.api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == signer.Path() {
			signer.ServeHTTP(w, r)
			return
		}
		a.api.ServeHTTP(w, r)
	})
}

// alarmSlots reads what alarms watch from the store of samples.
type alarmSlots struct{ samples *sampleStore }

// Slots implements alarms.Slots. Of a metric with several units, which an alarm
// without one does not tell apart, each period shows the first that it has.
func (s alarmSlots) Slots(scope catalog.Scope, m alarms.Metric, statistic string, period time.Duration, first time.Time, slots []evaluation.Slot) error {
	watched := cloudwatch.Metric{Namespace: m.Namespace, Name: m.Name, Unit: m.Unit}
	for _, d := range m.Dimensions {
		watched.Dimensions = append(watched.Dimensions, cloudwatch.Dimension(d))
	}
	points, err := s.samples.Statistics(scope, watched, statistic, period, first, first.Add(time.Duration(len(slots))*period))
	if err != nil {
		return err
	}
	for _, p := range points {
		if slot := &slots[p.At.Sub(first)/period]; !slot.Real {
			slot.Real, slot.Value, slot.Samples = true, p.Value, p.SampleCount
		}
	}
	return nil
}
