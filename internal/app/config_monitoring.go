package app

// Metrics is about the samples of CloudWatch metrics.
type Metrics struct {
	// PublishedSeries is of how many series /metrics shows sum and number of the
	// samples since the start; -1 is none. Default 1000.
	PublishedSeries int `yaml:"published_series"`
	// DimensionSets bounds the sets of dimensions that one metric filter makes in
	// an hour: samples beyond go to the series without dimensions, and
	// sluice_metric_filter_capped_samples_total counts them; -1 is no bound.
	// Default 1000.
	DimensionSets int `yaml:"dimension_sets"`
}

// Topic says where one ARN among the actions of alarms goes: every target that is
// given gets every notification.
type Topic struct {
	// ARN is what alarms name, as arn:aws:sns:us-east-1:000000000000:pages.
	ARN string `yaml:"arn"`
	// Webhooks are URLs that get what SNS posts to HTTP subscriptions, signed.
	Webhooks []string `yaml:"webhooks"`
	// SignatureVersion of webhooks is 1 (SHA-1, SNS's default) or 2 (SHA-256).
	// Default 1.
	SignatureVersion int `yaml:"signature_version"`
	// SNSTopicARN is a topic of AWS's to publish to. Credentials come as for every
	// AWS client.
	SNSTopicARN string `yaml:"sns_topic_arn"`
	// SNSEndpoint is asked in place of AWS's.
	SNSEndpoint string `yaml:"sns_endpoint"`
	// Alertmanager is the URL of a Prometheus Alertmanager, without /api/v2/alerts.
	Alertmanager string `yaml:"alertmanager"`
	// AlertLabels are added to its alerts.
	AlertLabels map[string]string `yaml:"alert_labels"`
	// Command is a program with its arguments, run without a shell; it gets the
	// notification as JSON on its standard input.
	Command []string `yaml:"command"`
	// CommandTimeoutSeconds is how long it may run. Default 30.
	CommandTimeoutSeconds int `yaml:"command_timeout_seconds"`
}
