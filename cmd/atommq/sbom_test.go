package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// partsOf returns the parts that a binary lists, by their package URLs.
func partsOf(t *testing.T, run ...string) (*bom, map[string]bomComponent) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), run[0], run[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var list bom
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	parts := make(map[string]bomComponent)
	for _, c := range list.Components {
		if parts[c.URL].URL != "" {
			t.Errorf("%s is listed twice", c.URL)
		}
		parts[c.URL] = c
	}
	return &list, parts
}

// checkModules compares a binary's list with what Go's own tool reads in the binary.
func checkModules(t *testing.T, binary string, list *bom, parts map[string]bomComponent) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := 0
	for line := range strings.Lines(string(out)) {
		field := strings.Fields(line)
		if field[0] != "dep" {
			continue
		}
		modules++
		c := parts["pkg:golang/"+field[1]+"@"+strings.ReplaceAll(field[2], "+", "%2B")]
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(field[3], "h1:"))
		if err != nil || len(c.Hashes) != 1 || c.Hashes[0] != (bomHash{"SHA-256", hex.EncodeToString(sum)}) {
			t.Errorf("%s is listed as %+v", strings.TrimSpace(line), c)
		}
	}
	if listed := len(slices.DeleteFunc(slices.Clone(list.Components), func(c bomComponent) bool { return c.Hashes == nil })); modules == 0 || listed != modules {
		t.Errorf("%d modules are listed, and %d are in the binary", listed, modules)
	}
	if goVersion := strings.Fields(string(out))[1]; parts["pkg:golang/std@"+strings.TrimPrefix(goVersion, "go")].URL == "" {
		t.Errorf("the standard library of %s is not listed", goVersion)
	}
}

// checkBOM compares the list of parts that is beside a release with what its binary says and holds.
func checkBOM(t *testing.T, binary, file string) {
	t.Helper()
	list, parts := partsOf(t, "cat", file)
	checkModules(t, binary, list, parts)
	if said := run(t, binary, "version", "--sbom"); said != text(t, file) {
		t.Errorf("the binary says\n%s", said)
	}
	for name, version := range map[string]string{
		"sqlite": strings.TrimSuffix(strings.Fields(run(t, binary, "version"))[6], ")"),
		"glibc":  strings.Fields(run(t, "getconf", "GNU_LIBC_VERSION"))[1],
	} {
		c := parts["pkg:generic/"+name+"@"+version]
		if !strings.Contains(c.CPE, ":"+name+":"+version+":") {
			t.Errorf("%s %s is listed as %+v", name, version, c)
		}
	}
	// Every part is in something.
	inside := make(map[string]bool)
	for _, d := range list.Depend {
		for _, ref := range d.On {
			inside[ref] = true
		}
	}
	for _, c := range list.Components {
		if !inside[c.Ref] {
			t.Errorf("nothing contains %s", c.Ref)
		}
	}
	if self := list.Metadata.Component; self.Name != "atommq" || self.Version != "1.2.3" || self.Ref != list.Depend[0].Ref {
		t.Errorf("the whole is %+v", self)
	}
}
