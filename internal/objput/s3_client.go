package objput

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// newClient makes the SDK's client. It calls nobody, except that the AWS
// configuration may ask an instance for its region.
func newClient(ctx context.Context, cfg S3Config, transport http.RoundTripper) (*s3.Client, error) {
	var load []func(*config.LoadOptions) error
	if cfg.Region != "" {
		load = append(load, config.WithRegion(cfg.Region))
	}
	sdk, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, err
	}
	sdk.BaseEndpoint = nil // AWS_ENDPOINT_URL is how clients find sluice
	sdk.Logger = nil       // it would print; errors are returned
	client := s3.NewFromConfig(sdk, func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
		custom := o.BaseEndpoint != nil
		if custom && o.Region == "" {
			o.Region = "us-east-1" // most stores take any
		}
		o.UsePathStyle = cfg.PathStyle.or(custom)
		// Checksums are computed here and sent as headers: the SDK's own would
		// be trailers, which many stores refuse or store as part of the body.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if cfg.Checksums.or(!custom) {
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		}
		o.DisableLogOutputChecksumValidationSkipped = true
		o.Retryer = aws.NopRetryer{} // the caller retries, with the same key
		o.HTTPClient = &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		o.Credentials = credentials{o.Credentials}
	})
	if client.Options().Region == "" {
		return nil, errors.New("no region: set it, or AWS_REGION, or one in the AWS profile")
	}
	return client, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   32,
	}
}

// credentials marks it as a refusal when there are none: somebody has to give
// some.
type credentials struct{ chain aws.CredentialsProvider }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.chain.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: no credentials: %w", ErrRefused, err)
	}
	return got, err
}
