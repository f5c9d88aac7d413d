package otlp

import "google.golang.org/protobuf/encoding/protowire"

// The messages of a request, as far as they mean something here, by the names
// that OTLP's JSON has for their fields.

// memberKind is how a field is written.
type memberKind uint8

// Those before str are numbers.
const (
	boolean memberKind = iota
	double
	int64s
	int32s // enumerations, too
	uint32s
	fixed64
	fixed32
	str
	hexadecimal
	base64s
	embedded
)

func (k memberKind) bits() int {
	if k == int64s || k == fixed64 {
		return 64
	}
	return 32
}

// messageID names a message.
type messageID uint8

const (
	exportRequest messageID = iota
	resourceLogs
	resource
	scopeLogs
	scope
	logRecord
	keyValue
	anyValue
	arrayValue
	keyValueList
)

// member is one field.
type member struct {
	name     string
	number   protowire.Number
	kind     memberKind
	of       messageID // of an embedded one
	repeated bool
}

func many(name string, number protowire.Number, of messageID) member {
	return member{name: name, number: number, kind: embedded, of: of, repeated: true}
}

func one(name string, number protowire.Number, of messageID) member {
	return member{name: name, number: number, kind: embedded, of: of}
}

func scalar(name string, number protowire.Number, k memberKind) member {
	return member{name: name, number: number, kind: k}
}

// messages lists the fields of each message.
var messages = [...][]member{
	exportRequest: {many("resourceLogs", 1, resourceLogs)},
	resourceLogs: {
		one("resource", 1, resource),
		many("scopeLogs", 2, scopeLogs),
		scalar("schemaUrl", 3, str),
	},
	resource: {
		many("attributes", 1, keyValue),
		scalar("droppedAttributesCount", 2, uint32s),
	},
	scopeLogs: {
		one("scope", 1, scope),
		many("logRecords", 2, logRecord),
		scalar("schemaUrl", 3, str),
	},
	scope: {
		scalar("name", 1, str),
		scalar("version", 2, str),
		many("attributes", 3, keyValue),
		scalar("droppedAttributesCount", 4, uint32s),
	},
	logRecord: {
		scalar("timeUnixNano", 1, fixed64),
		scalar("observedTimeUnixNano", 11, fixed64),
		scalar("severityNumber", 2, int32s),
		scalar("severityText", 3, str),
		one("body", 5, anyValue),
		many("attributes", 6, keyValue),
		scalar("droppedAttributesCount", 7, uint32s),
		scalar("flags", 8, fixed32),
		scalar("traceId", 9, hexadecimal),
		scalar("spanId", 10, hexadecimal),
		scalar("eventName", 12, str),
	},
	keyValue: {
		scalar("key", 1, str),
		one("value", 2, anyValue),
	},
	anyValue: {
		scalar("stringValue", 1, str),
		scalar("boolValue", 2, boolean),
		scalar("intValue", 3, int64s),
		scalar("doubleValue", 4, double),
		one("arrayValue", 5, arrayValue),
		one("kvlistValue", 6, keyValueList),
		scalar("bytesValue", 7, base64s),
	},
	arrayValue:   {many("values", 1, anyValue)},
	keyValueList: {many("values", 1, keyValue)},
}

// memberOf finds a field by its name, nil for an unknown one.
func memberOf(m messageID, name []byte) *member {
	members := messages[m]
	for i := range members {
		if members[i].name == string(name) {
			return &members[i]
		}
	}
	return nil
}
