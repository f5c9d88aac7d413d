package app

import (
	"slices"
	"strings"

	"sluice/internal/awsapi"
)

// ScaleOut shares the work between processes over Kafka: those with the role ingest
// write what they store to the topic <prefix>.events, those with the role filter
// match it and write to <prefix>.<delivery stream>, and those with the role firehose
// deliver from there. Every process has the same pipelines in its configuration.
type ScaleOut struct {
	// Brokers are HOST:PORT of some brokers of the cluster. With them the process
	// is one of several.
	Brokers []string `yaml:"brokers"`
	// Prefix begins the names of all topics and consumer groups. Default sluice.
	Prefix string `yaml:"prefix"`
	// Compression is that of all topics: none, gzip, snappy, lz4 or zstd. Default
	// snappy.
	Compression string `yaml:"compression"`
	// DeadLetterTopic takes records that brokers never will, and those that cannot
	// be read. Without one they hold up what is behind them.
	DeadLetterTopic string `yaml:"dead_letter_topic"`
	// Generation is to be raised when topics were made anew or have other numbers of
	// partitions: what readers remember of the topics before is not about them.
	Generation int `yaml:"generation"`
	// Sources are topics with records of other programs, one each, that processes
	// with the role filter read directly.
	Sources []KafkaSource `yaml:"sources"`
	// FetchBytes is the most that a worker holds of a partition. Default 4 MiB.
	FetchBytes int `yaml:"fetch_bytes"`
	// MaxBufferBytes bounds what is on its way to <prefix>.events. Default 64 MiB.
	MaxBufferBytes int64 `yaml:"max_buffer_bytes"`
	// SessionSeconds is how long brokers wait for a silent process until others get
	// its partitions. Default 30.
	SessionSeconds int `yaml:"session_seconds"`
	// StallSeconds is how long lag may stand still until the group is joined anew.
	// Default 60.
	StallSeconds int `yaml:"stall_seconds"`
	// TLS encrypts the connections: enabled, ca_file, cert_file, key_file, server_name.
	TLS KafkaTLS `yaml:"tls"`
	// SASL signs in: mechanism (plain, scram-sha-256, scram-sha-512 or aws-msk-iam),
	// username, password_env (an environment variable), region.
	SASL KafkaSASL `yaml:"sasl"`
}

func (s *ScaleOut) setDefaults() {
	setDefault(&s.Prefix, "sluice")
	setDefault(&s.Compression, "snappy")
	setDefault(&s.FetchBytes, 4<<20)
	setDefault(&s.MaxBufferBytes, 64<<20)
	setDefault(&s.SessionSeconds, 30)
	setDefault(&s.StallSeconds, 60)
}

// wanted tells whether the process is one of several.
func (s *ScaleOut) wanted() bool { return len(s.Brokers) > 0 }

func (s *ScaleOut) check() error {
	switch {
	case !s.wanted() && (len(s.Sources) > 0 || s.Generation != 0 || s.DeadLetterTopic != ""):
		return misconfigured("scale_out: brokers are missing: give HOST:PORT of at least one")
	case s.Generation < 0:
		return misconfigured("scale_out.generation: %d is negative", s.Generation)
	}
	for i, k := range s.Sources {
		if len(k.Topics) != 1 {
			return misconfigured("scale_out.sources[%d]: %d topics: give each topic a source of its own", i, len(k.Topics))
		}
	}
	return nil
}

// sharedClusterARN is what delivery streams name the brokers by that processes meet
// at.
func (c *Config) sharedClusterARN() string {
	return awsapi.ARN{Partition: "aws", Service: "kafka", Region: c.Region, Account: c.AccountID, Resource: "cluster/" + c.ScaleOut.Prefix + "/scale-out"}.String()
}

// addSharedCluster makes it one of the clusters that delivery streams may read.
func (c *Config) addSharedCluster() {
	if s := c.ScaleOut; s.wanted() {
		c.Sources.Delivery.Clusters = append(slices.Clip(c.Sources.Delivery.Clusters), KafkaCluster{
			ARN: c.sharedClusterARN(), Brokers: s.Brokers, SessionSeconds: s.SessionSeconds, TLS: s.TLS, SASL: s.SASL,
		})
	}
}

// The roles of a process.
const (
	roleIngest      = "ingest"
	roleFilter      = "filter"
	roleFirehose    = "firehose"
	roleExport      = "export"
	roleCrossregion = "crossregion"
	roleMonitoring  = "monitoring"
)

var allRoles = []string{roleIngest, roleFilter, roleFirehose, roleExport, roleCrossregion, roleMonitoring}

// has tells whether the process has a role.
func (c *Config) has(role string) bool { return len(c.Roles) == 0 || slices.Contains(c.Roles, role) }

// checkRoles refuses roles that leave something undone or without a log.
func (c *Config) checkRoles() error {
	for _, role := range c.Roles {
		if !slices.Contains(allRoles, role) {
			return misconfigured("roles: %q is not one of %s", role, strings.Join(allRoles, ", "))
		}
	}
	if !c.has(roleIngest) {
		for _, role := range []string{roleExport, roleCrossregion, roleMonitoring} {
			if c.has(role) {
				return misconfigured("roles: %s works on the log of its process and needs %s beside it", role, roleIngest)
			}
		}
	}
	if c.ScaleOut.wanted() {
		return nil
	}
	for _, role := range []string{roleIngest, roleFilter, roleFirehose} {
		if !c.has(role) {
			return misconfigured("roles: without %s the process needs others, which it meets over Kafka: set scale_out.brokers, or add the role", role)
		}
	}
	return nil
}
