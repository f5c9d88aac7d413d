package firehose

import (
	"sluice/internal/awsapi"
	"sluice/internal/format"
)

// The values of SluiceConfiguration.Format.
const (
	formatRaw     = "raw"
	formatNDJSON  = "ndjson"
	formatParquet = "parquet"
)

// promotedField is a member of JSON messages with a column of its own.
type promotedField struct {
	// Name is the column's; default the path's parts, joined by underscores.
	Name string `json:",omitzero"`
	// Path leads to the member, from the outside in.
	Path []string
	// Type is string, bigint, double or boolean.
	Type string
}

const maxPromotedFields = 200

func (x *sluiceConfiguration) modelRows(v *awsapi.Validation, at string) {
	oneOf := func(member, value string, words ...string) {
		if value != "" {
			v.Enum(at+member, value, words...)
		}
	}
	oneOf(".format", x.Format, formatRaw, formatNDJSON, formatParquet)
	oneOf(".parquetCompression", x.ParquetCompression, "ZSTD", "SNAPPY", "GZIP", "UNCOMPRESSED")
	oneOf(".layout", x.Layout, layoutHive, layoutCloudTrail)
	v.ListLength(at+".promotedFields", "", len(x.PromotedFields), 0, maxPromotedFields)
	v.ListLength(at+".bloomFilterColumns", "", len(x.BloomFilterColumns), 0, maxPromotedFields)
}

// objectFormat is what data objects are: the one that is named, or Parquet where
// the service's own conversion asks for it.
func (d *destination) objectFormat() string {
	switch x := d.SluiceConfiguration; {
	case x != nil && x.Format != "":
		return x.Format
	case d.DataFormatConversionConfiguration.enabled():
		return formatParquet
	}
	return formatRaw
}

// checkRows checks what Format means together with the rest.
func (d *destination) checkRows() error {
	x := d.SluiceConfiguration
	if x == nil {
		x = new(sluiceConfiguration)
	}
	kind := d.objectFormat()
	switch {
	case d.DataFormatConversionConfiguration.enabled() && kind != formatParquet:
		return awsapi.InvalidArgument("SluiceConfiguration.Format must be parquet, or not given, when data format conversion is enabled")
	case kind != formatParquet && (x.ParquetCompression != "" || len(x.PromotedFields) > 0 || len(x.BloomFilterColumns) > 0):
		return awsapi.InvalidArgument("SluiceConfiguration.Format must be parquet when ParquetCompression, PromotedFields or BloomFilterColumns is given")
	case kind == formatParquet && d.CompressionFormat != "" && d.CompressionFormat != "UNCOMPRESSED":
		return awsapi.InvalidArgument("The S3 destination's compression format must be set to UNCOMPRESSED when SluiceConfiguration.Format is parquet: its pages have their own")
	}
	if _, err := d.newParquet(); err != nil {
		return awsapi.InvalidArgument("SluiceConfiguration is not valid: %v", err)
	}
	return nil
}

// newParquet is what Parquet objects look like, nil for other objects. What
// ParquetSerDe says of compression is followed; the table of SchemaConfiguration
// is not read, for there is no Glue here: the columns are those of package format.
func (d *destination) newParquet() (*format.Parquet, error) {
	if d.objectFormat() != formatParquet {
		return nil, nil
	}
	var cfg format.ParquetConfig
	if c := d.DataFormatConversionConfiguration; c.enabled() && c.OutputFormatConfiguration != nil {
		cfg.Compression = c.OutputFormatConfiguration.parquetCompression()
	}
	if x := d.SluiceConfiguration; x != nil {
		if x.ParquetCompression != "" {
			cfg.Compression = x.ParquetCompression
		}
		cfg.BloomFilters = x.BloomFilterColumns
		for _, f := range x.PromotedFields {
			cfg.Fields = append(cfg.Fields, format.Field{Name: f.Name, Path: f.Path, Type: format.FieldType(f.Type)})
		}
	}
	return format.NewParquet(cfg)
}

// parquetCompression is SNAPPY unless it is given, as in AWS.
func (o *outputFormat) parquetCompression() string {
	if o.Serializer == nil || o.Serializer.ParquetSerDe == nil || o.Serializer.ParquetSerDe.Compression == "" {
		return "SNAPPY"
	}
	return o.Serializer.ParquetSerDe.Compression
}

// The values of SluiceConfiguration.Layout.
const (
	layoutHive       = "hive"
	layoutCloudTrail = "cloudtrail"
)

// layouts are what follows Prefix.
var layouts = map[string]string{
	layoutHive:       "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/",
	layoutCloudTrail: "!{timestamp:yyyy/MM/dd}/",
}

// layoutErrors is ErrorOutputPrefix where a layout is given and it is not.
const layoutErrors = "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"

// laidOut is Prefix and ErrorOutputPrefix with the layout's part.
func (d *destination) laidOut() (data, errors string) {
	if d.SluiceConfiguration == nil || d.SluiceConfiguration.Layout == "" {
		return d.Prefix, d.ErrorOutputPrefix
	}
	errors = d.ErrorOutputPrefix
	if errors == "" {
		errors = layoutErrors
	}
	return d.Prefix + layouts[d.SluiceConfiguration.Layout], errors
}
