package settings

import (
	"reflect"
	"strings"

	"sluice/internal/app"
)

// Key is one value that can be set: a field of app.Config that is not itself a
// section.
type Key struct {
	Path string // http.max_body_bytes
	Env  string // SLUICE_HTTP_MAX_BODY_BYTES

	index []int // of the field in app.Config
}

// Keys lists every key in the order of app.Config.
func Keys() []Key { return keysOf(reflect.TypeFor[app.Config](), "", nil) }

func keysOf(section reflect.Type, prefix string, index []int) []Key {
	var keys []Key
	for i := range section.NumField() {
		field := section.Field(i)
		name := yamlName(field)
		if name == "" {
			continue
		}
		at := append(index[:len(index):len(index)], i)
		if field.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(field.Type, prefix+name+".", at)...)
			continue
		}
		path := prefix + name
		keys = append(keys, Key{Path: path, Env: envName(path), index: at})
	}
	return keys
}

func envName(path string) string {
	return "SLUICE_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// yamlName is a field's name in the file, "" when it has none.
func yamlName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// field is the value of a key in a Config.
func (k Key) field(cfg *app.Config) reflect.Value {
	return reflect.ValueOf(cfg).Elem().FieldByIndex(k.index)
}

// closest is the candidate that a misspelt word was meant to be, or "".
func closest(word string, candidates []string) string {
	best, least := "", 3 // more than two slips is another word
	for _, candidate := range candidates {
		if d := distance(word, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
