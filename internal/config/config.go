package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// DefaultDir is config_directory when neither a flag nor MAIL_CONFIG names one.
const DefaultDir = "/etc/yubin"

// A Config is one reading of main.cf and the overrides of a command line. It
// never changes; a reload reads another one.
type Config struct {
	Dir    string // config_directory, absolute
	raw    map[string]string
	mu     sync.Mutex
	parsed map[*Def]any
}

// Load reads dir/main.cf; overrides ("name=value", from -o) come after it.
func Load(dir string, overrides []string) (*Config, error) {
	b, err := os.ReadFile(filepath.Join(dir, "main.cf"))
	if err != nil {
		return nil, err
	}
	c := &Config{Dir: dir, raw: map[string]string{}, parsed: map[*Def]any{}}
	for i, line := range append(strings.Split(string(b), "\n"), overrides...) {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s/main.cf:%d: missing '=' after attribute name", dir, i+1)
		}
		c.raw[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return c, nil
}

// Check parses the values of defs, so that Of cannot fail on them afterwards.
// Its error names file, line, parameter, value and what was expected.
func (c *Config) Check(defs []*Def) error {
	for _, d := range defs {
		if _, err := c.parse(d); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) parse(d *Def) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.parsed[d]; ok {
		return v, nil
	}
	raw, ok := c.raw[d.Name]
	if !ok {
		raw = d.Default
	}
	text := os.Expand(raw, func(name string) string {
		if name == "config_directory" {
			return c.Dir
		}
		if v, ok := c.raw[name]; ok {
			return v
		}
		if d := table[name]; d != nil {
			return d.Default
		}
		return ""
	})
	v, err := d.check(text)
	if err != nil {
		return nil, fmt.Errorf("%s/main.cf: %s: %w, have %q", c.Dir, d.Name, err, text)
	}
	c.parsed[d] = v
	return v, nil
}

func (c *Config) value(d *Def) any {
	v, err := c.parse(d)
	if err != nil {
		panic("parameter read before it was checked: " + err.Error())
	}
	return v
}
