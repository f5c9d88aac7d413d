// Command broker is a Kafka cluster of one broker that keeps its topics in
// memory: what `sluice bench` reads its paths out of Kafka from, in a process of
// its own, so that its CPU time is nobody else's.
//
// It prints the address it listens at, one line, and ends with its standard
// input. Nothing survives it.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
	fmt.Println(cluster.ListenAddrs()[0])
	io.Copy(io.Discard, os.Stdin)
	cluster.Close()
}
