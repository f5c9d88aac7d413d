package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder writes YAML nodes into fields. It walks the tree itself, instead of
// leaving that to the yaml package, in order to know the line and the full key
// of every value, to suggest the key that was meant, and to report all problems
// at once.
type decoder struct {
	// where says in an error and in --print-config where a node stands.
	where  func(n *yaml.Node) string
	origin map[string]string // by key
	errs   []error
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf("%s: %s", d.where(n), fmt.Sprintf(format, args...)))
}

// decodeFile reads a configuration file into a section.
func decodeFile(name string, into reflect.Value, origin map[string]string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	defer file.Close()
	documents := yaml.NewDecoder(file)
	var document, second yaml.Node
	switch err := documents.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil // an empty file sets nothing
	case err != nil:
		return fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	d := &decoder{
		where:  func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", name, n.Line) },
		origin: origin,
	}
	d.section(document.Content[0], into, "")
	if err := documents.Decode(&second); !errors.Is(err, io.EOF) {
		d.fail(&second, "one document is enough: remove what follows ---")
	}
	return errors.Join(d.errs...)
}

// decodeText reads one value from the environment or from a flag.
func decodeText(text, from string, key Key, into reflect.Value, origin map[string]string) error {
	if into.Kind() == reflect.String {
		into.SetString(text)
		origin[key.Path] = from
		return nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return fmt.Errorf("%s: %s", from, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) == 0 {
		return nil
	}
	d := &decoder{where: func(*yaml.Node) string { return from }, origin: origin}
	d.value(document.Content[0], into, key.Path)
	return errors.Join(d.errs...)
}

// section decodes a mapping into a struct whose fields are its keys.
func (d *decoder) section(n *yaml.Node, into reflect.Value, path string) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%swants keys and values, not %s", label(path), describe(n))
		return
	}
	fields, names := fieldsOf(into)
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		full := join(path, key.Value)
		field, known := fields[key.Value]
		switch {
		case lines[key.Value] > 0:
			d.fail(key, "key %s was already set in line %d", full, lines[key.Value])
		case !known:
			d.fail(key, "unknown key %s%s", full, hint(key.Value, names))
		default:
			d.value(value, field, full)
		}
		lines[key.Value] = key.Line
	}
}

func hint(key string, names []string) string {
	if meant := closest(key, names); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	return "; the keys here are " + strings.Join(names, ", ")
}

func fieldsOf(section reflect.Value) (fields map[string]reflect.Value, names []string) {
	fields = make(map[string]reflect.Value)
	for i := range section.NumField() {
		if name := yamlName(section.Type().Field(i)); name != "" {
			fields[name] = section.Field(i)
			names = append(names, name)
		}
	}
	return fields, names
}

func (d *decoder) value(n *yaml.Node, into reflect.Value, path string) {
	resolved := resolve(n)
	if isNull(resolved) {
		return // "key:" without a value leaves what was there
	}
	switch {
	case into.Kind() == reflect.Struct:
		d.section(resolved, into, path)
		return
	case into.Kind() == reflect.Slice && into.Type().Elem().Kind() == reflect.Struct:
		d.list(resolved, into, path)
	case into.Kind() == reflect.String && resolved.Kind == yaml.ScalarNode:
		into.SetString(resolved.Value) // so that an account id keeps its zeros
	default:
		if err := resolved.Decode(into.Addr().Interface()); err != nil {
			d.fail(n, "%s wants %s, not %s", path, wanted(into.Type()), describe(resolved))
			return
		}
	}
	d.origin[path] = d.where(n)
}

// list decodes a sequence of sections.
func (d *decoder) list(n *yaml.Node, into reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "%s wants a list, not %s", path, describe(n))
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content)))
	for i, element := range n.Content {
		d.section(element, into.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// label begins a message about a section, of which the topmost has no name.
func label(path string) string {
	if path == "" {
		return "the file "
	}
	return path + " "
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list of " + wanted(t.Elem())
	case reflect.Map:
		return "keys and values"
	}
	return "text"
}
