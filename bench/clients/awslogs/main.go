// Awslogs sends the lines of its standard input as a container's output would be
// sent: through Docker's awslogs logging driver, without a Docker engine. It then
// lives on, as the Docker daemon does, until it gets SIGTERM: closing the driver
// does not wait for its last batch.
//
// Keys come from the environment, as for every AWS client. It is a module of its
// own because the driver brings much of Docker along.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/moby/moby/v2/daemon/logger"
	"github.com/moby/moby/v2/daemon/logger/awslogs"
)

func main() {
	endpoint := flag.String("endpoint", "", "where the server is")
	group := flag.String("group", "/docker", "log group, made if it is missing")
	stream := flag.String("stream", "container", "log stream")
	flag.Parse()
	if err := send(*endpoint, *group, *stream); err != nil {
		fmt.Fprintln(os.Stderr, "awslogs:", err)
		os.Exit(1)
	}
}

func send(endpoint, group, stream string) error {
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM)
	driver, err := awslogs.New(logger.Info{
		ContainerID: "0123456789abcdef", ContainerName: "/sluice", ContainerCreated: time.Now(),
		Config: map[string]string{
			"awslogs-endpoint": endpoint, "awslogs-region": "us-east-1",
			"awslogs-group": group, "awslogs-stream": stream, "awslogs-create-group": "true",
			"awslogs-force-flush-interval-seconds": "1",
		},
	})
	if err != nil {
		return fmt.Errorf("start driver: %w", err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := logger.NewMessage() // the driver takes it over
		m.Line, m.Timestamp, m.Source = bytes.Clone(lines.Bytes()), time.Now(), "stdout"
		if err := driver.Log(m); err != nil {
			return fmt.Errorf("log line: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	if err := driver.Close(); err != nil {
		return fmt.Errorf("close driver: %w", err)
	}
	<-stopped
	return nil
}
