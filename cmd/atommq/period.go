package main

import (
	"errors"
	"strings"
	"time"
)

// period is a setting that is a length of time: "90m", "24h". It is a pflag.Value.
type period time.Duration

func (p *period) Type() string { return "time" }

// String leaves out units that are zero: "24h" for "24h0m0s".
func (p *period) String() string {
	s := time.Duration(*p).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = strings.TrimSuffix(s, zero[1:])
		}
	}
	return s
}

func (p *period) Set(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return errors.New("must be a time above 0, like 30s, 90m or 24h")
	}
	*p = period(d)
	return nil
}
