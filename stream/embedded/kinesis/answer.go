package kinesis

import (
	"encoding/base64"
	"iter"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// keys yields the records of an answer, each with its key.
func (out *getRecordsOutput) keys() iter.Seq2[*got, []byte] {
	return func(yield func(*got, []byte) bool) {
		begin := 0
		for i := range out.records {
			g := &out.records[i]
			if !yield(g, out.bytes[begin:g.key]) {
				return
			}
			begin = g.end
		}
	}
}

// AppendJSON implements awsapi.Appender.
//
// hot: BenchmarkGetRecords
func (out *getRecordsOutput) AppendJSON(dst []byte) []byte {
	const each = 180 // of a record beside its key and data
	dst = slices.Grow(dst, len(out.bytes)/3*4+each*len(out.records)+300)
	dst = append(dst, `{"Records":[`...)
	first := true
	for g, key := range out.keys() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"SequenceNumber":"`...)
		dst = appendSequence(dst, out.shard.Created, out.shard.Number, g.at)
		dst = append(dst, `","ApproximateArrivalTimestamp":`...)
		dst = appendSeconds(dst, g.arrived)
		dst = append(dst, `,"Data":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, out.bytes[g.key:g.end])
		dst = append(dst, `","PartitionKey":`...)
		dst, _ = jsontext.AppendQuote(dst, key) // keys are valid UTF-8: they came in as text
		dst = append(dst, '}')
	}
	dst = append(dst, `],"NextShardIterator":"`...)
	dst = append(dst, out.next...)
	dst = append(dst, `","MillisBehindLatest":`...)
	dst = strconv.AppendInt(dst, out.behind, 10)
	return append(dst, '}')
}

// appendSeconds writes ms as seconds with three decimals, as AWS JSON has
// timestamps.
func appendSeconds(dst []byte, ms int64) []byte {
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	n := ms % 1000
	return append(dst, '.', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

// AppendCBOR implements awsapi.Appender.
func (out *getRecordsOutput) AppendCBOR(dst []byte) []byte {
	const each = 160
	dst = slices.Grow(dst, len(out.bytes)+each*len(out.records)+300)
	dst = appendCBORHead(dst, cborMap, 3)
	dst = appendCBORText(dst, "Records")
	dst = appendCBORHead(dst, cborArray, uint64(len(out.records)))
	for g, key := range out.keys() {
		dst = appendCBORHead(dst, cborMap, 4)
		dst = appendCBORText(dst, "SequenceNumber")
		dst = appendCBORHead(dst, cborText, sequenceDigits)
		dst = appendSequence(dst, out.shard.Created, out.shard.Number, g.at)
		dst = appendCBORInstant(appendCBORText(dst, "ApproximateArrivalTimestamp"), g.arrived)
		data := out.bytes[g.key:g.end]
		dst = appendCBORHead(appendCBORText(dst, "Data"), cborBytes, uint64(len(data)))
		dst = append(dst, data...)
		dst = appendCBORHead(appendCBORText(dst, "PartitionKey"), cborText, uint64(len(key)))
		dst = append(dst, key...)
	}
	dst = appendCBORText(appendCBORText(dst, "NextShardIterator"), out.next)
	return appendCBORHead(appendCBORText(dst, "MillisBehindLatest"), cborInteger, uint64(out.behind))
}

func appendCBORText(dst []byte, text string) []byte {
	return append(appendCBORHead(dst, cborText, uint64(len(text))), text...)
}

// AppendJSON implements awsapi.Appender.
func (out *putRecordsOutput) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, recordsAnswer*(1+len(out.taken)))
	dst = append(dst, `{"FailedRecordCount":`...)
	dst = strconv.AppendInt(dst, int64(out.failed), 10)
	dst = append(dst, `,"Records":[`...)
	for i := range out.taken {
		if i > 0 {
			dst = append(dst, ',')
		}
		t := &out.taken[i]
		if t.failed != nil {
			dst = append(append(dst, `{"ErrorCode":"`...), t.failed.Code...)
			dst = append(dst, `","ErrorMessage":`...)
			dst, _ = jsontext.AppendQuote(dst, t.failed.Message)
			dst = append(dst, '}')
			continue
		}
		shard := &out.stream.Shards[t.shard]
		dst = append(dst, `{"SequenceNumber":"`...)
		dst = appendSequence(dst, shard.Created, shard.Number, t.at)
		dst = append(append(dst, `","ShardId":"`...), shard.ID()...)
		dst = append(dst, `"}`...)
	}
	return append(dst, `]}`...)
}

// AppendCBOR implements awsapi.Appender.
func (out *putRecordsOutput) AppendCBOR(dst []byte) []byte {
	dst = slices.Grow(dst, recordsAnswer*(1+len(out.taken)))
	dst = appendCBORHead(dst, cborMap, 2)
	dst = appendCBORHead(appendCBORText(dst, "FailedRecordCount"), cborInteger, uint64(out.failed))
	dst = appendCBORHead(appendCBORText(dst, "Records"), cborArray, uint64(len(out.taken)))
	for i := range out.taken {
		t := &out.taken[i]
		dst = appendCBORHead(dst, cborMap, 2)
		if t.failed != nil {
			dst = appendCBORText(appendCBORText(dst, "ErrorCode"), t.failed.Code)
			dst = appendCBORText(appendCBORText(dst, "ErrorMessage"), t.failed.Message)
			continue
		}
		shard := &out.stream.Shards[t.shard]
		dst = appendCBORHead(appendCBORText(dst, "SequenceNumber"), cborText, sequenceDigits)
		dst = appendSequence(dst, shard.Created, shard.Number, t.at)
		dst = appendCBORText(appendCBORText(dst, "ShardId"), shard.ID())
	}
	return dst
}
