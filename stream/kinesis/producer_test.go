package kinesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/gzip"

	"sluice/internal/event"
	"sluice/stream/kinesis/kinesistest"
)

// sdk is a real client of a fake.
func sdk(t testing.TB, fake *kinesistest.Fake) *kinesis.Client {
	t.Helper()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return kinesistest.Client(t, server.URL)
}

func producer(t testing.TB, client PutClient, change func(*ProducerConfig)) *Producer {
	t.Helper()
	cfg := ProducerConfig{Client: client, Stream: "s", Payload: Batch, Logger: quiet}
	if change != nil {
		change(&cfg)
	}
	p, err := NewProducer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parcel is n events of a log stream.
func parcel(t testing.TB, number uint64, stream string, n, size int) event.Parcel {
	t.Helper()
	b := event.GetBuilder(n * (size + 40))
	defer b.Release()
	for i := range n {
		if err := b.Append(1_700_000_000_000+int64(i), fmt.Appendf(nil, "%s/%06d/%06d %s", stream, number, i, strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := b.Seal(event.Header{Request: number, StreamUID: 7}, event.Source{Account: "000000000000", Region: "us-east-1", LogGroup: "/g", LogStream: stream})
	if err != nil {
		t.Fatal(err)
	}
	record, err := event.AppendSelected(nil, sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := event.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	at := event.Position{Number: number}
	return event.Parcel{Position: at, Arrived: 1, Deliveries: []event.Delivery{{Batch: batch, Filter: "errors", Position: at}}}
}

// ledger is what a stream holds against what was acknowledged.
type ledger struct {
	t     testing.TB
	times map[string]int
	upset int
}

// stored reads all batches of a stream in the order of sequence numbers, each
// shard's by itself, without those that the marks know.
func stored(t testing.TB, fake *kinesistest.Fake, marks bool) *ledger {
	t.Helper()
	l := &ledger{t: t, times: map[string]int{}}
	latest := map[string]string{}
	var seen Marks
	for _, r := range fake.Records() {
		d, err := Decode(r.Data)
		if err != nil {
			t.Fatal(err)
		}
		if marks && !seen.Fresh(d.Origin, *r.PartitionKey) {
			continue
		}
		for i := range d.Batch.Len() {
			m := string(d.Batch.Message(i))
			stream, _, _ := strings.Cut(m, "/")
			if l.times[m]++; l.times[m] == 1 {
				if m <= latest[stream] {
					l.upset++
				}
				latest[stream] = m
			}
		}
	}
	return l
}

func (l *ledger) once(parcels []event.Parcel) {
	l.t.Helper()
	n := 0
	for _, p := range parcels {
		for _, d := range p.Deliveries {
			for i := range d.Batch.Len() {
				n++
				if got := l.times[string(d.Batch.Message(i))]; got != 1 {
					l.t.Errorf("%.30s is there %d times", d.Batch.Message(i), got)
				}
			}
		}
	}
	if len(l.times) != n || l.upset > 0 {
		l.t.Errorf("%d different events, want %d; %d out of order", len(l.times), n, l.upset)
	}
}

func parcels(t testing.TB, n, streams int) (all []event.Parcel) {
	for i := range n {
		all = append(all, parcel(t, uint64(i+1), fmt.Sprint("s", i%streams), 2, 30))
	}
	return all
}

// TestPartialFailures refuses a third of all records, at random, for both reasons
// that AWS has, through an SDK's client.
func TestPartialFailures(t *testing.T) {
	fake := kinesistest.New(4)
	random := rand.New(rand.NewPCG(1, 2))
	codes := []string{"ProvisionedThroughputExceededException", "InternalFailure"}
	fake.Refuse = func(string) string {
		if random.Float64() < 0.3 {
			return codes[random.IntN(len(codes))]
		}
		return ""
	}
	p := producer(t, sdk(t, fake), nil)
	all := parcels(t, 400, 40)
	if err := p.Produce(t.Context(), 9, all...); err != nil {
		t.Fatal(err)
	}
	stored(t, fake, false).once(all)
	if s := p.Stats(); s.Records != 400 || s.Retries < 100 || s.Throttled == 0 {
		t.Errorf("%+v: the faults did not happen", s)
	}
}

// TestLostAnswersOfPuts loses answers to requests that were done, and lets the
// producer die and begin again.
func TestLostAnswersOfPuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := kinesistest.New(3)
		random := rand.New(rand.NewPCG(3, 4))
		fake.After = func(operation string) error {
			if operation == "PutRecords" && random.Float64() < 0.3 {
				return errors.New("connection reset by peer")
			}
			return nil
		}
		fake.Refuse = func(string) string {
			if random.Float64() < 0.2 {
				return "InternalFailure"
			}
			return ""
		}
		all := parcels(t, 120, 9)
		for _, n := range []int{30, 70, 120} {
			p := producer(t, fake, func(c *ProducerConfig) { c.Concurrency = 1 })
			if err := p.Produce(t.Context(), 9, all[:n]...); err != nil {
				t.Fatal(err)
			}
		}
		stored(t, fake, true).once(all)
		if again := stored(t, fake, false); len(fake.Records()) <= 220 || again.upset > 0 {
			t.Errorf("%d records, %d events out of order at first sight; want more than 220 and none", len(fake.Records()), again.upset)
		}
	})
}

// TestAThrottledShardIsPaced writes four times what the shards take.
func TestAThrottledShardIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := kinesistest.New(2)
		fake.ShardBytes = 1 << 20
		p := producer(t, fake, nil)
		var all []event.Parcel
		total := 0
		for i := range 600 {
			all = append(all, parcel(t, uint64(i+1), fmt.Sprint("s", i%40), 10, 5_000))
			total += all[i].Bytes()
		}
		began := time.Now()
		if err := p.Produce(t.Context(), 9, all...); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		stored(t, fake, false).once(all)
		least := time.Duration(float64(total) / (2 << 20) * float64(time.Second))
		s := p.Stats()
		t.Logf("%d MiB in %v, %v are possible; %+v", total>>20, took, least, s)
		if took > 2*least {
			t.Errorf("%v for %d MiB, %v are possible", took, total>>20, least)
		}
		if s.Throttled > s.Records/3 {
			t.Errorf("%d of %d records were refused: the rate is not learnt", s.Throttled, s.Records)
		}
	})
}

func TestWhatCanNeverBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := kinesistest.New(1)
		large := event.Parcel{Position: event.Position{Number: 1}, Records: [][]byte{make([]byte, 1<<20)}}
		var permanent *PermanentError
		if err := producer(t, fake, nil).Produce(t.Context(), 9, large); !errors.As(err, &permanent) || !errors.Is(err, ErrTooLarge) || permanent.Origin.First != 1 {
			t.Errorf("%v, want a PermanentError", err)
		}
		var given []Undeliverable
		giveUp := func(_ context.Context, u Undeliverable) error {
			given = append(given, u)
			return nil
		}
		p := producer(t, fake, func(c *ProducerConfig) { c.GiveUp = giveUp; c.MaxAge = 24 * time.Hour })
		good := parcel(t, 2, "s", 1, 1)
		if err := p.Produce(t.Context(), 9, large, good); err != nil {
			t.Fatal(err)
		}
		stored(t, fake, false).once([]event.Parcel{good})
		if len(given) != 1 || !errors.Is(given[0].Err, ErrTooLarge) || p.Stats().GivenUp != 1 {
			t.Errorf("%d records were given up", len(given))
		}
		// What failed for a day is given up; what is old and was not tried is not.
		old := parcel(t, 3, "s", 1, 1)
		old.Arrived = time.Now().Add(-48 * time.Hour).UnixMilli()
		if err := p.Produce(t.Context(), 9, old); err != nil {
			t.Fatal(err)
		}
		stored(t, fake, false).once([]event.Parcel{good, old})
		fake.Before = func(string) error { return errors.New("no route to host") }
		late := parcel(t, 4, "s", 1, 1)
		late.Arrived = time.Now().UnixMilli()
		began := time.Now()
		if err := p.Produce(t.Context(), 9, late); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 24*time.Hour || took > 24*time.Hour+time.Minute {
			t.Errorf("given up after %v", took)
		}
		if len(given) != 2 || !errors.Is(given[1].Err, ErrExpired) {
			t.Errorf("%d records were given up", len(given))
		}
	})
}

// TestRefusals wants the caller told at once of what somebody has to cure.
func TestRefusals(t *testing.T) {
	f := func(err error, want bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			fake := kinesistest.New(1)
			tries := 0
			fake.Before = func(string) error {
				if tries++; tries == 1 {
					return err
				}
				return nil
			}
			var refusal *RefusedError
			if got := producer(t, fake, nil).Produce(t.Context(), 9, parcel(t, 1, "s", 1, 1)); errors.As(got, &refusal) != want || (got == nil) == want {
				t.Errorf("%v: %v", err, got)
			}
		})
	}
	f(&types.ResourceNotFoundException{}, true)
	f(&types.AccessDeniedException{}, true)
	f(&types.KMSDisabledException{}, true)
	f(&types.InvalidArgumentException{}, true)
	f(&types.ProvisionedThroughputExceededException{}, false)
	f(&types.KMSThrottlingException{}, false)
	f(&types.InternalFailureException{}, false)
	f(io.ErrUnexpectedEOF, false)
}

func TestPayloads(t *testing.T) {
	f := func(payload Payload, records int, check func(data []byte)) {
		t.Helper()
		fake := kinesistest.New(2)
		one := parcel(t, 1, "s", 3, 5)
		one.Deliveries[0].Selection = event.Selection{0, 2}
		if err := producer(t, fake, func(c *ProducerConfig) { c.Payload = payload }).Produce(t.Context(), 9, one); err != nil {
			t.Fatal(err)
		}
		got := fake.Records()
		if len(got) != records {
			t.Fatalf("%s: %d records, want %d", payload, len(got), records)
		}
		check(got[0].Data)
	}
	contains := func(text []byte) {
		if !bytes.Contains(text, []byte(`"messageType":"DATA_MESSAGE"`)) || bytes.Count(text, []byte(`"message":`)) != 2 {
			t.Errorf("document %s", text)
		}
	}
	f(CloudWatchJSON, 1, contains)
	f(CloudWatchGzip, 1, func(data []byte) {
		contains(unzip(t, data))
	})
	f(Raw, 2, func(data []byte) {
		if string(data) != "s/000001/000000 xxxxx" {
			t.Errorf("message %q", data)
		}
	})
	f(Batch, 1, func(data []byte) {
		d, err := Decode(data)
		if err != nil || d.Batch.Len() != 2 || d.Filter != "errors" || d.Origin != (Origin{Stream: 9, First: 1}) {
			t.Errorf("%+v, %v", d, err)
		}
	})
	for _, p := range []Payload{CloudWatchGzip, CloudWatchJSON, Raw, Batch} {
		if got, err := ParsePayload(p.String()); got != p || err != nil {
			t.Errorf("%s is read as %s, %v", p, got, err)
		}
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestPartitionKeys wants the same keys from a replay, and different ones where
// the filter distributes at random.
func TestPartitionKeys(t *testing.T) {
	keys := func(payload Payload, traits event.Traits, parcels ...event.Parcel) (keys []string) {
		fake := kinesistest.New(1)
		for i := range parcels {
			d := parcels[i].Deliveries[0]
			d.Traits = traits
			parcels[i].Deliveries = []event.Delivery{d}
			if err := producer(t, fake, func(c *ProducerConfig) { c.Payload = payload }).Produce(t.Context(), 9, parcels[i]); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range fake.Records() {
			keys = append(keys, *r.PartitionKey)
		}
		return keys
	}
	a, b := parcel(t, 1, "s", 1, 1), parcel(t, 2, "s", 1, 1)
	for _, payload := range []Payload{CloudWatchGzip, Raw, Batch} {
		if k := keys(payload, 0, a, b); k[0] != k[1] {
			t.Errorf("%s: a log stream has keys %q", payload, k)
		}
	}
	if k := keys(CloudWatchGzip, event.TraitRandom, a, b, a); k[0] == k[1] || k[0] != k[2] {
		t.Errorf("random keys %q", k)
	}
}

func TestAnEndedContextEndsProduce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := kinesistest.New(1)
		fake.Refuse = func(string) string { return "InternalFailure" }
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := producer(t, fake, nil).Produce(ctx, 9, parcel(t, 1, "s", 1, 1))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "InternalFailure") {
			t.Errorf("%v, want the context's error and the last one's", err)
		}
	})
}
