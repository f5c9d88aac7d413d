// Otlp sends the lines of its standard input as OpenTelemetry log records: the
// SDK's batching processor over the OTLP exporter for HTTP. Address and headers
// come from OTEL_EXPORTER_OTLP_LOGS_ENDPOINT and OTEL_EXPORTER_OTLP_LOGS_HEADERS,
// compression from OTEL_EXPORTER_OTLP_LOGS_COMPRESSION.
//
// It is a module of its own because the product needs nothing of the SDK.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
)

func main() {
	if err := send(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

func send(ctx context.Context) error {
	exporter, err := otlploghttp.New(ctx)
	if err != nil {
		return fmt.Errorf("make exporter: %w", err)
	}
	const batch = 100
	provider := sdk.NewLoggerProvider(sdk.WithProcessor(sdk.NewBatchProcessor(exporter,
		sdk.WithMaxQueueSize(1<<20), sdk.WithExportMaxBatchSize(batch), sdk.WithExportInterval(100*time.Millisecond))))
	logger := provider.Logger("sluice/bench/clients/otlp")
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r log.Record
		r.SetTimestamp(time.Now())
		r.SetSeverity(log.SeverityInfo)
		r.SetBody(attribute.StringValue(lines.Text()))
		r.AddAttributes(attribute.String("user.id", "12345"))
		logger.Emit(ctx, r)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	return provider.Shutdown(ctx) // exports what is left
}
