package catalog

import (
	"encoding/json"
	"errors"
)

// Errors of look-ups and changes, to be asked for with errors.Is.
var (
	// ErrNotFound says that no definition has this name or uid.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("exists already")
	// ErrProtected says that deletion protection is on.
	ErrProtected = errors.New("protected against deletion")
	// ErrVersion says that somebody else changed the definition meanwhile.
	ErrVersion = errors.New("version does not match")
)

// Scope is what names are unique in.
type Scope struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// LogGroup is a log group. Name, Class and Created never change.
type LogGroup struct {
	UID uint64 `json:"-"`
	Scope
	Name               string            `json:"name"`
	Class              string            `json:"class"`
	KmsKeyID           string            `json:"kmsKeyId,omitempty"`
	Created            int64             `json:"created"`                 // ms
	RetentionDays      int               `json:"retentionDays,omitempty"` // 0 keeps events for ever
	DeletionProtection bool              `json:"deletionProtection,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`
}

// LogStream is a log stream. Nothing of it ever changes.
type LogStream struct {
	UID      uint64
	GroupUID uint64
	Name     string
	Created  int64 // ms
}

// SubscriptionFilter is one version of a subscription filter.
type SubscriptionFilter struct {
	UID            uint64 `json:"-"`      // of this version
	Filter         uint64 `json:"filter"` // uid of the first version: names the filter for good
	GroupUID       uint64 `json:"groupUid"`
	Name           string `json:"name"`
	Pattern        string `json:"pattern"`
	DestinationARN string `json:"destinationArn"`
	RoleARN        string `json:"roleArn,omitempty"`
	Distribution   string `json:"distribution"`
	Created        int64  `json:"created"` // ms, of the first version
	Route          uint64 `json:"route"`   // the destination's

	ApplyOnTransformedLogs bool     `json:"applyOnTransformedLogs,omitempty"`
	FieldSelectionCriteria string   `json:"fieldSelectionCriteria,omitempty"`
	EmitSystemFields       []string `json:"emitSystemFields,omitempty"`

	// AccountLevel marks the filter that an account policy is for one log group. It
	// is made of the policy, and never stored.
	AccountLevel bool `json:"-"`

	// From and To are log positions, one for each shard: the version is in force
	// at From <= position < To. A nil To says that it still is.
	From []uint64 `json:"from"`
	To   []uint64 `json:"to,omitempty"`
}

// DeliveryStream is a delivery stream. What Config means is known to the room
// that delivers.
type DeliveryStream struct {
	UID   uint64 `json:"-"`
	Route uint64 `json:"route"` // of its ARN; survives deletion
	Scope
	Name    string            `json:"name"`
	Created int64             `json:"created"` // ms
	Updated int64             `json:"updated"` // ms
	Version int               `json:"version"` // 1, then one more for each update
	Type    string            `json:"type"`
	Config  json.RawMessage   `json:"config"`
	Tags    map[string]string `json:"tags,omitempty"`
}
