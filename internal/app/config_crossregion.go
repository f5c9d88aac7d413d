package app

// Crossregion copies logs between sluices of several regions and accounts.
type Crossregion struct {
	// Serve lets other sluices read this one's log on the data port.
	Serve CrossregionServe `yaml:"serve"`
	// Sources are sluices whose logs are copied here.
	Sources []CrossregionSource `yaml:"sources"`
}

// CrossregionServe says who may read the log. With both, both are demanded;
// without either, nobody may.
type CrossregionServe struct {
	// TokenEnvs name environment variables that each hold a token of at least 16
	// characters.
	TokenEnvs []string `yaml:"token_envs"`
	// ClientCAFile holds the certificates, PEM, that sign those of readers.
	ClientCAFile string `yaml:"client_ca_file"`
}

// CrossregionSource is a sluice whose log is copied here, each batch once.
type CrossregionSource struct {
	// Name names the source in metrics, log lines and the copy's state.
	Name string `yaml:"name"`
	// URL is its data port: https://HOST:PORT, or http on loopback.
	URL string `yaml:"url"`
	// TokenEnv names the environment variable that holds the token.
	TokenEnv string `yaml:"token_env"`
	// Insecure allows the token to travel over http to another machine.
	Insecure bool `yaml:"insecure"`
	// CAFile holds the certificates to trust, PEM. Default: the system's.
	CAFile string `yaml:"ca_file"`
	// CertFile is the certificate to show, PEM, where the source demands one.
	CertFile string `yaml:"cert_file"`
	// KeyFile is the file of its key.
	KeyFile string `yaml:"key_file"`
	// ServerName is what the source's certificate is checked for. Default: the host.
	ServerName string `yaml:"server_name"`
	// Groups select log groups by name; * stands for any characters.
	Groups []string `yaml:"groups"`
	// Except takes some of them out again.
	Except []string `yaml:"except"`
	// CentralGroup names the log group here: {group}, {account}, {region} and
	// {source} in it are replaced. Default {group}.
	CentralGroup string `yaml:"central_group"`
	// CentralStream names the log stream here, with {stream} too. Default {stream}.
	CentralStream string `yaml:"central_stream"`
	// Backfill takes what the source has from before the first contact.
	Backfill bool `yaml:"backfill"`
	// InOrder keeps the order of the source's log also while it is caught up with:
	// new events wait for old ones.
	InOrder bool `yaml:"in_order"`
	// LiveWithinSeconds is the delay from which on a lag is left behind as backlog.
	// Default 2.
	LiveWithinSeconds float64 `yaml:"live_within_seconds"`
	// RateMBPerS bounds the backlog on the wire, in MiB a second; 0 is no bound.
	RateMBPerS float64 `yaml:"rate_mb_per_s"`
	// Compression is zstd, s2 (half the processor time here, half as many bytes
	// again on the wire) or none. Default zstd.
	Compression string `yaml:"compression"`
	// MaxHops is how many sluices an event may have come through: 1 takes what was
	// born at the source. Default 1.
	MaxHops int `yaml:"max_hops"`
}
