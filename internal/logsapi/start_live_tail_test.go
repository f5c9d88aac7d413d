package logsapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
	"sluice/internal/clock"
	"sluice/internal/event"
	"sluice/internal/logsapi"
	"sluice/internal/logsapi/logsapitest"
	"sluice/internal/store"
	"sluice/internal/vfs"
)

const groupARN = "arn:aws:logs:us-east-1:111111111111:log-group:"

func TestStartLiveTailTexts(t *testing.T) {
	a := serve(t)
	a.create(t, "g", "s")
	f := func(options, want string) {
		t.Helper()
		a.Refused("StartLiveTail", `{`+options+`}`, want)
	}
	const invalid = "InvalidParameterException: "
	const one = invalid + "1 validation error detected: Value "
	const g = `"logGroupIdentifiers":["` + groupARN + `g"]`
	f(``, one+"null at 'logGroupIdentifiers' failed to satisfy constraint: Member must not be null")
	f(`"logGroupIdentifiers":[]`, one+"'[]' at 'logGroupIdentifiers' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(`"logGroupIdentifiers":[`+numbered(11, `"g%d"`)+`]`, one+"'["+strings.ReplaceAll(numbered(11, "g%d"), ",", ", ")+"]' at 'logGroupIdentifiers' failed to satisfy constraint: Member must have length less than or equal to 10")
	f(`"logGroupIdentifiers":["`+groupARN+`g:*"]`, one+"'["+groupARN+`g:*]' at 'logGroupIdentifiers' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: `+awsapi.PatternLogGroupIdentifier+"]")
	f(`"logGroupIdentifiers":["g"]`, invalid+"logGroupIdentifiers must be ARNs of log groups: g is none.")
	f(`"logGroupIdentifiers":["`+groupARN+`none"]`, groupMissing)
	f(`"logGroupIdentifiers":["arn:aws:logs:eu-west-1:111111111111:log-group:g"]`, groupMissing)
	f(g+`,"logStreamNames":["s"],"logStreamNamePrefixes":["s"]`, invalid+"logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
	f(`"logGroupIdentifiers":["`+groupARN+`g","`+groupARN+`h"],"logStreamNames":["s"]`, invalid+"logStreamNames and logStreamNamePrefixes can be used with one log group only.")
	f(g+`,"logStreamNames":[]`, one+"'[]' at 'logStreamNames' failed to satisfy constraint: Member must have length greater than or equal to 1")
	f(g+`,"logEventFilterPattern":"{ $.a = }"`, invalid+"Invalid filter pattern")
	f(g+`,"logEventFilterPattern":`+quoted(1025), one+"'"+strings.Repeat("x", 1025)+"' at 'logEventFilterPattern' failed to satisfy constraint: Member must have length less than or equal to 1024")
}

// pipes is a network inside a synctest bubble.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accept <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tails is the operations over a real store and HTTP, inside a bubble.
type tails struct {
	t       *testing.T
	api     *logsapi.API
	catalog *catalog.Catalog
	store   *store.Store
	server  *http.Server
	http    *http.Client
	sent    int
}

// inBubble runs a test in a synctest bubble, with groups g and h of streams web-1,
// web-2 and db.
func inBubble(t *testing.T, sessions int, test func(*testing.T, *tails)) {
	synctest.Test(t, func(t *testing.T) {
		v := &tails{t: t}
		var err error
		if v.store, err = store.Open(vfs.NewMem(), store.Config{Dir: "/wal"}); err != nil {
			t.Fatal(err)
		}
		if v.catalog, err = catalog.Open(catalog.NewMemory()); err != nil {
			t.Fatal(err)
		}
		v.api, err = logsapi.New(logsapi.Config{Catalog: v.catalog, Events: v.store, Positions: v.store, Clock: clock.Real{}, LiveTailSessions: sessions})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"g", "h"} {
			g, err := v.catalog.CreateLogGroup(catalog.LogGroup{Scope: logsapitest.Scope, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			for _, stream := range []string{"web-1", "web-2", "db"} {
				if _, err := v.catalog.CreateLogStream(g.UID, stream, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		log := slog.New(slog.DiscardHandler)
		handler, err := awsapi.New(awsapi.Config{AccountID: logsapitest.Account, Region: logsapitest.Region, Log: log}, v.api.Operations()...)
		if err != nil {
			t.Fatal(err)
		}
		network := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		// Without a distance between the two the answer can begin before the client's
		// writer has seen the end of the request's body, which the SDK then takes away
		// from it. The writer waits in the pipe until the last byte is read.
		distant := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			time.Sleep(time.Millisecond)
			handler.ServeHTTP(w, r)
		})
		v.server = awsapi.NewHTTPServer(awsapi.HTTPConfig{Log: log}, distant)
		served := make(chan error, 1)
		go func() { served <- v.server.Serve(network) }()
		transport := &http.Transport{DialContext: network.dial}
		v.http = &http.Client{Transport: transport}
		test(t, v)
		v.api.StopLiveTails()
		transport.CloseIdleConnections()
		if err := v.server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
		v.store.Close() // some tests did
	})
}

// put stores one batch of a stream.
func (v *tails) put(group, stream string, messages ...string) {
	v.t.Helper()
	g, _ := v.catalog.Group(logsapitest.Scope, group)
	s, _ := v.catalog.Stream(g.UID, stream)
	v.sent++
	var events []logsapitest.Event
	for i, m := range messages {
		events = append(events, logsapitest.Event{Timestamp: int64(1000*v.sent + i), Message: m})
	}
	logsapitest.Add(v.t, v.store, event.Header{GroupUID: g.UID, StreamUID: s.UID, Ingested: 77}, events...)
}

// client is the SDK's; it puts "stream-" before the host, which pipes ignore.
func (v *tails) client() *cloudwatchlogs.Client {
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		BaseEndpoint: aws.String("http://sluice.localhost"), Region: logsapitest.Region, HTTPClient: v.http,
		Credentials: credentials.NewStaticCredentialsProvider(logsapitest.Account, "secret", ""), Retryer: aws.NopRetryer{},
	})
}

// start begins a session and takes its sessionStart.
func (v *tails) start(in *cloudwatchlogs.StartLiveTailInput) *cloudwatchlogs.StartLiveTailEventStream {
	v.t.Helper()
	out, err := v.client().StartLiveTail(v.t.Context(), in)
	if err != nil {
		v.t.Fatal(err)
	}
	stream := out.GetStream()
	v.t.Cleanup(func() { stream.Close() })
	began, ok := (<-stream.Events()).(*types.StartLiveTailResponseStreamMemberSessionStart)
	if !ok {
		v.t.Fatalf("the first event is no sessionStart: %v", stream.Err())
	}
	equal(v.t, began.Value.LogGroupIdentifiers, in.LogGroupIdentifiers)
	equal(v.t, began.Value.LogStreamNames, in.LogStreamNames)
	equal(v.t, began.Value.LogStreamNamePrefixes, in.LogStreamNamePrefixes)
	equal(v.t, began.Value.LogEventFilterPattern, in.LogEventFilterPattern)
	if *began.Value.RequestId == "" || len(*began.Value.SessionId) != 36 {
		v.t.Errorf("request %q, session %q", *began.Value.RequestId, *began.Value.SessionId)
	}
	return stream
}

func groups(names ...string) *cloudwatchlogs.StartLiveTailInput {
	in := &cloudwatchlogs.StartLiveTailInput{}
	for _, name := range names {
		in.LogGroupIdentifiers = append(in.LogGroupIdentifiers, groupARN+name)
	}
	return in
}

// update is the next sessionUpdate, nil at the end of the session.
func update(t *testing.T, stream *cloudwatchlogs.StartLiveTailEventStream) *types.LiveTailSessionUpdate {
	t.Helper()
	e, more := <-stream.Events()
	if !more {
		return nil
	}
	u, ok := e.(*types.StartLiveTailResponseStreamMemberSessionUpdate)
	if !ok {
		t.Fatalf("got %T, want a sessionUpdate", e)
	}
	return &u.Value
}

func messages(u *types.LiveTailSessionUpdate) string {
	if u == nil {
		return "the end"
	}
	var out []string
	for _, e := range u.SessionResults {
		out = append(out, *e.Message)
	}
	return strings.Join(out, " ")
}

func TestLiveTailShowsWhatIsStored(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		v.put("g", "web-1", "before")
		all := v.start(groups("g", "h"))
		in := groups("g")
		in.LogEventFilterPattern = aws.String("ERROR")
		in.LogStreamNamePrefixes = []string{"we", "x"}
		some := v.start(in)
		in = groups("g")
		in.LogStreamNames = []string{"db", "later"}
		named := v.start(in)
		began := time.Now()
		f := func(s *cloudwatchlogs.StartLiveTailEventStream, want string) *types.LiveTailSessionUpdate {
			t.Helper()
			u := update(t, s)
			equal(t, messages(u), want)
			return u
		}
		v.put("g", "web-1", "ERROR-a", "b")
		v.put("h", "web-2", "ERROR-c")
		v.put("g", "db", "ERROR-d")
		synctest.Wait()
		u := f(all, "ERROR-a b ERROR-c ERROR-d")
		if took := time.Since(began); took > time.Second {
			t.Errorf("the first update came after %v", took)
		}
		equal(t, u.SessionMetadata.Sampled, false)
		c := u.SessionResults[2]
		equal(t, []any{*c.LogGroupIdentifier, *c.LogStreamName, *c.Timestamp, *c.IngestionTime}, []any{groupARN + "h", "web-2", int64(3000), int64(77)})
		f(some, "ERROR-a")
		f(named, "ERROR-d")
		// Nothing new is an update, too, once a second.
		began = time.Now()
		for range 5 {
			f(all, "")
			f(some, "")
			f(named, "")
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("5 updates took %v", took)
		}
		g, _ := v.catalog.Group(logsapitest.Scope, "g")
		if _, err := v.catalog.CreateLogStream(g.UID, "later", 0); err != nil {
			t.Fatal(err)
		}
		v.put("g", "later", "e")
		synctest.Wait()
		f(named, "e")
	})
}

func TestLiveTailSamples(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		s := v.start(groups("g"))
		for n := range 20 {
			var batch []string
			for i := range 100 {
				batch = append(batch, fmt.Sprintf("%04d", 100*n+i))
			}
			v.put("g", "web-1", batch...)
		}
		synctest.Wait()
		u := update(t, s)
		equal(t, len(u.SessionResults), 500)
		equal(t, u.SessionMetadata.Sampled, true)
		late := 0
		for i, e := range u.SessionResults {
			if i > 0 && *e.Message <= *u.SessionResults[i-1].Message {
				t.Fatalf("%s after %s", *e.Message, *u.SessionResults[i-1].Message)
			}
			if *e.Message >= "1000" {
				late++
			}
		}
		if late < 150 || late > 350 { // 250 are expected, 10 the standard deviation
			t.Errorf("%d of 500 are of the second half", late)
		}
		equal(t, update(t, s).SessionMetadata.Sampled, false)
	})
}

// A client that takes nothing for half a minute finds the last ten seconds, and
// is told that they are not all.
func TestLiveTailOfASlowClient(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		resp := v.post(`{"logGroupIdentifiers":["` + groupARN + `g"]}`)
		defer resp.Body.Close()
		for n := range 30 {
			v.put("g", "web-1", fmt.Sprintf("%02d", n)+strings.Repeat("m", 100_000))
			time.Sleep(time.Second)
		}
		decoder := eventstream.NewDecoder()
		var got []string
		sampled := false
		for len(got) == 0 || got[len(got)-1] != "29" {
			m, err := decoder.Decode(resp.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, rest, found := strings.Cut(string(m.Payload), `"message":"`); found {
				got = append(got, rest[:2])
				sampled = sampled || strings.Contains(string(m.Payload), `"sampled":true`)
			}
		}
		// One was under way when the client stopped reading.
		equal(t, strings.Join(got, " "), "00 20 21 22 23 24 25 26 27 28 29")
		equal(t, sampled, true)
	})
}

func TestLiveTailFrames(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		resp := v.post(`{"logGroupIdentifiers":["` + groupARN + `g"]}`)
		defer resp.Body.Close()
		equal(t, resp.Header.Get("Content-Type"), "application/vnd.amazon.eventstream")
		decoder := eventstream.NewDecoder()
		f := func(kind, header, name, payload string) {
			t.Helper()
			m, err := decoder.Decode(resp.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, m.Headers.Get(":message-type").String(), kind)
			equal(t, m.Headers.Get(header).String(), name)
			equal(t, m.Headers.Get(":content-type").String(), "application/json")
			if !strings.HasPrefix(string(m.Payload), payload) {
				t.Errorf("%s: payload %s", name, m.Payload)
			}
		}
		f("event", ":event-type", "initial-response", `{}`)
		f("event", ":event-type", "sessionStart", `{"logGroupIdentifiers":["`+groupARN+`g"],"requestId":"`+resp.Header.Get("X-Amzn-Requestid")+`","sessionId":"`)
		f("event", ":event-type", "sessionUpdate", `{"sessionMetadata":{"sampled":false},"sessionResults":[]}`)
		v.store.Close()
		f("exception", ":exception-type", "SessionStreamingException", `{"message":"The log events cannot be read at the moment."}`)
		if _, err := resp.Body.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the exception: %v", err)
		}
	})
}

// post starts a session without the SDK.
func (v *tails) post(body string) *http.Response {
	v.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://sluice.localhost", strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "Logs_20140328.StartLiveTail")
	resp, err := v.http.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp
}

func TestLiveTailEndsAfterThreeHours(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		s := v.start(groups("g"))
		began, updates := time.Now(), 0
		for update(t, s) != nil {
			updates++
		}
		var timeout *types.SessionTimeoutException
		if err := s.Err(); !errors.As(err, &timeout) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(began).Round(time.Second); took != 3*time.Hour || updates < 10_798 {
			t.Errorf("%d updates in %v", updates, took)
		}
	})
}

func TestLiveTailEndsWithTheServer(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, v *tails) {
		s := v.start(groups("g"))
		stopped := make(chan error, 1)
		v.server.RegisterOnShutdown(v.api.StopLiveTails)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { stopped <- v.server.Shutdown(ctx) }()
		for update(t, s) != nil {
		}
		if err := s.Err(); err != nil {
			t.Errorf("ended with %v", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("the server waited for the session: %v", err)
		}
	})
}

func TestLiveTailsAreLimited(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, v *tails) {
		first := v.start(groups("g"))
		v.start(groups("h"))
		_, err := v.client().StartLiveTail(t.Context(), groups("g"))
		wantAs[*types.LimitExceededException](t, err)
		first.Close() // its connection: the server notices
		synctest.Wait()
		v.start(groups("g"))
		v.api.StopLiveTails()
		synctest.Wait()
		_, err = v.client().StartLiveTail(t.Context(), groups("g"))
		if err == nil || !strings.Contains(err.Error(), "ServiceUnavailableException") {
			t.Errorf("a session of a stopped server: %v", err)
		}
	})
}
