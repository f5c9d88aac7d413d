// Command broker is a Kafka cluster that keeps its topics in memory: what `sluice
// bench` reads its paths out of Kafka from, and what `sluice bench torture` sends
// matches through, in a process of its own, so that its CPU time is nobody else's.
//
// It prints the address of its first broker, one line, and obeys the commands on
// its standard input, one a line, each answered with "ok" or with what is wrong
// with it:
//
//	bad SEED   requests go wrong in 15 ways, each one time in eight, until heal
//	cut        every request ends its connection, until heal
//	move       partitions and groups get other brokers, once
//	heal       nothing goes wrong any more
//
// It ends with its standard input. Nothing survives it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/kafkatest"
)

func main() {
	brokers := flag.Int("brokers", 1, "how many `brokers` the cluster has")
	flag.Parse()
	if err := run(*brokers, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

// run serves until the commands end.
func run(brokers int, commands io.Reader, answers io.Writer) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer cluster.Close()
	defer kafkatest.Expire(cluster)() // processes are killed while they join
	m := newMoods(cluster)
	fmt.Fprintln(answers, cluster.ListenAddrs()[0])
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		answer := "ok"
		if err := m.obey(lines.Text()); err != nil {
			answer = err.Error()
		}
		if _, err := fmt.Fprintln(answers, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}
