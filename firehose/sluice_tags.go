package firehose

import (
	"strconv"
	"strings"

	"sluice/internal/awsapi"
)

// tagSpace is what names of tags start with that stand for members of
// SluiceConfiguration: clients that are generated from AWS's model (its CLI, its
// SDKs, Terraform) can send tags, and cannot send members that AWS does not have.
// They are read when a delivery stream is created, and kept as the tags they are.
const tagSpace = "sluice:"

// sluiceTags are those tags. Values that are lists are separated by spaces, for a
// tag cannot hold a comma; a promoted field is name=path or name=path:type.
var sluiceTags = []struct {
	name string
	set  func(x *sluiceConfiguration, value string) (ok bool)
}{
	{"timestamp", func(x *sluiceConfiguration, v string) bool { x.Timestamp = v; return true }},
	{"lateness-in-seconds", func(x *sluiceConfiguration, v string) bool { return setNumber(&x.LatenessInSeconds, v) }},
	{"target-object-size-in-mbs", func(x *sluiceConfiguration, v string) bool { return setNumber(&x.TargetObjectSizeInMBs, v) }},
	{"format", func(x *sluiceConfiguration, v string) bool { x.Format = v; return true }},
	{"layout", func(x *sluiceConfiguration, v string) bool { x.Layout = v; return true }},
	{"parquet-compression", func(x *sluiceConfiguration, v string) bool { x.ParquetCompression = v; return true }},
	{"bloom-filter-columns", func(x *sluiceConfiguration, v string) bool { x.BloomFilterColumns = strings.Fields(v); return true }},
	{"promoted-fields", setFields},
}

func setNumber(to **int, value string) bool {
	n, err := strconv.Atoi(value)
	*to = &n
	return err == nil
}

func setFields(x *sluiceConfiguration, value string) bool {
	for _, field := range strings.Fields(value) {
		name, path, ok := strings.Cut(field, "=")
		if !ok {
			return false
		}
		path, kind, typed := strings.Cut(path, ":")
		if !typed {
			kind = "string"
		}
		x.PromotedFields = append(x.PromotedFields, promotedField{Name: name, Path: strings.Split(path, "."), Type: kind})
	}
	return true
}

// tagged puts what tags say into the destination, unless it says so itself.
func (in *createInput) tagged(d *destination) error {
	var x sluiceConfiguration
	any := false
	for _, t := range in.Tags {
		name, ours := strings.CutPrefix(t.Key, tagSpace)
		if !ours {
			continue
		}
		if !x.setTag(name, t.Value) {
			return awsapi.InvalidArgument("The tag %s with the value %q is not one that this version knows: there are %s", t.Key, t.Value, tagNames())
		}
		any = true
	}
	if !any || d.SluiceConfiguration != nil {
		return nil
	}
	v := awsapi.FirehoseValidation()
	x.model(v, "tags.sluice")
	d.SluiceConfiguration = &x
	return v.Err()
}

// tagNames lists the tags for people.
func tagNames() string {
	names := make([]string, len(sluiceTags))
	for i, t := range sluiceTags {
		names[i] = tagSpace + t.name
	}
	return strings.Join(names, ", ")
}

func (x *sluiceConfiguration) setTag(name, value string) bool {
	for _, t := range sluiceTags {
		if t.name == name {
			return t.set(x, value)
		}
	}
	return false
}
