package kafkadial

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/aws_msk_iam_v2"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// SASL says who the client is.
type SASL struct {
	// Mechanism is plain, scram-sha-256, scram-sha-512 or aws-msk-iam; empty for
	// none.
	Mechanism string
	// Username and Password are for all mechanisms but aws-msk-iam.
	Username string
	Password Secret
	// Region is the cluster's, for aws-msk-iam alone; its credentials come as for
	// every AWS client.
	Region string
}

// Mechanisms lists what SASL.Mechanism may be.
func Mechanisms() []string { return []string{"plain", "scram-sha-256", "scram-sha-512", "aws-msk-iam"} }

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		if s != (SASL{}) {
			return nil, fmt.Errorf("no mechanism: give one of %q", Mechanisms())
		}
		return nil, nil
	case "aws-msk-iam":
		return s.iam()
	}
	if s.Username == "" || s.Password == "" {
		return nil, fmt.Errorf("%s wants a username and a password", s.Mechanism)
	}
	switch s.Mechanism {
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: string(s.Password)}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.Username, string(s.Password))
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.Username, string(s.Password))
	}
	return nil, fmt.Errorf("mechanism %q is not one of %q", s.Mechanism, Mechanisms())
}

func (s SASL) iam() (sasl.Mechanism, error) {
	if s.Region == "" {
		return nil, errors.New("aws-msk-iam wants the cluster's region")
	}
	return &aws_msk_iam_v2.Mechanism{
		Signer: v4.NewSigner(), Region: s.Region, Credentials: aws.NewCredentialsCache(ambient{s.Region}),
	}, nil
}

// ambient finds credentials where every AWS client looks, when they are first
// needed: looking is I/O.
type ambient struct{ region string }

// Retrieve implements aws.CredentialsProvider.
func (a ambient) Retrieve(ctx context.Context) (aws.Credentials, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(a.region))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("find aws credentials: %w", err)
	}
	return cfg.Credentials.Retrieve(ctx)
}
