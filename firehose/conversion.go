package firehose

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/internal/awsapi"
)

// formatConversion is kept as it was given; its checks read what they need.
type formatConversion struct {
	Enabled                   *bool                `json:",omitzero"`
	SchemaConfiguration       *schemaConfiguration `json:",omitzero"`
	InputFormatConfiguration  *inputFormat         `json:",omitzero"`
	OutputFormatConfiguration *outputFormat        `json:",omitzero"`
}

type schemaConfiguration struct {
	RoleARN      string `json:",omitzero"`
	CatalogId    string `json:",omitzero"`
	DatabaseName string `json:",omitzero"`
	TableName    string `json:",omitzero"`
	Region       string `json:",omitzero"`
	VersionId    string `json:",omitzero"`
}

type inputFormat struct {
	Deserializer *struct {
		OpenXJsonSerDe jsontext.Value `json:",omitzero"`
		HiveJsonSerDe  jsontext.Value `json:",omitzero"`
	} `json:",omitzero"`
}

type outputFormat struct {
	Serializer *struct {
		ParquetSerDe *parquetSerDe `json:",omitzero"`
		OrcSerDe     *orcSerDe     `json:",omitzero"`
	} `json:",omitzero"`
}

type parquetSerDe struct {
	BlockSizeBytes              *int64 `json:",omitzero"`
	PageSizeBytes               *int64 `json:",omitzero"`
	Compression                 string `json:",omitzero"`
	EnableDictionaryCompression *bool  `json:",omitzero"`
	MaxPaddingBytes             *int64 `json:",omitzero"`
	WriterVersion               string `json:",omitzero"`
}

type orcSerDe struct {
	StripeSizeBytes                     *int64   `json:",omitzero"`
	BlockSizeBytes                      *int64   `json:",omitzero"`
	RowIndexStride                      *int64   `json:",omitzero"`
	EnablePadding                       *bool    `json:",omitzero"`
	PaddingTolerance                    *float64 `json:",omitzero"`
	Compression                         string   `json:",omitzero"`
	BloomFilterColumns                  []string `json:",omitzero"`
	BloomFilterFalsePositiveProbability *float64 `json:",omitzero"`
	DictionaryKeyThreshold              *float64 `json:",omitzero"`
	FormatVersion                       string   `json:",omitzero"`
}

// enabled: a block that does not say is.
func (c *formatConversion) enabled() bool {
	return c != nil && (c.Enabled == nil || *c.Enabled)
}

func (c *formatConversion) model(v *awsapi.Validation, at string) {
	if c == nil || c.OutputFormatConfiguration == nil || c.OutputFormatConfiguration.Serializer == nil {
		return
	}
	at += ".outputFormatConfiguration.serializer"
	atLeast := func(member string, value *int64, least int64) {
		if value != nil {
			v.Range(at+member, *value, least, math.MaxInt64)
		}
	}
	oneOf := func(member, value string, words ...string) {
		if value != "" {
			v.Enum(at+member, value, words...)
		}
	}
	if p := c.OutputFormatConfiguration.Serializer.ParquetSerDe; p != nil {
		atLeast(".parquetSerDe.blockSizeBytes", p.BlockSizeBytes, 64<<20)
		atLeast(".parquetSerDe.pageSizeBytes", p.PageSizeBytes, 64<<10)
		atLeast(".parquetSerDe.maxPaddingBytes", p.MaxPaddingBytes, 0)
		oneOf(".parquetSerDe.compression", p.Compression, "UNCOMPRESSED", "GZIP", "SNAPPY")
		oneOf(".parquetSerDe.writerVersion", p.WriterVersion, "V1", "V2")
	}
	if o := c.OutputFormatConfiguration.Serializer.OrcSerDe; o != nil {
		atLeast(".orcSerDe.stripeSizeBytes", o.StripeSizeBytes, 8<<20)
		atLeast(".orcSerDe.blockSizeBytes", o.BlockSizeBytes, 64<<20)
		atLeast(".orcSerDe.rowIndexStride", o.RowIndexStride, 1000)
		oneOf(".orcSerDe.compression", o.Compression, "NONE", "ZLIB", "SNAPPY")
		oneOf(".orcSerDe.formatVersion", o.FormatVersion, "V0_11", "V0_12")
	}
}

// semantics of a block that is enabled.
func (c *formatConversion) semantics() error {
	switch {
	case c.InputFormatConfiguration == nil:
		return awsapi.InvalidArgument("InputFormatConfiguration must not be null")
	case c.OutputFormatConfiguration == nil:
		return awsapi.InvalidArgument("OutputFormatConfiguration must not be null")
	case c.SchemaConfiguration == nil:
		return awsapi.InvalidArgument("SchemaConfiguration must not be null")
	}
	in, out := c.InputFormatConfiguration.Deserializer, c.OutputFormatConfiguration.Serializer
	switch {
	case in == nil || !given(in.OpenXJsonSerDe) && !given(in.HiveJsonSerDe):
		return awsapi.InvalidArgument("Deserializer must not be null")
	case given(in.OpenXJsonSerDe) && given(in.HiveJsonSerDe):
		return awsapi.InvalidArgument("More than one deserializer specified. Only one may be chosen.")
	case out == nil || out.ParquetSerDe == nil && out.OrcSerDe == nil:
		return awsapi.InvalidArgument("Serializer must not be null")
	case out.ParquetSerDe != nil && out.OrcSerDe != nil:
		return awsapi.InvalidArgument("More than one serializer specified. Only one may be chosen.")
	case out.OrcSerDe != nil:
		return awsapi.InvalidArgument("ORC output is not supported")
	}
	return nil
}
