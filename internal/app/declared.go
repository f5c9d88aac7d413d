package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sluice/internal/awsapi"
	"sluice/internal/vfs"
)

// What the configuration declares belongs to the configuration: it is applied at
// every start, and the API may look at it and not change it.

// declaredFile remembers, by name, the hash of each delivery stream as it was
// declared last, so that only a change of the file makes a new version.
const declaredFile = "pipelines.json"

func declaredHash(d map[string]any) (string, error) {
	text, err := json.Marshal(d) // maps are sorted
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// declaredBefore tells whether a delivery stream was declared in these very
// words when pipelines were applied last.
func (a *App) declaredBefore(name string, d map[string]any) (bool, error) {
	text, err := vfs.ReadFile(a.cfg.FS, a.dir.path(declaredFile), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", declaredFile, err)
	}
	var before map[string]string
	if err := json.Unmarshal(text, &before); err != nil {
		return false, nil // written anew below
	}
	now, err := declaredHash(d)
	return err == nil && before[name] == now, err
}

func (a *App) rememberDeclared(p Pipelines) error {
	hashes := map[string]string{}
	for _, d := range p.DeliveryStreams {
		name, _ := d["DeliveryStreamName"].(string)
		hash, err := declaredHash(d)
		if err != nil {
			return err
		}
		hashes[name] = hash
	}
	text, err := json.Marshal(hashes)
	if err == nil {
		err = a.dir.replace(a.cfg.FS, declaredFile, text)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", declaredFile, err)
	}
	return nil
}

// changesOf lists the operations that change a definition, with the members
// that name it.
var changesOf = map[string]struct{ group, filter, stream bool }{
	"Logs_20140328.DeleteLogGroup":                    {group: true},
	"Logs_20140328.PutRetentionPolicy":                {group: true},
	"Logs_20140328.DeleteRetentionPolicy":             {group: true},
	"Logs_20140328.PutSubscriptionFilter":             {group: true, filter: true},
	"Logs_20140328.DeleteSubscriptionFilter":          {group: true, filter: true},
	"Firehose_20150804.UpdateDestination":             {stream: true},
	"Firehose_20150804.DeleteDeliveryStream":          {stream: true},
	"Firehose_20150804.StartDeliveryStreamEncryption": {stream: true},
	"Firehose_20150804.StopDeliveryStreamEncryption":  {stream: true},
}

// readOnly refuses changes of what the configuration declares, for clients; the
// configuration itself calls the operation as it is.
func (a *App) readOnly(op awsapi.Operation) awsapi.Operation {
	names, changes := changesOf[op.Target]
	if !changes {
		return op
	}
	return awsapi.Raw(op.Service, op.Target, func(ctx context.Context, r *awsapi.Request, w *awsapi.Reply) error {
		var in struct {
			LogGroupName       string `json:"logGroupName"`
			FilterName         string `json:"filterName"`
			DeliveryStreamName string
		}
		if awsapi.Unmarshal(r.Body, &in) == nil && r.Account == a.cfg.AccountID && r.Region == a.cfg.Region {
			switch {
			case names.stream && a.declaresStream(in.DeliveryStreamName):
				return declared("delivery stream " + in.DeliveryStreamName)
			case names.filter && a.declaresFilter(in.LogGroupName, in.FilterName):
				return declared("subscription filter " + in.FilterName)
			case names.group && !names.filter && a.declaresGroup(in.LogGroupName):
				return declared("log group " + in.LogGroupName)
			}
		}
		return op.Serve(ctx, r, w)
	})
}

func declared(what string) error {
	return awsapi.InvalidOperation("The %s is declared in the configuration under pipelines and is read-only here: change it there and restart.", what)
}

func (a *App) declaresGroup(name string) bool {
	for _, g := range a.cfg.Pipelines.LogGroups {
		if g.LogGroupName == name {
			return true
		}
	}
	return false
}

func (a *App) declaresFilter(group, name string) bool {
	for _, f := range a.cfg.Pipelines.SubscriptionFilters {
		if f.LogGroupName == group && f.FilterName == name {
			return true
		}
	}
	return false
}

func (a *App) declaresStream(name string) bool {
	for _, d := range a.cfg.Pipelines.DeliveryStreams {
		if d["DeliveryStreamName"] == name {
			return true
		}
	}
	return false
}
