package main

import (
	"errors"
	"strconv"
)

// count is a setting that counts things, 1 or above. It is a pflag.Value.
type count int

func (c *count) Type() string   { return "number" }
func (c *count) String() string { return strconv.Itoa(int(*c)) }

func (c *count) Set(value string) error {
	number, err := strconv.Atoi(value)
	if err != nil || number < 1 {
		return errors.New("must be a whole number above 0")
	}
	*c = count(number)
	return nil
}
