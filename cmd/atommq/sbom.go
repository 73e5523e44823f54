package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
)

// bom is a software bill of materials, as CycloneDX 1.5 has it
// (https://cyclonedx.org/docs/1.5/json/).
type bom struct {
	Format      string         `json:"bomFormat"`
	SpecVersion string         `json:"specVersion"`
	Version     int            `json:"version"` // of the document
	Metadata    bomMetadata    `json:"metadata"`
	Components  []bomComponent `json:"components"`
	Depend      []bomDepends   `json:"dependencies"`
}

type bomMetadata struct {
	Component bomComponent `json:"component"`
}

type bomComponent struct {
	Type     string       `json:"type"`
	Ref      string       `json:"bom-ref"`
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	URL      string       `json:"purl"`
	CPE      string       `json:"cpe,omitempty"` // by which vulnerabilities of what is no Go module are filed
	Hashes   []bomHash    `json:"hashes,omitempty"`
	Licenses []bomLicense `json:"licenses,omitempty"`
}

type bomHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type bomLicense struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

// bomDepends says which components are in one. A binary knows no more of the order in which modules
// require each other.
type bomDepends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

const sqliteModule = "github.com/mattn/go-sqlite3"

// writeBOM lists the parts of the running program, by what the linker left in it.
func writeBOM(w io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary holds no list of its modules: build it with Go modules")
	}
	text, err := json.MarshalIndent(newBOM(info, thisBuild(), libc), "", "  ")
	if err != nil {
		return fmt.Errorf("write the parts: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// newBOM lists the parts of a program.
func newBOM(info *debug.BuildInfo, b build, libc string) *bom {
	self := newComponent("application", "golang", info.Main.Path, b.Version)
	self.Licenses = make([]bomLicense, 1)
	self.Licenses[0].License.ID = "MIT"
	l := &bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Metadata: bomMetadata{self}}
	whole := bomDepends{Ref: self.Ref}
	add := func(c bomComponent, inside ...string) {
		l.Components = append(l.Components, c)
		l.Depend = append(l.Depend, bomDepends{c.Ref, inside})
	}
	sqlite := newComponent("library", "generic", "sqlite", b.SQLite)
	sqlite.CPE = "cpe:2.3:a:sqlite:sqlite:" + b.SQLite + ":*:*:*:*:*:*:*"
	add(sqlite)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := newComponent("library", "golang", m.Path, m.Version)
		c.Hashes = moduleHash(m.Sum)
		if m.Path == sqliteModule {
			add(c, sqlite.Ref)
		} else {
			add(c)
		}
		whole.On = append(whole.On, c.Ref)
	}
	add(newComponent("library", "golang", "std", strings.TrimPrefix(runtime.Version(), "go")))
	whole.On = append(whole.On, l.Components[len(l.Components)-1].Ref)
	if name, version, ok := strings.Cut(libc, " "); ok {
		c := newComponent("library", "generic", name, version)
		c.CPE = "cpe:2.3:a:gnu:" + name + ":" + version + ":*:*:*:*:*:*:*"
		add(c)
		whole.On = append(whole.On, c.Ref)
	}
	l.Depend = append([]bomDepends{whole}, l.Depend...)
	return l
}

func newComponent(kind, system, name, version string) bomComponent {
	url := "pkg:" + system + "/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	return bomComponent{Type: kind, Ref: url, Name: name, Version: version, URL: url}
}

// moduleHash gives the checksum of go.sum, "h1:" and SHA-256 in base64, the form that CycloneDX's own
// program for Go has for it. It is that of the module's files as golang.org/x/mod/sumdb/dirhash hashes them.
func moduleHash(sum string) []bomHash {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:"))
	if err != nil || len(raw) == 0 {
		return nil
	}
	return []bomHash{{"SHA-256", hex.EncodeToString(raw)}}
}
