package app

import (
	"context"
	"slices"
	"strings"

	"sluice/internal/awsapi"
)

// A process has roles. What it lacks the role for it does not do and does not
// accept: an operation is refused by its name, with what to do instead, and never
// silently taken by a process in which nobody would act on it.

// addFor takes in a room that runs in processes with a role. Its operations are
// there in all of them, to be refused by name.
func (a *App) addFor(role string, r room, ops ...awsapi.Operation) {
	if a.cfg.has(role) {
		a.rooms = append(a.rooms, r)
	}
	a.operations = append(a.operations, ops...)
}

// reading are the verbs of operations that change nothing.
var reading = []string{"Describe", "Get", "List", "Filter", "Test", "StartLiveTail"}

// exportOperations work on export tasks.
var exportOperations = []string{"CreateExportTask", "CancelExportTask"}

// sharedOperations change what several processes must agree on, which is why it
// stands in the configuration of each.
var sharedOperations = []string{
	"PutSubscriptionFilter", "DeleteSubscriptionFilter", "PutAccountPolicy", "DeleteAccountPolicy",
	"PutDestination", "PutDestinationPolicy", "DeleteDestination",
}

// withRoles puts a check of the roles before an operation.
func (a *App) withRoles(op awsapi.Operation) awsapi.Operation {
	if len(a.cfg.Roles) == 0 && !a.cfg.ScaleOut.wanted() {
		return op
	}
	refusal := a.refusal(op)
	if refusal == nil {
		return op
	}
	return op.Before(func(context.Context, *awsapi.Request) error { return refusal })
}

// refusal is why this process does not serve an operation; nil: it does.
func (a *App) refusal(op awsapi.Operation) error {
	_, name, _ := strings.Cut(op.Target, ".")
	if slices.ContainsFunc(reading, func(verb string) bool { return strings.HasPrefix(name, verb) }) {
		return nil
	}
	scaledOut := a.cfg.ScaleOut.wanted()
	switch {
	case scaledOut && (op.Service == "firehose" || slices.Contains(sharedOperations, name)):
		return awsapi.InvalidOperation("%s is not served here: this process is one of several (scale_out), which have subscription filters and delivery streams from pipelines in their configuration files. Change them there and restart the processes.", name)
	case slices.Contains(exportOperations, name):
		return a.without(roleExport, name)
	case op.Service == awsapi.CloudWatch.Service:
		return a.without(roleMonitoring, name)
	}
	return a.without(roleIngest, name)
}

func (a *App) without(role, name string) error {
	if a.cfg.has(role) {
		return nil
	}
	return awsapi.InvalidOperation("%s is not served here: this process has the roles %s and not %s. Send it to a process that has.",
		name, strings.Join(a.cfg.Roles, ", "), role)
}
