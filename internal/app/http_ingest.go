package app

import (
	"context"
	"time"

	"sluice/ingest/httpingest"
	"sluice/ingest/otlp"
	"sluice/ingest/requests"
	"sluice/internal/awsapi"
)

// addHTTPIngest puts the HTTP ingestion endpoints and who may use them into the
// border's configuration.
func (a *App) addHTTPIngest(border *awsapi.Config) error {
	replaced := a.registry.Counter("sluice_ingest_replaced_bytes_total", "Bytes of HTTP ingestion that were not UTF-8 and became U+FFFD.").With()
	cfg := httpingest.Config{
		Definitions: a.catalog, Appender: appender{a.store}, Rejections: a.store, Clock: a.clock, Logger: a.log,
		Received: func(events int) { a.metrics.received.Add(uint64(events)) },
		Replaced: replaced.Add, Requests: requests.NewWindow(a.requests...), Repeated: a.metrics.repeated.Add,
	}
	if a.cfg.HTTPIngest.OTLPMessage == "record" {
		cfg.OTLPMessage = otlp.Record
	}
	if a.cfg.HTTPIngest.AutoCreate {
		cfg.Create = a.createTarget
	}
	in, err := httpingest.New(cfg)
	if err != nil {
		return err
	}
	border.Endpoints = append(border.Endpoints, in.Endpoints()...)
	for i, t := range a.cfg.BearerTokens {
		token := awsapi.BearerToken{Token: t.Token, Account: t.AccountID, Region: t.Region}
		if t.Expires != "" {
			if token.Expires, err = time.Parse(time.RFC3339, t.Expires); err != nil {
				return misconfigured("bearer_tokens: number %d: expires: %w", i+1, err)
			}
		}
		border.BearerTokens = append(border.BearerTokens, token)
	}
	return nil
}

// createTarget makes a log group and stream by the operations that clients call.
func (a *App) createTarget(ctx context.Context, c awsapi.Caller, group, stream string) error {
	in := map[string]any{"logGroupName": group}
	for _, target := range [...]string{"Logs_20140328.CreateLogGroup", "Logs_20140328.CreateLogStream"} {
		body, err := awsapi.AppendJSON(nil, in)
		if err != nil {
			return err
		}
		err = a.byTarget[target].Serve(ctx, &awsapi.Request{Caller: c, Body: body}, &awsapi.Reply{})
		if err := unlessExists(err); err != nil {
			return err
		}
		in["logStreamName"] = stream
	}
	return nil
}
