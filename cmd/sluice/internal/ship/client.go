package ship

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// DefaultEndpoint is where a sluice on this machine listens.
const DefaultEndpoint = "http://127.0.0.1:4580"

// NewClient makes an AWS client as every AWS tool would (environment, shared
// configuration), with three differences: an endpoint that nobody configured is
// DefaultEndpoint and not AWS, and a loopback endpoint needs neither credentials
// nor a region. It returns the endpoint that was chosen.
func NewClient(ctx context.Context, endpoint string, connections int) (client *cloudwatchlogs.Client, chosen string, err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("load AWS configuration: %w", err)
	}
	client = cloudwatchlogs.NewFromConfig(cfg, func(o *cloudwatchlogs.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		if o.BaseEndpoint == nil {
			o.BaseEndpoint = new(DefaultEndpoint)
		}
		chosen = *o.BaseEndpoint
		o.HTTPClient = keepConnections(o.HTTPClient, connections)
		if !loopback(chosen) {
			return
		}
		if o.Region == "" {
			o.Region = "us-east-1"
		}
		if !configuredCredentials(cfg.ConfigSources) {
			o.Credentials = credentials.NewStaticCredentialsProvider("sluice", "sluice", "")
		}
	})
	if client.Options().Region == "" {
		return nil, "", errors.New("no region for " + chosen + ": set AWS_REGION")
	}
	return client, chosen, nil
}

// keepConnections keeps as many idle connections as are used at a time; the
// SDK's ten would let the others be made anew for each request.
func keepConnections(client cloudwatchlogs.HTTPClient, n int) cloudwatchlogs.HTTPClient {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		return client
	}
	return buildable.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = max(t.MaxIdleConnsPerHost, n)
	})
}

// configuredCredentials reports whether somebody named credentials. The SDK's
// last resort, the metadata service of an EC2 machine, does not count: asking it
// takes seconds where there is none.
func configuredCredentials(sources []any) bool {
	for _, source := range sources {
		switch s := source.(type) {
		case config.EnvConfig:
			if s.Credentials.HasKeys() || s.WebIdentityTokenFilePath != "" ||
				s.ContainerCredentialsEndpoint != "" || s.ContainerCredentialsRelativePath != "" {
				return true
			}
		case config.SharedConfig:
			if s.Credentials.HasKeys() || s.CredentialProcess != "" || s.RoleARN != "" ||
				s.SSOSession != nil || s.SSOStartURL != "" || s.WebIdentityTokenFile != "" {
				return true
			}
		}
	}
	return false
}

func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// Create makes the log group and its log streams where they do not exist.
func Create(ctx context.Context, client *cloudwatchlogs.Client, group string, streams []string) error {
	_, err := client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group})
	if err != nil && !exists(err) {
		return fmt.Errorf("create log group: %w", err)
	}
	for _, stream := range streams {
		if err := CreateStream(ctx, client, group, stream); err != nil {
			return err
		}
	}
	return nil
}

// CreateStream makes one log stream where it does not exist.
func CreateStream(ctx context.Context, client *cloudwatchlogs.Client, group, stream string) error {
	_, err := client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{
		LogGroupName:  &group,
		LogStreamName: &stream,
	})
	if err != nil && !exists(err) {
		return fmt.Errorf("create log stream: %w", err)
	}
	return nil
}

func exists(err error) bool {
	var already *types.ResourceAlreadyExistsException
	return errors.As(err, &already)
}

// Hint is what to do about an error, where that is known; "" otherwise.
func Hint(err error, endpoint string) string {
	var missing *types.ResourceNotFoundException
	var dial *net.OpError
	var signer x509.UnknownAuthorityError
	switch {
	case errors.As(err, &missing):
		return "without --no-create, ship makes the log group and the log stream"
	case errors.As(err, &signer):
		return "trust the server by AWS_CA_BUNDLE=FILE; the certificate that sluice signs itself is tls/cert.pem in its data folder"
	case slices.Contains(strangers, codeOf(err)):
		return endpoint + " does not know these credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case errors.As(err, &dial) && dial.Op == "dial" && loopback(endpoint):
		return "nothing answers at " + endpoint + ": start sluice serve, or give --endpoint-url"
	}
	return ""
}

// strangers are the codes that say who is asking is not known.
var strangers = []string{"UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException", "ExpiredTokenException", "IncompleteSignatureException"}

// codeOf is the service's code for an error; "" when it is not the service's.
func codeOf(err error) string {
	var answer interface{ ErrorCode() string }
	if errors.As(err, &answer) {
		return answer.ErrorCode()
	}
	return ""
}

// Plain is an error in as many words as a person needs: the operation and what the
// service or the connection said, without the SDK's attempts, statuses and request
// ids, and a hint in a line of its own, or alone where it says all.
func Plain(err error, endpoint string) error {
	hint := Hint(err, endpoint)
	var dial *net.OpError
	if hint != "" && errors.As(err, &dial) {
		return &plainError{hint, err}
	}
	text := err.Error()
	var operation interface{ Operation() string }
	var answer interface {
		ErrorCode() string
		ErrorMessage() string
	}
	var transport *url.Error
	switch {
	case !errors.As(err, &operation):
	case errors.As(err, &answer):
		text = fmt.Sprintf("%s: %s: %s", operation.Operation(), answer.ErrorCode(), answer.ErrorMessage())
	case errors.As(err, &transport):
		text = fmt.Sprintf("%s: %v", operation.Operation(), transport)
	}
	if hint != "" {
		text += "\n" + hint
	}
	return &plainError{text, err}
}

// plainError prints text and is err.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }
