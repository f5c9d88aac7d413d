package objput

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"sluice/internal/vfs"
)

// Switch is a setting whose default depends on where the objects go.
type Switch string

// The positions of a Switch.
const (
	Auto Switch = ""
	On   Switch = "on"
	Off  Switch = "off"
)

func (s Switch) or(automatic bool) bool {
	if s == Auto {
		return automatic
	}
	return s == On
}

// S3Config says where S3 is and how objects are put there. Credentials come as
// for every AWS client: environment, shared configuration files, web identity,
// container or instance role.
type S3Config struct {
	// Endpoint is a store's URL, http(s)://HOST[:PORT][/PATH]. Default AWS, or
	// what AWS_ENDPOINT_URL_S3 names; AWS_ENDPOINT_URL, by which clients find
	// sluice itself, is not followed.
	Endpoint string
	// Region is where the buckets are. Default what the AWS configuration names,
	// and us-east-1 with an Endpoint.
	Region string
	// PathStyle puts the bucket into the path instead of the host name. Default
	// on with an Endpoint, off on AWS.
	PathStyle Switch
	// Checksums sends CRC-32C of every body and part, and the size of the whole,
	// for the store to verify. Default on on AWS, off with an Endpoint: not every
	// store knows the headers. Trailing checksums are never sent.
	Checksums Switch
	// SSE is the server-side encryption: "" for the bucket's own default,
	// AES256, aws:kms or aws:kms:dsse.
	SSE string
	// SSEKMSKeyID is the key of aws:kms; default the account's key for S3.
	SSEKMSKeyID string
	// PartSize is the largest body that goes in one PutObject, and the least
	// size of a part above, in bytes. Default 16 MiB; AWS takes no part below
	// 5 MiB but the last.
	PartSize int64
	// Parallel is how many parts of an object are in flight. Default 4.
	Parallel int
	// Timeout is how long a call without a body may take, by the machine's
	// clock. Bodies get one second more for each 256 KiB, and completing an
	// upload gets ten times as much. Default 30 s.
	Timeout time.Duration
	// FS and Journal are where uploads are noted until they end, so that those
	// of a crashed process can be aborted. Default: nowhere.
	FS      vfs.FS
	Journal string
	// Logger gets the warnings. Default none.
	Logger *slog.Logger
}

func (c *S3Config) setDefaults() error {
	if c.PartSize == 0 {
		c.PartSize = 16 << 20
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.validate()
}

func (c *S3Config) validate() error {
	switch c.SSE {
	case "", "AES256":
		if c.SSEKMSKeyID != "" {
			return fmt.Errorf("a KMS key needs server-side encryption aws:kms, not %q", c.SSE)
		}
	case "aws:kms", "aws:kms:dsse":
	default:
		return fmt.Errorf("server-side encryption %q is none of AES256, aws:kms, aws:kms:dsse", c.SSE)
	}
	for _, s := range []Switch{c.PathStyle, c.Checksums} {
		if s != Auto && s != On && s != Off {
			return fmt.Errorf("%q is neither on nor off", s)
		}
	}
	if c.PartSize < 0 || c.Parallel < 0 || c.Timeout < 0 {
		return fmt.Errorf("part size %d, parallel parts %d and timeout %v must be positive", c.PartSize, c.Parallel, c.Timeout)
	}
	if c.Journal != "" && c.FS == nil {
		return fmt.Errorf("the upload journal %s has no file system", c.Journal)
	}
	if c.Endpoint == "" {
		return nil
	}
	return checkEndpoint(c.Endpoint)
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("endpoint: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("endpoint %q: give http(s)://HOST[:PORT]", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("endpoint %q: credentials do not belong there, but into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or an AWS profile", u.Redacted())
	case u.RawQuery != "", u.Fragment != "":
		return fmt.Errorf("endpoint %q: no query and no fragment", endpoint)
	}
	return nil
}

// Open opens the store that spec names: folder:DIR, aws, or http(s)://ENDPOINT.
// The folder lies in fsys; cfg says the rest about S3, and its Endpoint is
// replaced. The store is an io.Closer where it has something to close.
func Open(ctx context.Context, spec string, fsys vfs.FS, cfg S3Config) (Store, error) {
	if dir, ok := strings.CutPrefix(spec, "folder:"); ok {
		if dir == "" {
			return nil, fmt.Errorf("open object store %q: give folder:DIR", spec)
		}
		f, err := OpenFolder(fsys, dir)
		if err != nil {
			return nil, err // no Store that holds a nil *Folder
		}
		return f, nil
	}
	switch {
	case spec == "aws":
		cfg.Endpoint = ""
	case strings.HasPrefix(spec, "http://"), strings.HasPrefix(spec, "https://"):
		cfg.Endpoint = spec
	default:
		return nil, fmt.Errorf("open object store %q: give folder:DIR, aws or http(s)://ENDPOINT", spec)
	}
	if cfg.FS == nil {
		cfg.FS = fsys
	}
	s, err := OpenS3(ctx, cfg)
	if err != nil {
		return nil, err // no Store that holds a nil *S3
	}
	return s, nil
}
