package bench

import (
	"google.golang.org/protobuf/encoding/protowire"

	"sluice/ingest/putlogevents"
)

// appendOTLP appends an ExportLogsServiceRequest of one resource and one scope,
// each event the string body of a log record, as an exporter makes it of lines.
func appendOTLP(dst []byte, events []putlogevents.Event) []byte {
	var logs, record, body []byte
	for _, e := range events {
		body = appendField(body[:0], 1, e.Message) // AnyValue.string_value
		record = appendTime(record[:0], 1, e.Timestamp)
		record = protowire.AppendTag(record, 2, protowire.VarintType)
		record = protowire.AppendVarint(record, 9) // SEVERITY_NUMBER_INFO
		record = appendField(record, 3, []byte("INFO"))
		record = appendField(record, 5, body)
		record = appendTime(record, 11, e.Timestamp)
		logs = appendField(logs, 2, record)
	}
	scope := appendField(nil, 1, []byte("sluice/bench"))
	value := appendField(nil, 1, []byte("bench"))
	attribute := appendField(appendField(nil, 1, []byte("service.name")), 2, value)
	resource := appendField(nil, 1, attribute)
	scopeLogs := append(appendField(nil, 1, scope), logs...)
	resourceLogs := appendField(appendField(nil, 1, resource), 2, scopeLogs)
	return appendField(dst, 1, resourceLogs)
}

func appendField(dst []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), value)
}

func appendTime(dst []byte, number protowire.Number, ms int64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(dst, number, protowire.Fixed64Type), uint64(ms)*1e6)
}
