package main

import (
	"errors"
	"fmt"
	"strconv"
)

// count is a setting that counts things: from 1 to most, where that is not 0. It is a pflag.Value.
type count struct{ value, most int }

func (c *count) Type() string   { return "number" }
func (c *count) String() string { return strconv.Itoa(c.value) }

func (c *count) Set(value string) error {
	number, err := strconv.Atoi(value)
	switch {
	case err != nil || number < 1:
		return errors.New("must be a whole number above 0")
	case c.most > 0 && number > c.most:
		return fmt.Errorf("must be at most %d", c.most)
	}
	c.value = number
	return nil
}

// counted writes how many there are of something.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
