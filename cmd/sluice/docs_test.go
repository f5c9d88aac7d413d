package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"sluice/cmd/sluice/internal/settings"
)

var rewrite = flag.Bool("rewrite", false, "write docs/configuration.md anew")

const (
	configSource = "../../internal/app/config*.go"
	configPage   = "../../docs/configuration.md"
)

// TestConfigurationPage generates docs/configuration.md from the comments of
// app.Config, the keys and the flags; it fails when the page is stale.
func TestConfigurationPage(t *testing.T) {
	page := configurationPage(t)
	if *rewrite {
		if err := os.WriteFile(configPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(have), page); diff != "" {
		t.Errorf("docs/configuration.md is stale: go test ./cmd/sluice -run TestConfigurationPage -rewrite\n(-have +want):\n%s", diff)
	}
}

// docField is one field of a struct of the configuration.
type docField struct {
	key     string // the yaml name
	name    string // Go's
	typ     string // Go's name of the type, without [] or *
	list    bool
	comment string
}

const pageTop = `# Configuration

<!-- Generated from internal/app/config*.go: go test ./cmd/sluice -run TestConfigurationPage -rewrite -->

A value is looked for in this order: flag, environment, file (` + "`sluice serve --config FILE`" + `
or ` + "`SLUICE_CONFIG`" + `, YAML), default. An unknown key in the file is an error that names the line; a
variable that begins with SLUICE_ and sets nothing is a warning. In the environment, whatever is not plain
text is YAML: ` + "`SLUICE_CREDENTIALS='[{access_key_id: a, secret_access_key: b}]'`" + `.
` + "`sluice serve --print-config`" + ` shows every value and where it came from.

Sizes are in bytes. The file's sections are joined by dots here: ` + "`log.shards`" + ` is

` + "```yaml\nlog:\n  shards: 1\n```\n"

func configurationPage(t *testing.T) string {
	t.Helper()
	structs := parseConfig(t)
	flags := serveFlags(t)
	var b strings.Builder
	b.WriteString(pageTop)
	b.WriteString("\n| key | environment | flag | default | |\n|---|---|---|---|---|\n")
	defaults := settings.Defaults()
	var lists []docField
	var walk func(typ, prefix, about string, values reflect.Value)
	walk = func(typ, prefix, about string, values reflect.Value) {
		for i, field := range structs[typ].fields {
			value := values.Field(i)
			meaning := cmp.Or(field.meaning(), about) // a field may leave it to its section
			if _, nested := structs[field.typ]; nested && !field.list {
				walk(field.typ, prefix+field.key+".", meaning, value)
				continue
			}
			key := prefix + field.key
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", key, envOf(t, key), flags[key],
				defaultOf(t, key, value, field.comment), meaning)
			if _, nested := structs[field.typ]; nested {
				lists = append(lists, docField{key: key, typ: field.typ})
			}
		}
	}
	walk("Config", "", "", reflect.ValueOf(defaults))
	for _, list := range lists {
		fmt.Fprintf(&b, "\n## %s[]\n\n%s\n\n| key | |\n|---|---|\n", list.key, capital(withoutName(list.typ, structs[list.typ].comment)))
		for _, field := range structs[list.typ].fields {
			fmt.Fprintf(&b, "| `%s` | %s |\n", field.key, withoutName(field.name, field.comment))
		}
	}
	b.WriteString(pageExample)
	return b.String()
}

const pageExample = `
## An example

` + "```yaml" + `
listen: 0.0.0.0:4580
credentials:
  - {access_key_id: shop, secret_access_key: 5c1e7b20a94f4d36, actions: ["logs:PutLogEvents", "logs:Create*"], regions: [us-east-1]}
  - {access_key_id: ops, secret_access_key: e0d2c86b17f94a53}
bearer_tokens:
  - {token: 0d5c3a7f8e1b4c69}
data_dir: ./sluice-data
s3: folder:./lake
pipelines:
  log_groups:
    - {logGroupName: /shop/web, retentionInDays: 30}
  delivery_streams:
    - DeliveryStreamName: lake
      ExtendedS3DestinationConfiguration:
        RoleARN: arn:aws:iam::000000000000:role/sluice
        BucketARN: arn:aws:s3:::lake
        BufferingHints: {SizeInMBs: 64, IntervalInSeconds: 60}
        CompressionFormat: GZIP
  subscription_filters:
    - logGroupName: /shop/web
      filterName: errors
      filterPattern: ERROR
      destinationArn: arn:aws:firehose:us-east-1:000000000000:deliverystream/lake
` + "```\n"

// TestPageExampleLoads keeps the example one that works.
func TestPageExampleLoads(t *testing.T) {
	_, text, _ := strings.Cut(pageExample, "```yaml\n")
	file := t.TempDir() + "/sluice.yaml"
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(text, "```\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := settings.Load(settings.Input{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Config.Pipelines.SubscriptionFilters) != 1 {
		t.Errorf("pipelines %+v", s.Config.Pipelines)
	}
}

type docStruct struct {
	comment string
	fields  []docField
}

// parseConfig reads the structs of config*.go; fields without a yaml name have no
// place in the page, and stand at the end.
func parseConfig(t *testing.T) map[string]docStruct {
	t.Helper()
	files, err := filepath.Glob(configSource)
	if err != nil {
		t.Fatal(err)
	}
	structs := make(map[string]docStruct)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		addStructs(structs, file)
	}
	return structs
}

func addStructs(structs map[string]docStruct, file *ast.File) {
	for _, declared := range file.Decls {
		general, ok := declared.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			typ := spec.(*ast.TypeSpec)
			if body, ok := typ.Type.(*ast.StructType); ok {
				structs[typ.Name.Name] = docStruct{oneLine(general.Doc), docFields(body)}
			}
		}
	}
}

func docFields(body *ast.StructType) []docField {
	var fields []docField
	for _, f := range body.Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _ := strconv.Unquote(f.Tag.Value)
		key := reflect.StructTag(tag).Get("yaml")
		if key == "-" || key == "" {
			continue
		}
		field := docField{key: key, name: f.Names[0].Name, comment: oneLine(f.Doc)}
		typ := f.Type
		if array, ok := typ.(*ast.ArrayType); ok {
			field.list, typ = true, array.Elt
		}
		if name, ok := typ.(*ast.Ident); ok {
			field.typ = name.Name
		}
		fields = append(fields, field)
	}
	return fields
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.TrimSpace(strings.Join(strings.Fields(comment.Text()), " "))
}

// meaning is the comment without the default, which has a column of its own,
// and without Go's name of the field.
func (f docField) meaning() string {
	text := strings.TrimSpace(defaultPattern.ReplaceAllString(f.comment, ""))
	return withoutName(f.name, text)
}

// withoutName makes "Name is the x" and "Name holds x" begin behind the name.
func withoutName(name, comment string) string {
	rest, ok := strings.CutPrefix(comment, name+" ")
	if !ok {
		return comment
	}
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return rest
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

var defaultPattern = regexp.MustCompile(`Default (\S+(?: [KMG]iB)?)\.(?: |$)`)

// defaultOf is the default of a key; the comment must agree with it.
func defaultOf(t *testing.T, key string, value reflect.Value, comment string) string {
	t.Helper()
	said := ""
	if found := defaultPattern.FindStringSubmatch(comment); found != nil {
		said = found[1]
	}
	switch {
	case key == "s3": // depends on data_dir
		return "`" + said + "`"
	case value.IsZero() && said == "":
		return ""
	case value.CanInt() && strings.HasSuffix(said, " MiB"):
		if mib := fmt.Sprintf("%d MiB", value.Int()>>20); mib != said {
			t.Errorf("%s: the comment says %s, the default is %s", key, said, mib)
		}
		return fmt.Sprintf("%d (%s)", value.Int(), said)
	}
	actual := fmt.Sprint(value)
	if actual != said {
		t.Errorf("%s: the comment says %q, the default is %q", key, said, actual)
	}
	return "`" + actual + "`"
}

func envOf(t *testing.T, path string) string {
	t.Helper()
	for _, key := range settings.Keys() {
		if key.Path == path {
			return key.Env
		}
	}
	t.Errorf("%s is no key of settings", path)
	return ""
}

// serveFlags are the flags of sluice serve that set a key.
func serveFlags(t *testing.T) map[string]string {
	t.Helper()
	parser, err := newParser(&commands{}, &process{})
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]string)
	for _, key := range settings.Keys() {
		names[strings.NewReplacer("_", "-", ".", "-").Replace(key.Path)] = key.Path
	}
	flags := make(map[string]string)
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			if path := names[f.Name]; path != "" && f.Target.Kind() == reflect.Pointer {
				flags[path] = "`--" + f.Name + "`"
			}
		}
	}
	if len(flags) < 10 {
		t.Errorf("only %d flags of serve set a key", len(flags))
	}
	return flags
}

// TestEveryFlagSetsItsKey gives each flag of serve that stands for a key.
func TestEveryFlagSetsItsKey(t *testing.T) {
	for path := range serveFlags(t) {
		command := &commands{}
		parser, err := newParser(command, &process{})
		if err != nil {
			t.Fatal(err)
		}
		text := "true"
		if path != "insecure" {
			text = "some-text"
		}
		flag := "--" + strings.ReplaceAll(path, "_", "-") + "=" + text
		if _, err := parser.Parse([]string{"serve", flag}); err != nil {
			t.Fatalf("%s: %v", flag, err)
		}
		if path == "roles" {
			text = "[" + text + "]" // a list
		}
		if got := command.Serve.given(); len(got) != 1 || got[path] != text {
			t.Errorf("%s sets %v", flag, got)
		}
	}
}
