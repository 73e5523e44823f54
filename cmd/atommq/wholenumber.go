package main

import (
	"errors"
	"strconv"
)

// wholeNumber is a setting that is an id or counts entries, 0 or above. It is a pflag.Value.
type wholeNumber int64

func (n *wholeNumber) Type() string   { return "number" }
func (n *wholeNumber) String() string { return strconv.FormatInt(int64(*n), 10) }

func (n *wholeNumber) Set(value string) error {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil || number < 0 {
		return errors.New("must be a whole number, 0 or above")
	}
	*n = wholeNumber(number)
	return nil
}
