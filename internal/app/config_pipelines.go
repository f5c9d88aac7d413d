package app

// Pipelines declare log groups, delivery streams and subscription filters in
// the API's own member names.
type Pipelines struct {
	LogGroups           []LogGroup           `yaml:"log_groups"`
	DeliveryStreams     []map[string]any     `yaml:"delivery_streams"`
	SubscriptionFilters []SubscriptionFilter `yaml:"subscription_filters"`
}

// LogGroup declares a log group and, beyond the API, streams in it.
type LogGroup struct {
	LogGroupName    string            `yaml:"logGroupName"`
	RetentionInDays int               `yaml:"retentionInDays"`
	Tags            map[string]string `yaml:"tags"`
	LogStreamNames  []string          `yaml:"logStreamNames"`
	// Store says how long events can be read back: compact (until they expire), wal
	// (while they are in the log) or none (never). It is the tag sluice:store of the
	// group, set at each start; without it the tag stays what it is.
	Store string `yaml:"store"`
}

// SubscriptionFilter declares a subscription filter.
type SubscriptionFilter struct {
	LogGroupName   string `yaml:"logGroupName"`
	FilterName     string `yaml:"filterName"`
	FilterPattern  string `yaml:"filterPattern"`
	DestinationARN string `yaml:"destinationArn"`
	RoleARN        string `yaml:"roleArn"`
	Distribution   string `yaml:"distribution"`

	FieldSelectionCriteria string   `yaml:"fieldSelectionCriteria"`
	EmitSystemFields       []string `yaml:"emitSystemFields"`
}
