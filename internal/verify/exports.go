package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"sluice/internal/objput"
)

// Export is one export task that has completed. Its manifest stands alone: there
// is no chain of tasks.
type Export struct {
	TaskID   string `json:"taskId"`
	LogGroup string `json:"logGroup"`
	Objects  int64  `json:"objects"`
	Records  int64  `json:"records"`
	Bytes    int64  `json:"bytes"` // of objects
	// Head is the sha256 of the manifest: what to write down elsewhere.
	Head string `json:"head"`
}

// exportManifest is the document of one task, as far as it is looked at.
type exportManifest struct {
	Version          int
	TaskID, LogGroup string
	Records, Bytes   int64 // bytes before the codec
	Objects          []entry
}

const (
	exports    = "_sluice/export/"
	exportMeta = "sluice-export" // names the task in an object's metadata
)

// export looks at one task's manifest and at its objects.
func (v *verifier) export(ctx context.Context, l objput.Listed) error {
	body, err := v.read(ctx, l.Key)
	if err != nil {
		return err
	}
	var m exportManifest
	if err := json.Unmarshal(body, &m); err != nil {
		v.find(BadManifest, l.Key, "%v", err)
		return nil
	}
	if m.Version != 1 || l.Key != exports+m.TaskID+".json" || strings.Contains(m.TaskID, "/") {
		v.find(BadManifest, l.Key, "version %d, task %q inside", m.Version, m.TaskID)
		return nil
	}
	head := sha256.Sum256(body)
	e := Export{TaskID: m.TaskID, LogGroup: m.LogGroup, Objects: int64(len(m.Objects)), Head: hex.EncodeToString(head[:])}
	var bytes int64
	for i := range m.Objects {
		e.Records += m.Objects[i].Records
		e.Bytes += m.Objects[i].Size
		bytes += m.Objects[i].Bytes
		m.Objects[i].Bucket = "" // of tasks they are in the bucket of the manifest
	}
	if e.Records != m.Records || bytes != m.Bytes {
		v.find(BadManifest, l.Key, "%d records of %d bytes in all, its objects have %d of %d", m.Records, m.Bytes, e.Records, bytes)
	}
	v.report.Exports = append(v.report.Exports, e)
	v.tasks[m.TaskID] = struct{}{}
	if err := v.objects(ctx, l.Key, author{exportMeta, m.TaskID, "export task " + m.TaskID}, m.Objects); err != nil {
		return err
	}
	v.passed()
	return nil
}

// listedExport judges an object that no manifest names and that says it is of an
// export task: before the task has completed there is no manifest.
func (v *verifier) listedExport(key, task string) {
	if _, completed := v.tasks[task]; completed {
		v.find(UnknownObject, key, "of export task %s, whose manifest does not name it", task)
		return
	}
	v.report.InFlight++
}
