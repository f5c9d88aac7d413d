package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sluice/internal/faultproxy"
)

// Options say how long and how hard. Zero fields are defaults.
type Options struct {
	Binary   string        // the sluice that serves. Required
	Dir      string        // where everything is kept. Required, and must be empty
	Duration time.Duration // of the faults; delivering and reading come after it. Default 1 min
	Seed     uint64        // which faults come in which order. Default 1
	Writers  int           // Default 4
	Rate     int           // events a second of all writers. Default 2,000
	// S3 is the endpoint of a store that speaks S3, over http, with a bucket "lake"
	// that is empty; credentials are those of the environment. Default: a folder,
	// which has no bad days.
	S3 string
	// Broker is the program of bench/broker, which one delivery stream gets its events
	// by way of. Default: there is no such stream.
	Broker string
	// Progress is told what happens. Optional.
	Progress func(text string)
}

// Report is the outcome.
type Report struct {
	Seed           uint64           `json:"seed"`
	Seconds        float64          `json:"seconds"` // with faults
	Faults         map[string]int   `json:"faults"`
	LeftOut        []string         `json:"leftOut,omitempty"` // faults that cannot happen here
	Restarts       int              `json:"restarts"`
	Answers        map[string]int64 `json:"answers"` // of PutLogEvents, by HTTP status
	Sent           int64            `json:"sent"`
	Acknowledged   int64            `json:"acknowledged"`
	RecoverSeconds Recovery         `json:"recoverSeconds"`
	DeliverSeconds float64          `json:"deliverSeconds"` // what the faults had held up
	Streams        []Stream         `json:"streams"`
	Findings       []string         `json:"findings,omitempty"` // empty: nothing was lost or doubled
}

// Recovery is how long after the start of a process the first batch was
// acknowledged.
type Recovery struct {
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

var errNothingAcknowledged = fmt.Errorf("a server that was started acknowledged nothing within %v", startedIn)

// ErrFindings says that the report has findings.
var ErrFindings = errors.New("the server lost or doubled events, or failed")

// run is one torture.
type run struct {
	o        Options
	rng      *rand.Rand
	server   *server
	proxy    *faultproxy.HTTP // nil without a store
	topic    *topic           // nil without a broker
	ledger   *ledger
	answers  *answers
	report   *Report
	fullDisk bool
	recovery []time.Duration
}

// Run tortures. With ErrFindings, and with any error that came after the start, it
// returns what is known.
func Run(ctx context.Context, o Options) (*Report, error) {
	t, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	defer t.end()
	if err := t.server.start(ctx, false); err != nil {
		return nil, err
	}
	t.torment(ctx)
	if err := ctx.Err(); err != nil {
		return t.report, err
	}
	if err := t.settle(ctx); err != nil {
		return t.report, err
	}
	if len(t.report.Findings) > 0 {
		return t.report, ErrFindings
	}
	return t.report, nil
}

func begin(ctx context.Context, o Options) (*run, error) {
	if o.Binary == "" || o.Dir == "" {
		return nil, errors.New("torture: a binary and a folder are needed")
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		return nil, errors.Join(err, fmt.Errorf("%s must be an empty folder", o.Dir))
	}
	if o.Duration <= 0 {
		o.Duration = time.Minute
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Writers <= 0 {
		o.Writers = 4
	}
	if o.Rate <= 0 {
		o.Rate = 2_000
	}
	t := &run{
		o: o, rng: rand.New(rand.NewPCG(o.Seed, 7)), ledger: newLedger(o.Writers), answers: &answers{counts: map[string]int64{}},
		report: &Report{Seed: o.Seed, Faults: map[string]int{}},
	}
	if err := t.surround(ctx); err != nil {
		t.end()
		return nil, err
	}
	t.report.LeftOut = t.leftOut()
	return t, nil
}

// surround starts what is around the server.
func (t *run) surround(ctx context.Context) (err error) {
	store, brokers := "folder:"+filepath.Join(t.o.Dir, "s3"), ""
	if t.o.S3 != "" {
		if t.proxy, err = faultproxy.ListenHTTP(t.o.S3); err != nil {
			return err
		}
		store = t.proxy.URL()
	} else if err := os.MkdirAll(filepath.Join(t.o.Dir, "s3", bucket), 0o700); err != nil {
		return err
	}
	if t.o.Broker != "" {
		if t.topic, err = startTopic(ctx, t.o.Broker); err != nil {
			return err
		}
		brokers = t.topic.process.Address
	}
	t.server, err = newServer(t.o, store, brokers)
	return err
}

// end ends what is still there.
func (t *run) end() {
	if t.server != nil {
		t.server.end(syscall.SIGKILL)
		t.server.log.Close()
	}
	if t.topic != nil {
		t.topic.close()
	}
	if t.proxy != nil {
		t.proxy.Close()
	}
}

// pace is the pause after a batch that keeps the rate.
func (o Options) pace(events int) time.Duration {
	return time.Duration(float64(events) / (float64(o.Rate) / float64(o.Writers)) * float64(time.Second))
}

// torment has faults happen while writers write.
func (t *run) torment(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var loads sync.WaitGroup
	for n, account := range t.ledger.writers {
		loads.Go(func() { write(ctx, t.server, n, account, t.answers, t.o) })
	}
	loads.Go(func() {
		for ctx.Err() == nil { // a minute in a second: hints, lateness and retries go by the event clock
			t.server.advance(ctx, 6*time.Second)
			pause(ctx, 100*time.Millisecond)
		}
	})
	all, began, said := t.possible(), time.Now(), time.Now()
	for ctx.Err() == nil && time.Since(began) < t.o.Duration && len(t.report.Findings) == 0 {
		pause(ctx, t.upTo(time.Second))
		f := all[t.rng.IntN(len(all))]
		t.report.Faults[f.name]++
		if err := f.do(ctx, t); err != nil && ctx.Err() == nil {
			t.find("%s: %v", f.name, err)
		}
		if t.server.died() {
			t.find("the server ended by itself after %q: see %s", f.name, t.server.log.Name())
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			sent, acked := t.ledger.totals()
			t.say("%v: %d events sent, %d acknowledged, %d restarts", time.Since(began).Round(time.Second), sent, acked, t.report.Restarts)
		}
	}
	cancel()
	loads.Wait()
	t.report.Seconds = time.Since(began).Seconds()
	t.report.Answers = maps.Clone(t.answers.counts)
	t.report.Sent, t.report.Acknowledged = t.ledger.totals()
	slices.Sort(t.recovery)
	if n := len(t.recovery); n > 0 {
		t.report.RecoverSeconds = Recovery{t.recovery[n/2].Seconds(), t.recovery[n-1].Seconds()}
	}
	if n := t.answers.of("rejected"); n > 0 {
		t.find("%d requests were answered with events rejected, and none may be", n)
	}
}

func (t *run) find(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	t.report.Findings = append(t.report.Findings, text)
	t.say("finding: %s", text)
}

func (t *run) say(format string, args ...any) {
	if t.o.Progress != nil {
		t.o.Progress(strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
