package main

import (
	"fmt"
	"strconv"
)

// ceiling is a setting that bounds how many there are of something: from 0, for none, to most. It
// is a pflag.Value.
type ceiling struct{ value, most int }

func (c *ceiling) Type() string   { return "number" }
func (c *ceiling) String() string { return strconv.Itoa(c.value) }

func (c *ceiling) Set(value string) error {
	number, err := strconv.Atoi(value)
	if err != nil || number < 0 || number > c.most {
		return fmt.Errorf("must be a whole number from 0 to %d", c.most)
	}
	c.value = number
	return nil
}
