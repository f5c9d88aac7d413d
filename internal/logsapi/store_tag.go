package logsapi

import (
	"maps"
	"slices"
	"strings"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/store"
)

// Tags of log groups whose names start with sluice: say what AWS's API has no
// member for, so that AWS's own clients can say it, as those of delivery streams
// do. There is one: how long the group's events can be read back.
const (
	tagSpace = "sluice:"
	// StoreTag has the value compact, wal or none, the classes of package store.
	StoreTag = tagSpace + "store"
)

// ClassOf is the class that a log group's tags say; compact without one.
func ClassOf(g catalog.LogGroup) store.Class {
	text, tagged := g.Tags[StoreTag]
	if !tagged {
		return store.Compact
	}
	c, err := store.ParseClass(text)
	if err != nil {
		return store.Compact // the tag of a time when it meant nothing
	}
	return c
}

// checkSluiceTags refuses tags of ours that mean nothing.
func checkSluiceTags(tags map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(key, tagSpace) {
			continue
		}
		if key != StoreTag {
			return awsapi.InvalidParameter("The tag %s is not one that this version knows: of those that start with %s there is %s.", key, tagSpace, StoreTag)
		}
		if _, err := store.ParseClass(tags[key]); err != nil {
			return awsapi.InvalidParameter("The tag %s with the value %s.", key, err.Error())
		}
	}
	return nil
}
