package main

import (
	"fmt"
	"slices"
	"strings"
)

// choice is a setting that takes one of a few words. It is a pflag.Value.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "word" }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.of, value) {
		return fmt.Errorf("must be one of %s", strings.Join(c.of, ", "))
	}
	c.value = value
	return nil
}
