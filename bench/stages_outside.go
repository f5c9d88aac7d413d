package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"sluice/ingest/otlp"
	"sluice/internal/event"
	"sluice/internal/kafkadial"
	"sluice/internal/objput"
)

// The stages that need a program beside this one.
const (
	fetchStage = "fetch Kafka"
	putStage   = "put S3 (object)" // per byte of objects
)

func (s *stages) decodeOTLP() error {
	var in otlp.Reader
	b := event.GetBuilder(4 << 20)
	defer b.Release()
	return s.timed("decode OTLP", 1, func() error {
		for _, r := range s.load.requests {
			b.Reset()
			for in.Reset(r.records); in.Next(); {
				ms, _ := in.Timestamp()
				text, ok := in.Text()
				if !ok {
					return errors.New("a body is no text")
				}
				if err := b.Append(ms, text); err != nil {
					return err
				}
			}
			if in.Err() != nil || b.Len() != r.events {
				return errors.Join(in.Err(), fmt.Errorf("%d events of %d", b.Len(), r.events))
			}
			if _, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// fetch reads a topic to its end, into batches.
func (s *stages) fetch(ctx context.Context, o Options) error {
	o.Connections = 1 // one partition
	broker, err := startBroker(ctx, o)
	if err != nil {
		return err
	}
	events := 0
	for i := range s.load.requests {
		if err := broker.produce(ctx, i, &s.load.requests[i]); err != nil {
			return errors.Join(err, broker.stop())
		}
		events += s.load.requests[i].events
	}
	cluster, err := kafkadial.New(kafkadial.Config{Brokers: []string{broker.address}})
	if err != nil {
		return errors.Join(err, broker.stop())
	}
	client := cluster.Client(time.Minute, broker.topic)
	defer client.Close()
	err = s.timed(fetchStage, 1, func() error { return drain(ctx, client, broker.topic, int64(events)) })
	return errors.Join(err, broker.stop())
}

// drain makes batches of the first records of a topic.
func drain(ctx context.Context, client *kafkadial.Client, topic string, end int64) error {
	b := event.GetBuilder(4 << 20)
	defer b.Release()
	for at := int64(0); at < end; {
		page, err := client.Fetch(ctx, topic, 0, at, 1<<20)
		if err != nil {
			return err
		}
		b.Reset()
		at, err = page.Each(at, func(r *protocol.Record) error {
			value := b.Free()[:r.Value.Len()]
			if _, err := io.ReadFull(r.Value, value); err != nil {
				return err
			}
			return b.Commit(len(value), r.Time.UnixMilli())
		})
		page.Discard()
		if err != nil {
			return err
		}
		if _, err := b.Seal(event.Header{GroupUID: 1, StreamUID: 1}, event.Source{}); err != nil {
			return err
		}
	}
	return nil
}

// putS3 puts objects of the size that 64 MB become, of bytes that no codec makes
// smaller.
func (s *stages) putS3(ctx context.Context, o Options) error {
	g, err := startGateway(ctx, o.Gateway, filepath.Join(s.dir, "s3"))
	if err != nil {
		return err
	}
	for _, pair := range g.environ() { // where AWS clients look, this process's, too
		name, value, _ := strings.Cut(pair, "=")
		was, there := os.LookupEnv(name)
		if err := os.Setenv(name, value); err != nil {
			return errors.Join(err, g.stop())
		}
		defer func() {
			if os.Unsetenv(name); there {
				os.Setenv(name, was)
			}
		}()
	}
	store, err := objput.OpenS3(ctx, objput.S3Config{Endpoint: g.url})
	if err != nil {
		return errors.Join(err, g.stop())
	}
	const size, objects = 12 << 20, 4
	body, random, n := make([]byte, size), rand.NewChaCha8([32]byte{}), 0
	random.Read(body) // always fills it
	err = s.timed(putStage, s.bytes/(size*objects), func() error {
		for range objects {
			n++
			if err := store.PutIfAbsent(ctx, bucket, strconv.Itoa(n), objput.Object{Body: bytes.NewReader(body), Size: size}); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, store.Close(), g.stop())
}
