package app

// Credential is one access key.
type Credential struct {
	// AccessKeyID is what clients sign with.
	AccessKeyID string `yaml:"access_key_id"`
	// SecretAccessKey is its secret.
	SecretAccessKey string `yaml:"secret_access_key"`
	// SessionToken must come with the key when it is set.
	SessionToken string `yaml:"session_token"`
	// AccountID is the key's account; default account_id.
	AccountID string `yaml:"account_id"`
	// Actions are what the key may do: read, write, admin, or IAM's names and
	// wildcards, as logs:PutLogEvents or logs:Get*. Default: everything.
	Actions []string `yaml:"actions"`
	// Regions are where the key may do so. Default: everywhere.
	Regions []string `yaml:"regions"`
}

// BearerToken is one token that opens the HTTP ingestion endpoints.
type BearerToken struct {
	// Token is what stands behind "Authorization: Bearer", at least 16
	// characters.
	Token string `yaml:"token"`
	// AccountID is the account that it writes to; default account_id.
	AccountID string `yaml:"account_id"`
	// Region is the region that it writes to; default region.
	Region string `yaml:"region"`
	// Expires is the RFC 3339 instant at which it ends. Default: never.
	Expires string `yaml:"expires"`
}

// TLS names a certificate and its key, PEM files.
type TLS struct {
	// Cert is the certificate's file, PEM, with those that signed it. Without one a
	// self-signed certificate is made: tls/cert.pem in the data folder.
	Cert string `yaml:"cert"`
	// Key is the file of its key, PEM.
	Key string `yaml:"key"`
}
