package awsapi

import (
	"reflect"
	"strings"
	"sync"
)

// member is a field of a struct as a protocol sees it. Names and omissions are
// those of the json tag, so that all protocols agree.
type member struct {
	name     string
	index    int
	omitZero bool
}

var membersByType sync.Map // reflect.Type -> []member

// membersOf lists the exported fields of a struct type.
func membersOf(t reflect.Type) []member {
	if known, ok := membersByType.Load(t); ok {
		return known.([]member)
	}
	var members []member
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		members = append(members, member{name, i, strings.Contains(options, "omitzero") || strings.Contains(options, "omitempty")})
	}
	known, _ := membersByType.LoadOrStore(t, members)
	return known.([]member)
}

var (
	timestampType = reflect.TypeFor[Timestamp]()
	bytesType     = reflect.TypeFor[[]byte]()
)
