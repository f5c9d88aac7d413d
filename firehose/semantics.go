package firehose

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sluice/firehose/prefix"
	"sluice/internal/awsapi"
	"sluice/internal/format"
)

// semantics checks what members mean together, in AWS's words: first everything
// that AWS would refuse, then, by name, what is not here.
func (d *destination) semantics() error {
	for _, check := range []func() error{
		d.checkPrefixes, d.checkHints, d.checkProcessing, d.checkConversion, d.checkRows, d.checkLogging, d.checkBackup,
		d.checkZone, d.checkKeys, d.checkSupported, d.checkCompiles,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *destination) checkPrefixes() error {
	_, err := d.prefixes()
	return invalid(err)
}

// invalid is an error of a package that knows AWS's texts but not its codes.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return awsapi.InvalidArgument("%s", err.Error())
}

func (d *destination) checkHints() error {
	h := d.BufferingHints
	if h == nil {
		return nil
	}
	partitioning := d.DynamicPartitioningConfiguration.enabled()
	switch {
	case (h.SizeInMBs == nil) != (h.IntervalInSeconds == nil):
		return awsapi.InvalidArgument("If you specify a value for SizeInMBs, you must also specify a value for IntervalInSeconds, and vice versa.")
	case h.SizeInMBs == nil:
		return nil
	case partitioning && *h.SizeInMBs < 64:
		return awsapi.InvalidArgument("BufferingHints.SizeInMBs must be at least 64 when Dynamic Partitioning is enabled.")
	case partitioning && *h.IntervalInSeconds < 60:
		return awsapi.InvalidArgument("BufferingHints.IntervalInSeconds must be at least 60 seconds when Dynamic Partitioning is enabled.")
	case d.DataFormatConversionConfiguration.enabled() && *h.SizeInMBs < 64:
		return awsapi.InvalidArgument("BufferingHints.SizeInMBs must be at least 64 when data format conversion is enabled.")
	}
	return nil
}

func (d *destination) checkConversion() error {
	c := d.DataFormatConversionConfiguration
	if !c.enabled() {
		return nil
	}
	if d.CompressionFormat != "" && d.CompressionFormat != "UNCOMPRESSED" {
		return awsapi.InvalidArgument("The S3 destination's compression format must be set to UNCOMPRESSED when data format conversion is enabled")
	}
	return c.semantics()
}

func (d *destination) checkLogging() error {
	if o := d.CloudWatchLoggingOptions; o != nil && o.Enabled && o.LogGroupName == "" {
		return awsapi.InvalidArgument("CloudWatch Log Group Name is required if CloudWatch Logging is enabled")
	}
	return nil
}

func (d *destination) checkBackup() error {
	if d.S3BackupMode == "Enabled" && d.S3BackupConfiguration == nil {
		return awsapi.InvalidArgument("S3 backup destination configuration is required when enabling S3 backup.")
	}
	if d.S3BackupConfiguration == nil {
		return nil
	}
	backup := d.S3BackupConfiguration.reduced()
	if backup.BucketARN == "" || backup.RoleARN == "" { // an update may leave them out only where they are known
		return awsapi.InvalidArgument("S3 backup destination configuration is required when enabling S3 backup.")
	}
	for _, check := range []func() error{backup.checkPrefixes, backup.checkHints, backup.checkLogging, backup.checkKeys, backup.checkSupported} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *destination) checkZone() error {
	if _, err := prefix.LoadZone(d.CustomTimeZone); err != nil {
		return awsapi.InvalidArgument("CustomTimeZone %s is not a known time zone", d.CustomTimeZone)
	}
	return nil
}

// suffixAtMost is more than what follows an evaluated prefix in a key.
const suffixAtMost = 64 + len("-2147483647-2006-01-02-15-04-05-") + 36 + 128

// checkKeys refuses prefixes whose keys we could not write. Those depend on the
// instant and on the object only in places that do not matter here.
func (d *destination) checkKeys() error {
	pair, err := d.prefixes()
	if err != nil {
		return invalid(err)
	}
	for _, m := range []struct {
		name     prefix.Member
		template *prefix.Template
	}{{prefix.Prefix, pair.Prefix}, {prefix.ErrorOutputPrefix, pair.ErrorOutputPrefix}} {
		start, err := m.template.Append(nil, prefix.Values{Instant: time.Unix(0, 0).UTC(), ErrorType: processingFailed})
		switch {
		case err != nil:
			continue // by partition; each object is checked when it is named
		case underReserved(string(start)):
			return awsapi.InvalidArgument("%s must not lie under %s, where manifests and metadata are kept", m.name, reserved)
		case len(start)+suffixAtMost > maxKey:
			return awsapi.InvalidArgument("%s makes keys of more than the %d bytes that S3 takes", m.name, maxKey)
		}
	}
	return nil
}

// unsupported refuses a feature of AWS's that this version does not have.
func unsupported(feature string) error {
	return awsapi.InvalidArgument("%s is not supported yet by this version", feature)
}

func (d *destination) checkSupported() error {
	if p := d.ProcessingConfiguration; p != nil && p.Enabled {
		for _, p := range p.Processors {
			if p.Type == processorLambda {
				return unsupported("The processor " + p.Type)
			}
		}
	}
	switch {
	case d.EncryptionConfiguration != nil && d.EncryptionConfiguration.KMSEncryptionConfig != nil:
		return unsupported("KMSEncryptionConfig")
	}
	if d.CompressionFormat != "" {
		if _, err := format.CodecNamed(d.CompressionFormat); err != nil {
			return unsupported("The CompressionFormat " + d.CompressionFormat)
		}
	}
	return nil
}

// checkCompiles refuses what can be read and not be run: a query that depends on
// more than its record, a delimiter that is no Base64.
func (d *destination) checkCompiles() error {
	if d.ProcessingConfiguration == nil || !d.ProcessingConfiguration.Enabled {
		return nil
	}
	pair, err := d.prefixes()
	if err != nil {
		return invalid(err)
	}
	if _, err := d.query(pair); err != nil {
		return awsapi.InvalidArgument("MetaDataExtraction JQ Query is not valid: %v", err)
	}
	if _, _, err := d.split(); err != nil {
		return awsapi.InvalidArgument("Delimiter is not valid: %v", err)
	}
	return nil
}

// given tells whether a member was sent with something in it.
func given(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }
