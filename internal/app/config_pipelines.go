package app

// Pipelines declare log groups, delivery streams and subscription filters in
// the API's own member names.
type Pipelines struct {
	// LogGroups are made at start where they are missing; read-only over the API.
	LogGroups []LogGroup `yaml:"log_groups"`
	// DeliveryStreams are requests of CreateDeliveryStream, with AWS's members and
	// SluiceConfiguration (delivery.md); read-only over the API.
	DeliveryStreams []map[string]any `yaml:"delivery_streams"`
	// SubscriptionFilters lead from log groups to destinations; read-only over the API.
	SubscriptionFilters []SubscriptionFilter `yaml:"subscription_filters"`
}

// LogGroup declares a log group and, beyond the API, streams in it.
type LogGroup struct {
	// LogGroupName is its name.
	LogGroupName string `yaml:"logGroupName"`
	// RetentionInDays is how long events are kept. Default: for ever.
	RetentionInDays int `yaml:"retentionInDays"`
	// Tags are set when the group is made.
	Tags map[string]string `yaml:"tags"`
	// LogStreamNames are made too.
	LogStreamNames []string `yaml:"logStreamNames"`
	// Store says how long events can be read back: compact (until they expire), wal
	// (while they are in the log) or none (never). It is the tag sluice:store of the
	// group, set at each start; without it the tag stays what it is.
	Store string `yaml:"store"`
}

// SubscriptionFilter declares a subscription filter.
type SubscriptionFilter struct {
	// LogGroupName is the group whose events are matched.
	LogGroupName string `yaml:"logGroupName"`
	// FilterName is the filter's name within the group.
	FilterName string `yaml:"filterName"`
	// FilterPattern selects events (filter-patterns.md); an empty one all.
	FilterPattern string `yaml:"filterPattern"`
	// DestinationARN is where they go (subscriptions.md).
	DestinationARN string `yaml:"destinationArn"`
	// RoleARN is accepted and not looked at.
	RoleARN string `yaml:"roleArn"`
	// Distribution is ByLogStream or Random. Default ByLogStream.
	Distribution string `yaml:"distribution"`
	// FieldSelectionCriteria selects by where events come from.
	FieldSelectionCriteria string `yaml:"fieldSelectionCriteria"`
	// EmitSystemFields are @aws.account, @aws.region and @source.log: put beside each
	// event.
	EmitSystemFields []string `yaml:"emitSystemFields"`
}
