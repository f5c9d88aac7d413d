//go:build integration

package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	pq "github.com/parquet-go/parquet-go"
)

// What the bucket holds: read as any reader would, compared with what clients
// were told, and proved by its manifests.

// lakeObject is one object, decoded.
type lakeObject struct {
	key string
	ids []eventID
}

// committed are the objects of a delivery stream in the order of their manifests.
func (l *lake) committed(stream string) (objects []lakeObject) {
	l.t.Helper()
	bucket := filepath.Join(l.gateway.Folder, "lake")
	files, err := filepath.Glob(filepath.Join(bucket, "_sluice", "commit", stream, "0", "*.json"))
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		var m struct{ Objects []struct{ Key string } }
		if err := json.Unmarshal(text, &m); err != nil {
			l.t.Fatal(file, err)
		}
		for _, o := range m.Objects {
			objects = append(objects, lakeObject{o.Key, l.decode(filepath.Join(bucket, filepath.FromSlash(o.Key)))})
		}
	}
	return objects
}

// listed are the keys that a lister of the bucket sees, but sluice's own.
func (l *lake) listed() map[string]bool {
	l.t.Helper()
	bucket := filepath.Join(l.gateway.Folder, "lake")
	keys := map[string]bool{}
	err := filepath.WalkDir(bucket, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "_sluice" || strings.HasPrefix(d.Name(), ".sgwtmp") {
				return filepath.SkipDir
			}
			return nil
		}
		key, err := filepath.Rel(bucket, name)
		keys[filepath.ToSlash(key)] = true
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return keys
}

// idOf reads the id out of a message.
func idOf(message string) (id eventID, ok bool) {
	at := strings.Index(message, `"id":"s`)
	if at >= 0 {
		at += len(`"id":"s`)
	} else if at = strings.IndexByte(message, ' ') + 2; at < 2 || at > len(message) { // LEVEL sN-N is no JSON
		return id, false
	}
	n, err := fmt.Sscanf(message[at:min(at+20, len(message))], "%d-%d", &id.sender, &id.n)
	return id, n == 2 && err == nil
}

// messageRow is the one column that is read back here.
type messageRow struct {
	Message string `parquet:"message"`
}

// decode reads the ids out of an object.
func (l *lake) decode(file string) (ids []eventID) {
	l.t.Helper()
	take := func(message string) {
		id, ok := idOf(message)
		if !ok {
			l.t.Errorf("%s: nobody sent %.200q", file, message)
		}
		ids = append(ids, id)
	}
	var err error
	switch {
	case strings.HasSuffix(file, ".gz"):
		err = eachLine(file, take)
	case strings.HasSuffix(file, ".parquet"):
		var rows []messageRow
		rows, err = pq.ReadFile[messageRow](file)
		for _, r := range rows {
			take(r.Message)
		}
	default:
		err = eachError(file, take)
	}
	if err != nil {
		l.t.Errorf("%s: %v", file, err)
	}
	return ids
}

// eachError visits the records of an error object, or the lines of one that is
// neither compressed nor columns.
func eachError(file string, visit func(string)) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		if !strings.Contains(file, "errors") {
			visit(string(line))
			continue
		}
		var r struct{ RawData string }
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		raw, err := base64.StdEncoding.DecodeString(r.RawData)
		if err != nil {
			return err
		}
		visit(string(raw))
	}
	return nil
}

// check wants every acknowledged matching event in one object of every delivery
// stream, every other one in none, in order; and no object without a manifest.
func (l *lake) check() {
	l.t.Helper()
	listed := l.listed()
	for _, stream := range l.names {
		seen := map[eventID]int{}
		last := map[string]int{} // by folder and sender
		objects, disorder := l.committed(stream), 0
		for _, o := range objects {
			delete(listed, o.key)
			for _, id := range o.ids {
				seen[id]++
				at := fmt.Sprint(path.Dir(o.key), " s", id.sender)
				if stream == "plain" || stream == "columns" {
					at = fmt.Sprint("s", id.sender) // the folder is that of the arrival
				}
				if before, ok := last[at]; ok && before >= id.n {
					disorder++
				}
				last[at] = id.n
			}
		}
		l.compare(stream, seen, len(objects), disorder)
	}
	for key := range listed {
		l.t.Errorf("no manifest knows %s", key)
	}
}

func (l *lake) compare(stream string, seen map[eventID]int, objects, disorder int) {
	l.t.Helper()
	var acked, unacked, lost, doubled, alien int
	for id, f := range l.all {
		n := seen[id]
		delete(seen, id)
		switch {
		case !f.matches:
			alien += n
		case !f.acked:
			unacked++
		case n == 0 && !f.forked:
			lost++
		default:
			acked++
		}
		if n > 1 {
			doubled++
		}
	}
	l.t.Logf("%s: %d objects; matching events: %d acknowledged and delivered, %d not acknowledged; lost %d, doubled %d, alien %d, in disorder %d",
		stream, objects, acked, unacked, lost, doubled, alien+len(seen), disorder)
	if lost+doubled+alien+len(seen)+disorder > 0 {
		l.t.Fail()
	}
	if acked == 0 || objects == 0 {
		l.t.Error("nothing was delivered: the test shows nothing")
	}
}

// verify runs the verifier past the proxy.
func (l *lake) verify() {
	l.t.Helper()
	out, err := exec.Command(l.binary, "verify", "lake", "--deep", "--s3", l.gateway.URL, "-o", "json").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	var report struct {
		Complete          bool
		Chains            []json.RawMessage
		InFlight, Foreign int
	}
	if err := json.Unmarshal(out, &report); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	if !report.Complete || report.InFlight != 0 || len(report.Chains) != len(l.names) {
		l.t.Errorf("sluice verify --deep: %.2000s", out)
	}
}
