package firehose

import (
	"strconv"
	"strings"

	"github.com/itchyny/gojq"

	"sluice/firehose/prefix"
	"sluice/firehose/process"
	"sluice/internal/awsapi"
)

func (d *destination) checkProcessing() error {
	if d.ProcessingConfiguration == nil || !d.ProcessingConfiguration.Enabled {
		return nil
	}
	list := d.ProcessingConfiguration.Processors
	if len(list) == 0 || len(list) > maxProcessors {
		return awsapi.InvalidArgument("A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.")
	}
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.Type] {
			return awsapi.InvalidArgument("Cannot have more than 1 %s processor.", p.Type)
		}
		seen[p.Type] = true
	}
	if seen[processorCloudWatchLogs] && !seen[processorDecompression] {
		return awsapi.InvalidArgument("CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor")
	}
	for i := range list {
		if err := list[i].check(d.DynamicPartitioningConfiguration.enabled()); err != nil {
			return err
		}
	}
	return nil
}

func (p *processor) check(partitioning bool) error {
	switch p.Type {
	case processorDecompression:
		if c := p.parameter(parameterCompression); c != "" && c != "GZIP" {
			return awsapi.InvalidArgument("Invalid parameter value for CompressionFormat. Allowed value is GZIP.")
		}
	case processorCloudWatchLogs:
		if v := p.parameter(parameterExtraction); !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			return awsapi.InvalidArgument("Invalid parameter value for DataMessageExtraction. Allowed values are True and False.")
		}
	case processorLambda:
		return p.checkLambda()
	case processorExtraction:
		return p.checkExtraction(partitioning)
	case processorDeaggregation:
		return p.checkDeaggregation(partitioning)
	}
	return nil
}

func (p *processor) checkLambda() error {
	size, interval := p.parameter(parameterSize), p.parameter(parameterInterval)
	switch {
	case p.parameter(parameterLambda) == "":
		return awsapi.InvalidArgument("LambdaArn is required when Lambda processor is used.")
	case (size == "") != (interval == ""):
		return awsapi.InvalidArgument("Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda processor.")
	case size != "" && !within(size, 0.2, 3):
		return awsapi.InvalidArgument("BufferSizeInMBs for lambda processor must be between 0.2 and 3.")
	case interval != "" && !within(interval, 0, 900):
		return awsapi.InvalidArgument("BufferIntervalInSeconds for lambda processor must be between 0 and 900.")
	}
	if retries := p.parameter(parameterRetries); retries != "" && !within(retries, 0, 300) {
		return awsapi.InvalidArgument("Number of retries for lambda must be between 0 and 300.")
	}
	return nil
}

func within(number string, least, most float64) bool {
	n, err := strconv.ParseFloat(number, 64)
	return err == nil && n >= least && n <= most
}

// processorClass is how AWS names its processors in one text.
const processorClass = "class com.amazonaws.services.firehose.internal.model."

func (p *processor) checkExtraction(partitioning bool) error {
	switch {
	case !partitioning:
		return awsapi.InvalidArgument(processorClass + "MetadataExtractionProcessor can only be present when Dynamic Partitioning is enabled.")
	case p.parameter(parameterEngine) != "JQ-1.6":
		return awsapi.InvalidArgument("MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6")
	}
	if _, err := gojq.Parse(p.parameter(parameterQuery)); err != nil || p.parameter(parameterQuery) == "" {
		return awsapi.InvalidArgument("MetaDataExtraction JQ Query is not valid")
	}
	return nil
}

func (p *processor) checkDeaggregation(partitioning bool) error {
	kind := p.parameter(parameterSubRecord)
	switch {
	case !partitioning:
		return awsapi.InvalidArgument(processorClass + "RecordDeAggregationProcessor can only be present when Dynamic Partitioning is enabled.")
	case kind != "JSON" && kind != "DELIMITED":
		return awsapi.InvalidArgument("SubRecordType has to be one of JSON, DELIMITED")
	case kind == "DELIMITED" && p.parameter(parameterDelimiter) == "":
		return awsapi.InvalidArgument("Delimiter should be present for DELIMITED")
	}
	return nil
}

// extractedKeys are the names that a query is sure to yield: those written in
// the object that it ends with.
func extractedKeys(query string) (names []string) {
	q, err := gojq.Parse(query)
	if err != nil {
		return nil // checkExtraction tells
	}
	for q.Right != nil && q.Op == gojq.OpPipe {
		q = q.Right
	}
	if q.Term == nil || q.Term.Object == nil {
		return nil
	}
	for _, kv := range q.Term.Object.KeyVals {
		switch {
		case kv.Key != "":
			names = append(names, strings.TrimPrefix(kv.Key, "$"))
		case kv.KeyString != nil && kv.KeyString.Queries == nil:
			names = append(names, kv.KeyString.Str)
		}
	}
	return names
}

// query compiles the one of MetadataExtraction; nil without.
func (d *destination) query(pair prefix.Pair) (*process.Query, error) {
	p := d.processor(processorExtraction)
	if p == nil {
		return nil, nil
	}
	return process.NewQuery(p.parameter(parameterQuery), pair.Prefix.QueryKeys())
}

// split is how RecordDeAggregation takes records apart.
func (d *destination) split() (process.Split, []byte, error) {
	p := d.processor(processorDeaggregation)
	switch {
	case p == nil:
		return process.Whole, nil, nil
	case p.parameter(parameterSubRecord) == "JSON":
		return process.SplitJSON, nil, nil
	}
	delimiter, err := process.SplitDelimiter(p.parameter(parameterDelimiter))
	return process.SplitDelimited, delimiter, err
}

// end is what AppendDelimiterToRecord puts behind each record; nil without.
func (d *destination) end() []byte {
	p := d.processor(processorDelimiter)
	if p == nil {
		return nil
	}
	return process.AppendedDelimiter(p.parameter(parameterDelimiter))
}
