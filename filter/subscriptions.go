package filter

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"sluice/internal/awsapi"
	"sluice/internal/catalog"
)

// Destination is a logical destination: a name that other accounts' filters can
// send to, with a policy that says which.
type Destination struct {
	Name         string            `json:"name"`
	ARN          string            `json:"arn"`
	TargetARN    string            `json:"targetArn"`
	RoleARN      string            `json:"roleArn"`
	AccessPolicy string            `json:"accessPolicy,omitempty"`
	Created      int64             `json:"created"` // ms
	Tags         map[string]string `json:"tags,omitempty"`
	// Route is the destination's own: what its policy refuses for now waits there.
	Route uint64 `json:"route"`
	// TargetRoute is where everything else goes.
	TargetRoute uint64 `json:"targetRoute"`
}

// AccountPolicy is a subscription filter for all log groups of an account and
// region, those of the future included.
type AccountPolicy struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Document  string `json:"document"`
	Scope     string `json:"scope"`
	Criteria  string `json:"selectionCriteria,omitempty"`
	Updated   int64  `json:"updated"` // ms
	Filter    uint64 `json:"filter"`  // what it is counted by, for good
	Versions  []PolicyVersion
	Destroyed bool `json:"deleted,omitempty"` // only its versions are needed still
}

// PolicyVersion is what an account policy was between two positions of the log.
type PolicyVersion struct {
	catalog.SubscriptionFilter
	// Except are the log groups that it does not apply to.
	Except []string `json:"except,omitempty"`
}

// Subscriptions are everything that decides which filter sends where: the filters
// of log groups, account policies and logical destinations. It is what a Dispatcher
// takes as Definitions: what a destination's policy says counts from the next block
// on.
type Subscriptions struct {
	catalog      *catalog.Catalog
	destinations *catalog.Table[Destination]
	policies     *catalog.Table[AccountPolicy]
	organization string

	changes atomic.Uint64 // of destinations and policies
}

// OpenSubscriptions reads the definitions. All accounts of this process are members
// of the organization; "" for none.
func OpenSubscriptions(c *catalog.Catalog, organization string) (*Subscriptions, error) {
	if c == nil {
		return nil, errors.New("open subscriptions: a catalog is needed")
	}
	destinations, err := catalog.OpenTable[Destination](c, catalog.Destinations)
	if err != nil {
		return nil, err
	}
	policies, err := catalog.OpenTable[AccountPolicy](c, catalog.AccountPolicies)
	if err != nil {
		return nil, err
	}
	return &Subscriptions{catalog: c, destinations: destinations, policies: policies, organization: organization}, nil
}

// Generation implements Definitions.
func (s *Subscriptions) Generation() uint64 { return s.catalog.Generation() + s.changes.Load() }

// FilterVersions implements Definitions: each version goes where its destination
// leads now.
func (s *Subscriptions) FilterVersions() []catalog.SubscriptionFilter {
	versions := s.catalog.FilterVersions()
	for i := range versions {
		f := &versions[i]
		if g, ok := s.catalog.GroupByUID(f.GroupUID); ok {
			f.Route = s.route(g.Account, *f)
		}
	}
	return versions
}

// PolicyVersions implements AccountDefinitions.
func (s *Subscriptions) PolicyVersions(group uint64) []catalog.SubscriptionFilter {
	g, ok := s.catalog.GroupByUID(group)
	if !ok || ownGroup(g.Name) {
		return nil
	}
	var out []catalog.SubscriptionFilter
	for _, p := range s.policies.List(g.Scope, policyPrefix, "", 0) {
		for _, v := range p.Versions {
			if slices.Contains(v.Except, g.Name) {
				continue
			}
			f := v.SubscriptionFilter
			f.GroupUID, f.AccountLevel = group, true
			f.Route = s.route(g.Account, f)
			out = append(out, f)
		}
	}
	return out
}

// Feeds tells whether some filter of a log group sends to a route now: one of its
// own, by way of a logical destination too, or an account policy.
func (s *Subscriptions) Feeds(g catalog.LogGroup, route uint64) bool {
	leads := func(f catalog.SubscriptionFilter) bool { return f.To == nil && s.route(g.Account, f) == route }
	return slices.ContainsFunc(s.catalog.SubscriptionFilters(g.UID), leads) || slices.ContainsFunc(s.PolicyVersions(g.UID), leads)
}

// ownGroup tells of log groups that sluice writes itself about what it could not
// deliver: an account policy over them would feed itself.
func ownGroup(name string) bool { return strings.HasPrefix(name, "/sluice/") }

// Policies lists the account policies of all accounts, for whoever shows what
// filters did.
func (s *Subscriptions) Policies(visit func(scope catalog.Scope, p AccountPolicy)) {
	s.policies.All(func(scope catalog.Scope, _ string, p AccountPolicy) { visit(scope, p) })
}

// Destinations lists the logical destinations of all accounts.
func (s *Subscriptions) Destinations(visit func(scope catalog.Scope, d Destination)) {
	s.destinations.All(func(scope catalog.Scope, _ string, d Destination) { visit(scope, d) })
}

// route is where the matches of an account's filter go: to the destination's
// target while there is one and its policy lets the account in, else to the
// destination's own route, where they wait.
func (s *Subscriptions) route(account string, f catalog.SubscriptionFilter) uint64 {
	d, ok := s.destinationOf(f.DestinationARN)
	if ok && s.admits(d, account, actionOf(f.AccountLevel)) {
		return d.TargetRoute
	}
	return f.Route
}

// destinationOf finds a logical destination by its ARN.
func (s *Subscriptions) destinationOf(text string) (Destination, bool) {
	arn, err := awsapi.ParseARN(text)
	if err != nil {
		return Destination{}, false
	}
	name, ok := arn.Destination()
	if !ok {
		return Destination{}, false
	}
	return s.destinations.Get(catalog.Scope{Account: arn.Account, Region: arn.Region}, name)
}

// Admits tells whether a destination with this ARN is there and takes what an
// account sends now, and where to.
func (s *Subscriptions) Admits(arn, account string, accountLevel bool) (target string, there, admitted bool) {
	d, ok := s.destinationOf(arn)
	return d.TargetARN, ok, ok && s.admits(d, account, actionOf(accountLevel))
}

// The actions that a destination's policy allows.
const (
	actionPutFilter = "logs:PutSubscriptionFilter"
	actionPutPolicy = "logs:PutAccountPolicy"
)

func actionOf(accountLevel bool) string {
	if accountLevel {
		return actionPutPolicy
	}
	return actionPutFilter
}

func (s *Subscriptions) admits(d Destination, account, action string) bool {
	allowed, _ := s.judge(d, account, action)
	return allowed
}

// judge asks a destination's policy. The owner needs none.
func (s *Subscriptions) judge(d Destination, account, action string) (allowed, byOrganization bool) {
	if arn, err := awsapi.ParseARN(d.ARN); err == nil && arn.Account == account {
		return true, false
	}
	if d.AccessPolicy == "" {
		return false, false
	}
	p, err := parseAccessPolicy(d.AccessPolicy)
	if err != nil {
		return false, false // PutDestinationPolicy refuses such a text: it was damaged
	}
	return p.allows(ask{account: account, organization: s.organization, action: action, resource: d.ARN})
}

// changed tells the dispatcher to read the definitions again.
func (s *Subscriptions) changed() { s.changes.Add(1) }

// forget drops the ended versions of account policies that nothing will be matched
// by again.
func (s *Subscriptions) forget(passed func(ends []uint64) bool) error {
	var errs []error
	s.policies.All(func(scope catalog.Scope, name string, p AccountPolicy) {
		ended := func(v PolicyVersion) bool { return v.To != nil && passed(v.To) }
		if !slices.ContainsFunc(p.Versions, ended) {
			return
		}
		_, err := s.policies.Change(scope, name, func(p *AccountPolicy) error {
			p.Versions = slices.DeleteFunc(slices.Clone(p.Versions), ended)
			return nil
		})
		if err == nil { // unless it was put again meanwhile
			err = s.policies.Drop(scope, name, func(p AccountPolicy) bool { return p.Destroyed && len(p.Versions) == 0 })
		}
		if errors.Is(err, catalog.ErrNotFound) {
			err = nil // somebody else forgot it
		}
		errs = append(errs, err)
	})
	s.changed()
	return errors.Join(errs...)
}
