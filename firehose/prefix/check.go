package prefix

import "slices"

// Error is a text that cannot be used, in the service's words.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// Features are the members beside the two prefixes that decide about them.
type Features struct {
	// DynamicPartitioning and Processing tell whether they are enabled.
	DynamicPartitioning, Processing bool
	// Extraction and Lambda tell of processors of these kinds.
	Extraction, Lambda bool
	// ExtractedKeys are what the extraction query yields.
	ExtractedKeys []string
}

// Pair is what both members of a delivery stream come to.
type Pair struct {
	Prefix            *Template
	ErrorOutputPrefix *Template
}

// New reads Prefix and ErrorOutputPrefix; absent and empty are the same. What
// cannot be used gives an *Error: first what is wrong with one expression, then
// what is wrong with the whole.
func New(prefix, errorOutput string, f Features) (Pair, error) {
	p, err := parse(Prefix, prefix)
	if err != nil {
		return Pair{}, err
	}
	e, err := parse(ErrorOutputPrefix, errorOutput)
	if err != nil {
		return Pair{}, err
	}
	if err := checkExpressions(p, e, errorOutput == "", f); err != nil {
		return Pair{}, err
	}
	if errorOutput == "" { // then Prefix is literal
		e.literal(prefix)
	}
	p.complete(Prefix)
	e.complete(ErrorOutputPrefix)
	switch {
	case p.least() > MaxLength:
		return Pair{}, &Error{"Length of evaluated prefix cannot be greater than 512"}
	case errorOutput != "" && e.least() > MaxLength:
		return Pair{}, &Error{"Length of evaluated ErrorOutputPrefix cannot be greater than 512"}
	}
	if f.DynamicPartitioning {
		err = checkPartitioning(p, f)
	}
	return Pair{p, e}, err
}

func checkExpressions(p, e *Template, noErrorOutput bool, f Features) error {
	switch {
	case p.has(errorType):
		return &Error{"Prefix must not contain any occurrence of !{firehose:error-output-type}"}
	case e.Partitioned():
		return &Error{"Dynamic Partitioning Namespaces can't be part of an error prefix expression"}
	case p.Partitioned() && !f.DynamicPartitioning:
		return &Error{"Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled."}
	case p.expressions && noErrorOutput:
		return &Error{"ErrorOutputPrefix cannot be null or empty when Prefix contains expressions"}
	case e.expressions && !e.has(errorType):
		return &Error{"ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}"}
	}
	return nil
}

func checkPartitioning(p *Template, f Features) error {
	query := p.QueryKeys()
	switch {
	case !p.Partitioned():
		return &Error{"S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled"}
	case !f.Processing:
		return &Error{"Processing Configuration is not enabled when DataPartitioning is enabled"}
	case len(query) > 0 && !f.Extraction:
		return &Error{"MetadataExtraction processor should be present when S3 Prefix has partitionKeyFromQuery namespace."}
	case p.has(fromLambda) && !f.Lambda:
		return &Error{"Lambda should be present when S3 Prefix contains keys from partitionKeyFromLambda namespace"}
	}
	for _, k := range f.ExtractedKeys {
		if !slices.Contains(query, k) {
			return &Error{"MetaDataExtraction JQ Query can't contain keys that are not present in the S3 Prefix expression"}
		}
	}
	return nil
}
