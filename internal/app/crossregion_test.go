package app_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/internal/app"
	"sluice/internal/catalog"
	"sluice/internal/faultproxy"
	"sluice/internal/vfs"
)

// TestReplicationSurvivesCrashes copies a region into a central app, from whose
// log events are delivered, while both crash and the link is cut. What the region
// acknowledged must be in the central bucket once.
func TestReplicationSurvivesCrashes(t *testing.T) {
	t.Setenv("APP_TEST_REPLICATION", "a token for this test")
	address := freeAddress(t) // the region's
	link, err := faultproxy.ListenTCP(address)
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close()

	regional := func(c *app.Config) {
		c.Listen, c.Region = address, "eu-west-1"
		c.Pipelines = app.Pipelines{LogGroups: []app.LogGroup{{LogGroupName: group, LogStreamNames: []string{"s0", "s1"}}}}
		c.Crossregion.Serve.TokenEnvs = []string{"APP_TEST_REPLICATION"}
	}
	central := func(c *app.Config) {
		c.Crossregion.Sources = []app.CrossregionSource{{
			Name: "eu", URL: "http://" + link.Addr(), TokenEnv: "APP_TEST_REPLICATION", Groups: []string{group}, Backfill: true,
		}}
	}
	region := begin(t, vfs.NewMem(), catalog.NewMemory(), regional)
	center := begin(t, vfs.NewMem(), catalog.NewMemory(), central)
	rng := rand.New(rand.NewPCG(5, 5))
	acked := map[string]bool{}
	for i := range 200 {
		message := fmt.Sprintf("%s event %04d", wanted, i)
		acked[message] = region.put(fmt.Sprintf("s%d", i%2), message)
		switch {
		case i%67 == 40:
			region = region.crash(rng, regional)
		case i%67 == 60:
			center = center.crash(rng, central)
		case i%50 == 20:
			link.Cut()
			link.Heal()
		}
	}
	missing := func() int { return center.missing(acked) }
	center.until("everything is copied and delivered", func() bool { return missing() == 0 })
	center.await()
	if missing() != 0 {
		t.Error("events are missing")
	}
	center.identities()
	if got := center.metric("sluice_replication_missing_positions") + center.metric("sluice_replication_backlog_positions"); got != 0 {
		t.Errorf("%v positions are missing or waiting", got)
	}
}

// TestReplicationIsClosed tells that nobody reads without the right token, and
// that the token opens nothing else.
func TestReplicationIsClosed(t *testing.T) {
	const token = "a token for this test"
	t.Setenv("APP_TEST_REPLICATION", token)
	f := func(change func(*app.Config), token string, want int) {
		t.Helper()
		p := begin(t, vfs.NewMem(), catalog.NewMemory(), change)
		defer p.stop()
		data, _ := p.app.Addrs()
		r, _ := http.NewRequest(http.MethodGet, "http://"+data+"/replicate/v1/origin", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		if resp.StatusCode != want {
			t.Errorf("token %q: status %d, want %d", token, resp.StatusCode, want)
		}
	}
	serve := func(c *app.Config) { c.Crossregion.Serve.TokenEnvs = []string{"APP_TEST_REPLICATION"} }
	f(serve, token, http.StatusOK)
	f(serve, "", http.StatusUnauthorized)
	f(serve, strings.ToUpper(token), http.StatusUnauthorized)
	f(nil, token, http.StatusNotFound)
}

// TestReplicationKnowsBothSides: with certificates demanded, the region admits
// those of its authority alone, and the central side speaks to nobody else.
func TestReplicationKnowsBothSides(t *testing.T) {
	const token = "a token for this test"
	t.Setenv("APP_TEST_REPLICATION", token)
	regionCA, centralCA, strangeCA := newAuthority(t), newAuthority(t), newAuthority(t)
	serverCert, serverKey := regionCA.issue(t)
	region := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) {
		c.Region, c.Pipelines = "eu-west-1", app.Pipelines{LogGroups: []app.LogGroup{{LogGroupName: group, LogStreamNames: []string{"s0"}}}}
		c.TLS = app.TLS{Cert: serverCert, Key: serverKey}
		c.Crossregion.Serve = app.CrossregionServe{TokenEnvs: []string{"APP_TEST_REPLICATION"}, ClientCAFile: centralCA.file}
	})
	defer region.stop()
	message := wanted + " of the region"
	region.put("s0", message)
	data, _ := region.app.Addrs()

	f := func(trusted, issuer *authority, tokenEnv, problem string) {
		t.Helper()
		source := app.CrossregionSource{
			Name: "eu", URL: "https://" + data, CAFile: trusted.file, TokenEnv: tokenEnv, Groups: []string{group}, Backfill: true,
		}
		if issuer != nil {
			source.CertFile, source.KeyFile = issuer.issue(t)
		}
		center := begin(t, vfs.NewMem(), catalog.NewMemory(), func(c *app.Config) { c.Crossregion.Sources = []app.CrossregionSource{source} })
		defer center.stop()
		if problem == "" {
			center.until("the copy", func() bool { return slices.Equal(center.delivered(), []string{message}) })
			return
		}
		said := ""
		center.until("a refusal", func() bool { said = center.replicationProblem(); return said != "" })
		if !strings.Contains(said, problem) {
			t.Errorf("the status says %q, want %q in it", said, problem)
		}
		if got := center.delivered(); len(got) > 0 {
			t.Errorf("copied %q", got)
		}
	}
	const tokenEnv = "APP_TEST_REPLICATION"
	f(regionCA, centralCA, tokenEnv, "")
	f(regionCA, nil, tokenEnv, "401")       // the token alone
	f(regionCA, centralCA, "", "401")       // the certificate alone
	f(regionCA, strangeCA, tokenEnv, "401") // a certificate of somebody else
	f(strangeCA, centralCA, tokenEnv, "certificate signed by unknown authority")
}

// replicationProblem is what the status says of the first source that does not
// answer as it should.
func (p *process) replicationProblem() string {
	p.t.Helper()
	_, admin := p.app.Addrs()
	resp, err := http.Get("http://" + admin + "/replicas")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var sources []struct{ Problem string }
	if err := json.NewDecoder(resp.Body).Decode(&sources); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range sources {
		if s.Problem != "" {
			return s.Problem
		}
	}
	return ""
}
