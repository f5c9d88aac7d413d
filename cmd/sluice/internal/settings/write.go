package settings

import (
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"sluice/internal/app"
)

const hidden = "(hidden)"

// WriteYAML writes the whole configuration as a file that could be given back,
// secrets excepted, with a comment on each value saying where it came from.
func (s *Settings) WriteYAML(w io.Writer) error {
	var n yaml.Node
	if err := n.Encode(withoutSecrets(s.Config)); err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	s.comment(&n, "")
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	if err := out.Encode(&n); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return out.Close()
}

func withoutSecrets(c app.Config) app.Config {
	c.Credentials = slices.Clone(c.Credentials)
	for i := range c.Credentials {
		secret := &c.Credentials[i]
		secret.SecretAccessKey = hidden
		if secret.SessionToken != "" {
			secret.SessionToken = hidden
		}
	}
	c.BearerTokens = slices.Clone(c.BearerTokens)
	for i := range c.BearerTokens {
		c.BearerTokens[i].Token = hidden
	}
	return c
}

// comment puts the origin beside each key of a section and of its sections.
func (s *Settings) comment(section *yaml.Node, path string) {
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		full := join(path, key.Value)
		if value.Kind == yaml.MappingNode {
			s.comment(value, full)
			continue
		}
		from, given := s.origin[full]
		if !given {
			from = "default"
		}
		if value.Kind == yaml.SequenceNode && len(value.Content) > 0 {
			key.HeadComment = from // a comment behind the key of a block gets lost
			continue
		}
		value.LineComment = from
	}
}
